"""Why there is no response from a provider, and what to do about it."""

from __future__ import annotations

import os
import re
import socket
import ssl
from urllib.parse import urlsplit

from attrs import frozen

from flask_jwtlib.log_text import error_text, one_line

from .._http.urls import is_loopback, origin_of
from ._asking import Reply

__all__ = ["Fault", "connection_fault"]

_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})")
_NO_CA_FILE = "Could not find a suitable TLS CA certificate bundle"
_NO_CLIENT_FILE = "Could not find the TLS "
_PROXY_SETTINGS = "HTTPS_PROXY (or proxies of the session)"
_NO_WILDCARD = (
    " NO_PROXY has '*.', which matches no host: write '.example' in place of '*.example'."
)
_TRUST = "REQUESTS_CA_BUNDLE, or verify of the session, to a file with that CA's certificate"
# The numbers of OpenSSL's X509_V_ERR_…
_NOT_YET, _EXPIRED = 9, 10
_UNTRUSTED = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})
# OpenSSL's reasons if what it received isn't TLS.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


@frozen
class Fault:
    """What is wrong, and what to change."""

    text: str
    cure: str


def connection_fault(reply: Reply) -> Fault:
    """Explain why a request has no response."""
    fault = _fault_of(reply)
    has_wildcard = any("*." in os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    if reply.route.proxy is not None and has_wildcard:
        return Fault(fault.text, fault.cure + _NO_WILDCARD)
    return fault


def _fault_of(reply: Reply) -> Fault:
    cause = None if reply.error is None else reply.error.__cause__
    proxy = reply.route.proxy
    refused = _TUNNEL.search(str(cause))
    if proxy is not None and refused is not None:
        return _refused_by_proxy(reply, proxy, int(refused[1]))
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _untrusted(reply, cause)
    if isinstance(cause, ssl.SSLError):
        return _tls(reply, cause)
    if isinstance(cause, socket.gaierror | ConnectionRefusedError):
        return _unreachable(reply, cause)
    text = "" if reply.error is None else error_text(reply.error)
    if isinstance(cause, TimeoutError) or "no complete response within" in text:
        return _timeout(reply)
    if isinstance(cause, OSError):
        return _system(reply, cause)
    if proxy is not None:
        return _unusable_proxy(proxy, _without_url(text))
    return _closed(reply, _without_url(text))


def _refused_by_proxy(reply: Reply, proxy: str, status: int) -> Fault:
    host = _place(reply.url)
    if status == 407:
        return Fault(
            f"the proxy {proxy} requires credentials (407)",
            f"Put a user name and a password into the proxy's URL in {_PROXY_SETTINGS}.",
        )
    if status in (401, 403):
        return Fault(
            f"the proxy {proxy} doesn't allow connections to {host} ({status})",
            f"Have the proxy allow {host}, or list the host in NO_PROXY if it can be reached directly.",
        )
    return Fault(
        f"the proxy {proxy} can't connect to {host} ({status})",
        f"Check whether the proxy can reach {host}, or list the host in NO_PROXY if it can be reached "
        "directly.",
    )


def _unusable_proxy(proxy: str, why: str) -> Fault:
    socks = " For SOCKS, install requests[socks]." if proxy.startswith("socks") else ""
    return Fault(f"the proxy {proxy} can't be used: {why}", f"Correct {_PROXY_SETTINGS}.{socks}")


def _untrusted(reply: Reply, error: ssl.SSLCertVerificationError) -> Fault:
    host, proxy, trusted = _place(reply.url), reply.route.proxy, reply.route.trusted
    code = error.verify_code
    why = one_line(error.verify_message, 200)
    if code == _EXPIRED:
        return Fault(
            f"TLS: the certificate of {host} has expired",
            "Have the certificate renewed; if others accept it, correct the clock of this machine.",
        )
    if code == _NOT_YET:
        return Fault(
            f"TLS: the certificate of {host} isn't valid yet",
            "Correct the clock of this machine, or of the one that issued the certificate.",
        )
    if code in _OTHER_NAME:
        return Fault(
            f"TLS: the certificate is for another host name ({why})",
            "Use the host name that the certificate is for, or have the server get a certificate for "
            f"{urlsplit(reply.url).hostname}.",
        )
    if code not in _UNTRUSTED:
        return Fault(
            f"TLS: the certificate of {host} is refused ({why})",
            "Have the server, or the proxy that intercepts TLS, use certificates that comply with RFC 5280.",
        )
    by = "a default CA" if trusted is True else f"a CA in {trusted}"
    if proxy is not None:
        return Fault(
            f"TLS: the certificate isn't signed by {by} ({why}), and requests go through the proxy {proxy}, "
            "which may intercept TLS",
            f"If the proxy does, set {_TRUST}.",
        )
    unread = (
        " SSL_CERT_FILE isn't read." if "SSL_CERT_FILE" in os.environ and trusted is True else ""
    )
    return Fault(
        f"TLS: the certificate of {host} isn't signed by {by} ({why})",
        f"For a private CA, set {_TRUST}; for a public one, have the server send its intermediate "
        f"certificates.{unread}",
    )


def _tls(reply: Reply, error: ssl.SSLError) -> Fault:
    host = _place(reply.url)
    if error.reason in _NO_TLS:
        proxy = reply.route.proxy
        if proxy is not None and proxy.startswith("https:"):
            return Fault(
                f"the proxy {proxy} doesn't speak TLS",
                f"Use http:// in {_PROXY_SETTINGS}: the connection through it is encrypted all the same.",
            )
        return Fault(
            f"{host} doesn't speak TLS at this port",
            "Correct the port; if the server has only plain HTTP and you control the network to it, use "
            f"http:// in the URL and list {host} in allow_http.",
        )
    why = one_line((error.reason or str(error)).replace("_", " ").lower(), 200)
    return Fault(
        f"TLS: the connection to {host} failed ({why})",
        "Compare the TLS versions of both sides; if the server requires a client certificate, set cert of "
        "the session.",
    )


def _unreachable(reply: Reply, error: OSError) -> Fault:
    """Explain a name that can't be resolved, or a port where nothing listens."""
    proxy = reply.route.proxy
    unknown = isinstance(error, socket.gaierror)
    fault = "can't be resolved by DNS" if unknown else "refuses connections: nothing listens there"
    if proxy is not None:
        return Fault(
            f"the proxy {proxy} {fault}",
            f"Correct {_PROXY_SETTINGS}, or list the provider's host in NO_PROXY.",
        )
    host = urlsplit(reply.url).hostname or ""
    if unknown:
        return Fault(
            f"the host name {host} {fault}",
            "Correct the name in the URL, or the DNS settings of this machine or container.",
        )
    inside = " In a container, this address is the container itself." if is_loopback(host) else ""
    return Fault(
        f"{_place(reply.url)} {fault}",
        f"Start the provider, or correct the host and the port in the URL.{inside}",
    )


def _timeout(reply: Reply) -> Fault:
    text = "" if reply.error is None else error_text(reply.error)
    # The system itself may give up earlier.
    within = f" within {text.rpartition(' within ')[2]}" if " within " in text else " in time"
    proxy = reply.route.proxy
    if proxy is not None:
        return Fault(
            f"no response through the proxy {proxy}{within}",
            f"Check whether the proxy can be reached and is right, in {_PROXY_SETTINGS}, or list the "
            "provider's host in NO_PROXY.",
        )
    return Fault(
        f"no response from {_place(reply.url)}{within}",
        "Allow the connection in firewalls, or set HTTPS_PROXY if this network needs a proxy; if the "
        "provider is that slow, raise fetch_timeout.",
    )


def _system(reply: Reply, error: OSError) -> Fault:
    text = str(error)
    if text.startswith(_NO_CA_FILE):
        return Fault(
            f"TLS: the file with the trusted CAs doesn't exist: {reply.route.trusted}",
            "Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or verify of the session.",
        )
    if text.startswith(_NO_CLIENT_FILE):
        return Fault(
            "TLS: the file with the client's certificate or key doesn't exist",
            "Correct cert of the session.",
        )
    why = one_line(error.strerror or text, 200)
    if reply.route.proxy is not None:
        return _unusable_proxy(reply.route.proxy, why)
    if isinstance(error, ConnectionError):
        return _closed(reply, "connection closed")
    return Fault(
        f"{_place(reply.url)} can't be reached: {why}",
        "Check the network of this machine or container.",
    )


def _closed(reply: Reply, why: str) -> Fault:
    if urlsplit(reply.url).scheme == "http":
        return Fault(
            f"{_place(reply.url)} sent no HTTP response ({why}); servers that expect TLS do this",
            "If the server has TLS at this port, use https:// in the URL; otherwise look at its log.",
        )
    return Fault(
        f"{_place(reply.url)} sent no HTTP response ({why})", "Look at the log of the server."
    )


def _place(url: str) -> str:
    """Return a URL's host and port."""
    _, host, port = origin_of(url)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _without_url(text: str) -> str:
    """Return the text of a FetchError without the URL at its beginning."""
    return one_line(text.partition(": ")[2] or text, 300)
