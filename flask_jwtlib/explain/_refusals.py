"""The cause of a refusal, from what the request had."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import evolve

from .._dry_run import dry_run
from .._flask.proxies import current_flask_app, current_request
from ..errors import Refusal
from ..policies import Policy
from ..values import BearerToken, Principal
from ._causes import catalogue, find_causes
from ._doors import doors_of
from ._facts import Facts
from ._keys import innermost
from ._recorder import Recorder
from ._redaction import Redaction
from ._sent import without_scheme
from ._values import Cause
from ._walk import Walk

if TYPE_CHECKING:
    from ..authenticator import Authenticator

__all__ = ["cause_in_request", "facts_about"]


def cause_in_request(
    authenticator: Authenticator, error: Refusal, token: BearerToken | None
) -> Cause:
    """Return why the current request was refused, and the cure. No key is fetched, and nothing is logged.

    Args:
        authenticator: The ``Authenticator`` that refused it.
        error: The refusal.
        token: The refused token; None if none was found.
    """
    request = current_request()
    walk = None
    # Nothing is logged in a dry run, not even that a package has broken causes.
    catalogue()
    with dry_run(fetch_keys=False) as run:
        if token is None:
            given = request.headers.get("Authorization", "")
            text, _ = without_scheme(given, authenticator)
        else:
            given = text = token.value
            run.observer = recorder = Recorder(run)
            walk = Walk(token, recorder, authenticator.validator, authenticator.keys)
            walk.go()
        policies = list(authenticator.policies)
        for door in doors_of(authenticator, request.endpoint):
            policies += door.policies
        facts = facts_about(
            error,
            authenticator,
            given=given,
            token=text,
            walk=walk,
            caller=error.context.principal,
            policies=policies,
            endpoint=request.endpoint,
            may_fetch=False,
        )
        return Redaction({given, text}).cause(find_causes(facts)[0])


def facts_about(
    error: Refusal,
    authenticator: Authenticator,
    *,
    given: str,
    token: str,
    walk: Walk | None,
    caller: Principal | None,
    policies: Iterable[Policy],
    endpoint: str | None,
    may_fetch: bool,
) -> Facts:
    """Return what is known about a refused token.

    Args:
        error: The refusal.
        authenticator: The ``Authenticator`` that refuses it.
        given: The text that was given.
        token: The token in it.
        walk: What the validators do with it; None if no token was found.
        caller: The caller, if the token was accepted. Claims of an API key, for example, aren't in its text.
        policies: The policies that apply.
        endpoint: The endpoint that the token was sent to, or None.
        may_fetch: Whether keys could be fetched.
    """
    known = Facts(
        error=error,
        authenticator=authenticator,
        given=given,
        token=token,
        policies=tuple(policies),
        now=time.time(),
        endpoint=endpoint,
        may_fetch=may_fetch,
        config=current_flask_app().config,
    )
    if walk is None:
        return known
    return evolve(
        known,
        header=walk.header,
        claims=walk.claims if caller is None else caller.claims,
        verified=walk.verified or caller is not None,
        refusals=walk.all_refusals,
        rules=walk.rules,
        algorithms=walk.algorithms,
        provider=innermost(walk.provider),
        keys=walk.keys,
        evidence=walk.token.evidence,
        now=walk.now,
    )
