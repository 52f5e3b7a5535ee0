"""What a request takes from its session, so that the session's settings win over the environment's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict
from requests.utils import default_user_agent

from flask_jwtlib import __version__

from .client_library import requests
from .urls import is_loopback

__all__ = ["hooks_of", "proxies_for", "user_agent_of", "verify_of"]

Hook = Callable[..., Any]


def hooks_of(session: requests.Session) -> list[Hook]:
    """Return a session's hooks for responses, of which ``requests`` takes one or several."""
    hooks: Any = (session.hooks or {}).get("response")
    several = hooks if hasattr(hooks, "__iter__") else (hooks,)
    return [hook for hook in several if callable(hook)]


def user_agent_of(session: requests.Session | None) -> Any:
    """Return the ``User-Agent`` that a session was given, or else ours."""
    headers: Mapping[str, Any] = {} if session is None else CaseInsensitiveDict(session.headers)
    own = headers.get("User-Agent")
    return own if own and own != default_user_agent() else f"flask_jwtlib/{__version__}"


def verify_of(session: requests.Session) -> Any:
    """Return which CA a request trusts, None for the environment's or the default ones.

    ``requests`` lets ``REQUESTS_CA_BUNDLE`` win over a session's ``verify``, unless the request says it.
    """
    return None if session.verify is True else session.verify


def proxies_for(url: str, session: requests.Session) -> Any:
    """Return a request's proxies, None for those of the environment.

    ``requests`` lets ``HTTPS_PROXY`` and the like win over a session's proxies, unless the request names
    them. Plain HTTP goes to its host directly unless the session has a proxy for it, and always directly to
    this machine: whoever passes it on could change the keys.
    """
    parts = urlsplit(url)
    # In the order in which requests looks for them.
    names = (
        f"{parts.scheme}://{parts.hostname}",
        parts.scheme,
        f"all://{parts.hostname}",
        "all",
    )
    own: Mapping[str, Any] = session.proxies or {}
    chosen = [own[name] for name in names if name in own]
    if parts.scheme == "http" and (not chosen or is_loopback(parts.hostname or "")):
        # None takes a session's away, too.
        return dict.fromkeys(names)
    # An empty one means none.
    return {**own, names[0]: chosen[0] or ""} if chosen else own or None
