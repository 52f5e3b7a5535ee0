"""The settings that a request takes from its session, which override the environment's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen
from requests.structures import CaseInsensitiveDict
from requests.utils import default_user_agent, select_proxy

from flask_jwtlib import __version__

from .client_library import requests
from .urls import is_loopback

__all__ = ["Route", "hooks_of", "proxies_for", "route_of", "user_agent_of", "verify_of"]

Hook = Callable[..., Any]


@frozen
class Route:
    """How a client connects to a host.

    Attributes:
        proxy: The proxy's URL without credentials, None for a direct connection.
        trusted: The file or directory with the trusted CAs; True for the default ones, which are those of
            ``certifi``; False if certificates aren't checked.
    """

    proxy: str | None
    trusted: bool | str


def route_of(session: requests.Session, url: str) -> Route:
    """Return how a session connects to a URL's host."""
    settings = session.merge_environment_settings(
        url, proxies_for(url, session) or {}, None, verify_of(session), None
    )
    proxy = select_proxy(url, settings["proxies"])
    verify: Any = settings["verify"]
    if proxy:
        # Both are valid: "proxy:3128" and "http://proxy:3128".
        scheme, _, place = f"{'' if '//' in proxy else 'http://'}{proxy}".partition("//")
        proxy = f"{scheme}//{place.rpartition('@')[2].partition('/')[0]}"
    return Route(proxy or None, verify if isinstance(verify, bool | str) else str(verify))


def hooks_of(session: requests.Session) -> list[Hook]:
    """Return a session's response hooks. ``requests`` accepts one hook or several."""
    hooks: Any = (session.hooks or {}).get("response")
    several = hooks if hasattr(hooks, "__iter__") else (hooks,)
    return [hook for hook in several if callable(hook)]


def user_agent_of(session: requests.Session | None) -> Any:
    """Return the ``User-Agent`` that the application set on its session, or else ours."""
    headers: Mapping[str, Any] = {} if session is None else CaseInsensitiveDict(session.headers)
    own = headers.get("User-Agent")
    return own if own and own != default_user_agent() else f"flask_jwtlib/{__version__}"


def verify_of(session: requests.Session) -> Any:
    """Return a request's ``verify``, None for the CAs of the environment or the default ones.

    Without it in the request, ``REQUESTS_CA_BUNDLE`` would override a session's ``verify``.
    """
    return None if session.verify is True else session.verify


def proxies_for(url: str, session: requests.Session) -> Any:
    """Return a request's proxies, None for those of the environment.

    Without them in the request, variables such as ``HTTPS_PROXY`` would override a session's proxies.
    A proxy could change keys that are fetched over plain HTTP. Such requests use only a proxy of the
    session's, and none to this machine.
    """
    parts = urlsplit(url)
    # In the order in which requests looks them up.
    names = (
        f"{parts.scheme}://{parts.hostname}",
        parts.scheme,
        f"all://{parts.hostname}",
        "all",
    )
    own: Mapping[str, Any] = session.proxies or {}
    chosen = [own[name] for name in names if name in own]
    if parts.scheme == "http" and (not chosen or is_loopback(parts.hostname or "")):
        # None removes a session's proxy, too.
        return dict.fromkeys(names)
    # An empty string means no proxy.
    return {**own, names[0]: chosen[0] or ""} if chosen else own or None
