"""Where a request came from, and whether that is this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any

from attrs import field, frozen
from flask import current_app, has_app_context

from flask_jwtlib.evidence import MustBeConfirmed
from flask_jwtlib.log_text import quoted

__all__ = ["RequestOrigin", "in_debug_mode"]

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOCAL_HOST = re.compile(
    rf"(?:(?:{_LABEL}\.){{0,8}}localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{{1,5}}))?",
    re.ASCII | re.IGNORECASE,
)
_HIGHEST_PORT = 65_535
# Headers that a proxy, a load balancer, a content delivery network or a tunnel adds, and what others
# of theirs begin with: as WSGI names them, without "HTTP_" and without "X_" or "Z_".
_NAMES = frozenset((
    "CDN", "CLIENTIP", "CLIENT_IP", "CLUSTER_CLIENT_IP", "COMING_FROM", "DISGUISED_HOST",
    "DO_CONNECTING_IP", "FRONT_END_HTTPS", "HOST", "HTTP_HOST_OVERRIDE", "IP", "REQUEST_START",
    "REWRITE_URL", "RNDR_ID", "SCHEME", "SOURCE_IP", "TRUE_CLIENT_IP", "URL_SCHEME", "USERIP",
    "USER_IP", "VARNISH", "VIA", "WAS_DEFAULT_HOSTNAME",
))  # fmt: skip
_PREFIXES = (
    "AKAMAI_", "AMZ", "APPENGINE_", "ARR_", "AZURE_", "BLUECOAT_", "CDN_", "CF_", "CLIENT_CERT",
    "CLOUDFRONT_", "CLOUD_", "CONSUMER_", "EDGE_", "ENVOY_", "FASTLY_", "FLY_", "FORWARD",
    "GATEWAY_", "GOOG_", "INCAP_", "KONG_", "MY_FORWARD", "NF_", "NGINX_", "NGROK_",
    "ORIGINAL_", "ORIGINATING_", "PROX", "RAILWAY_", "REAL_", "REMOTE_", "SSL_CLIENT",
    "SUCURI_", "TAILSCALE_", "VERCEL_", "WAWS_", "WL_PROX", "XROXY_",
)  # fmt: skip
_HOST = "HTTP_HOST"
_PROXY_FIX = "werkzeug.proxy_fix.orig"
_SHOWN = 5
_LONGEST_NAME = 80


def in_debug_mode() -> bool:
    """Return whether there is a current app, and its ``debug`` is True."""
    # As a setting, it may be any text, such as "false".
    return has_app_context() and current_app.debug is True


@frozen
class RequestOrigin(MustBeConfirmed):
    """Evidence: where a request with a development token came from.

    Attributes:
        peer: The address at the other end of the connection, as the server says. None if it doesn't.
        host: The ``Host`` header. None without one.
        forwarded_by: What shows that something in front of the app forwarded the request.
        debug: Whether ``app.debug`` was True. As a part of the token's equality, it keeps a cache from
            returning what was accepted in debug mode.
    """

    peer: str | None
    host: str | None = field(kw_only=True)
    forwarded_by: tuple[str, ...] = field(kw_only=True)
    debug: bool = field(kw_only=True)

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> RequestOrigin:
        """Return where the request of a WSGI environment came from."""
        forwarded_by = [
            f"its header {name[5:].replace('_', '-').title()}"
            for name in environ
            if name != _HOST and _is_added_by_proxies(name)
        ]
        if _PROXY_FIX in environ:
            # It has replaced the peer and the host by what headers say, or can do so.
            forwarded_by.append("werkzeug.middleware.proxy_fix, which is for apps behind a proxy")
        return cls(
            _text(environ.get("REMOTE_ADDR")),
            host=_text(environ.get(_HOST)),
            forwarded_by=tuple(forwarded_by),
            debug=in_debug_mode(),
        )

    @property
    def faults(self) -> list[str]:
        """Why the request isn't a local one in debug mode; nothing if it is."""
        faults: list[str] = []
        if not self.debug:
            faults.append("app.debug is off")
        if self.forwarded_by:
            shown = ", ".join(map(_cut, self.forwarded_by[:_SHOWN]))
            faults.append(f"the request was forwarded, by {shown}")
        if not _is_loopback(self.peer):
            faults.append(f"the peer is {quoted(self.peer)}, expected a loopback address")
        if not _is_local(self.host):
            faults.append(
                f"the Host is {quoted(self.host)}, expected localhost, 127.0.0.1, [::1] or a name below "
                ".localhost"
            )
        return faults


def _is_added_by_proxies(variable: str) -> bool:
    header = variable.removeprefix("HTTP_")
    bare = header.removeprefix("X_").removeprefix("Z_")
    return header != variable and (bare in _NAMES or bare.startswith(_PREFIXES))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _cut(text: str) -> str:
    return text[:_LONGEST_NAME]


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        address = address.ipv4_mapped or address
    return address.is_loopback


def _is_local(host: str | None) -> bool:
    found = _LOCAL_HOST.fullmatch(host or "")
    return found is not None and int(found["port"] or 0) <= _HIGHEST_PORT
