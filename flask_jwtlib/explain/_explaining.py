"""Explains what an ``Authenticator`` makes of a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from .._dry_run import dry_run
from .._flask.proxies import current_app_or_none
from ..app_authenticator import AppAuthenticator
from ..authenticator import Authenticator
from ..errors import ConfigurationError
from ._causes import catalogue
from ._decision import Decision
from ._sent import sent, without_scheme
from ._summary import summary_of
from ._target import Target
from ._values import Explanation

__all__ = ["explain"]


def explain(
    authenticator: Authenticator | AppAuthenticator,
    token: str,
    *,
    app: Flask | None = None,
    endpoint: str | None = None,
    method: str | None = None,
    view_args: Mapping[str, Any] | None = None,
    fetch_keys: bool = False,
) -> Explanation:
    """Explain what an ``Authenticator`` makes of a token: every step, the response, the cause and its cure.

    ::

        print(explain(auth, text).cause)

    It decides as for a request that has the token where the extractor looks for it, with the same functions.
    It calls the strategies, rules and policies, which may read a database, and the failure handler, which
    makes the response. It calls neither the view nor the app's own functions before and after a request, and
    logs, signals and remembers nothing. It has an app context of its own, at whose end teardown functions of
    the app are called.

    A rule that comes after the first failing one is applied, too. After an invalid signature, only rules of
    this package see the claims.

    Args:
        authenticator: The ``Authenticator``, or an ``AppAuthenticator``.
        token: The token, or a whole ``Authorization`` header.
        app: The app. By default the current one.
        endpoint: Explain what the guards and decorators of this endpoint make of it. By default, only what
            the ``Authenticator`` itself does.
        method: The request's method. By default one that the endpoint accepts, and with which the extractor
            finds the token.
        view_args: The arguments in the endpoint's URL.
        fetch_keys: Whether keys may be fetched. Otherwise only those that a provider already has are used.

    Raises:
        ConfigurationError: The token isn't a string, or the app has no such endpoint.
    """
    given: object = token
    if not isinstance(given, str):
        raise ConfigurationError(f"explain takes the token as a str, not {type(given).__name__}")
    # Nothing is logged in a dry run, not even that a package has broken causes.
    catalogue()
    used = app or current_app_or_none() or Flask("flask_jwtlib")
    target = Target(endpoint=endpoint, method=method, view_args=view_args or {})
    with used.app_context():
        chosen = authenticator.authenticator_in(used)
        text, had_scheme = without_scheme(given, chosen)
        with (
            dry_run(fetch_keys=fetch_keys) as run,
            sent(used, chosen, text, target) as request,
        ):
            decision = Decision(chosen, used, text, request, run, target)
            decision.make()
            return summary_of(decision, given, had_scheme=had_scheme)
