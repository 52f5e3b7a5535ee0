"""Causes in the audience: the token is for another API, or for none."""

from __future__ import annotations

from collections.abc import Callable

from flask_jwtlib.errors import UnacceptedAudienceError, WrongAudienceError
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.log_text import quoted

from ._places import same_but_environment
from ._refused_audiences import audiences_of, is_without_audience
from ._settings import setting

__all__ = ["FINDERS"]

_CLIENT_CLAIMS = ("azp", "appid", "client_id", "cid")
_MOST = 20


def _pair(facts: Facts, fits: Callable[[str, str], object]) -> tuple[str, str] | None:
    """Return an audience of the token and one of the app's that fit."""
    ours = facts.audiences[:_MOST]
    return next(
        ((theirs, mine) for theirs in audiences_of(facts) for mine in ours if fits(theirs, mine)),
        None,
    )


def _differing(pair: tuple[str, str]) -> str:
    return f"aud is {quoted(pair[0])} and the app expects {quoted(pair[1])}"


@recognises("audience-slash", by_claims=True)
def slash(facts: Facts) -> Found | None:
    """The two audiences differ only by a slash at the end."""
    pair = _pair(facts, lambda theirs, mine: theirs.rstrip("/") == mine.rstrip("/"))
    if pair is None:
        return None
    return Found(f"{_differing(pair)}: they differ only by the slash at the end.", _spelling(facts))


@recognises("audience-api-prefix", by_claims=True)
def api_prefix(facts: Facts) -> Found | None:
    """The two audiences differ only by ``api://``, as in Entra ID's versions 1 and 2."""
    pair = _pair(
        facts, lambda theirs, mine: theirs.removeprefix("api://") == mine.removeprefix("api://")
    )
    if pair is None:
        return None
    return Found(
        f"{_differing(pair)}: they differ only by api://, as in tokens of Entra ID's versions 1 "
        "and 2.",
        "Look at requestedAccessTokenVersion in the manifest of the API's app registration: with "
        f"2, set {setting(facts, 'audience')} to the client ID, and with 1 to the Application ID "
        "URI, which begins with api://.",
    )


@recognises("audience-http", by_claims=True)
def scheme(facts: Facts) -> Found | None:
    """The two audiences differ only by ``http://`` or ``https://``."""
    pair = _pair(facts, lambda theirs, mine: _without_scheme(theirs) == _without_scheme(mine))
    if pair is None:
        return None
    return Found(f"{_differing(pair)}: they differ only by http:// or https://.", _spelling(facts))


def _without_scheme(audience: str) -> str:
    return audience.removeprefix("https://").removeprefix("http://").rstrip("/")


@recognises("audience-case", by_claims=True)
def case(facts: Facts) -> Found | None:
    """The two audiences differ only by upper and lower case."""
    pair = _pair(facts, lambda theirs, mine: theirs.lower() == mine.lower())
    if pair is None:
        return None
    return Found(
        f"{_differing(pair)}: they differ only by upper and lower case, which counts.",
        _spelling(facts),
    )


def _spelling(facts: Facts) -> str:
    return (
        "Use one spelling: that of the API at the provider, such as Auth0's Identifier, in what "
        f"the client requests and in {setting(facts, 'audience')}."
    )


@recognises("audience-environment", by_claims=True)
def environment(facts: Facts) -> Found | None:
    """The two audiences differ in a word such as ``dev`` or ``prod``."""
    pair = _pair(facts, same_but_environment)
    if pair is None:
        return None
    return Found(
        f"{_differing(pair)}: they seem to be two environments of one API.",
        f"Let the client request a token for {quoted(pair[1])}; or if this deployment belongs to "
        f"another environment, correct its {setting(facts, 'audience')}.",
    )


@recognises("audience-is-client", by_claims=True)
def client_id(facts: Facts) -> Found | None:
    """The audience is the client itself: an ID token, or a token without a resource."""
    clients = {facts.text(claim) for claim in _CLIENT_CLAIMS} - {""}
    found = [audience for audience in audiences_of(facts) if audience in clients]
    if not found:
        return None
    return Found(
        f"aud is {quoted(found[0])}, the client that requested the token: it is an ID token, or a "
        "token that was requested for no API.",
        "Let the client request a token for this API, by the parameter audience, resource or "
        f"scope, so that aud is {_expected(facts)}, and send the access token.",
    )


@recognises("audience-not-configured", by_claims=True)
def not_configured(facts: Facts) -> Found | None:
    """The token has an audience, and the app has none configured."""
    if not isinstance(facts.error, UnacceptedAudienceError):
        return None
    return Found(
        f"The token is for {quoted(facts.claims.get('aud'))}, and the app doesn't say which "
        "audience it is.",
        f"Set {setting(facts, 'audience')} to the name that this API has at the provider; if that "
        "isn't the name in the token, the token is for another API, and is refused rightly.",
    )


@recognises("audience-missing", by_claims=True)
def missing(facts: Facts) -> Found | None:
    """The token has no ``aud``, and the app requires one."""
    if not is_without_audience(facts.error):
        return None
    return Found(
        f"The token has no aud, and the app requires {_expected(facts)}.",
        "Let the client request a token for this API, often by the parameter audience or "
        f"resource, or let the provider add the audience {_expected(facts)}.",
    )


@recognises("wrong-audience", by_claims=True)
def other(facts: Facts) -> Found | None:
    """The token is for another API."""
    if not isinstance(facts.error, WrongAudienceError):
        return None
    return Found(
        f"The token is for another API: aud is {quoted(facts.claims.get('aud'))}, and the app "
        f"expects {_expected(facts)}.",
        f"Let the client request a token for {_expected(facts)}; or if that isn't this API's name "
        f"at the provider, correct {setting(facts, 'audience')}.",
    )


def _expected(facts: Facts) -> str:
    return " or ".join(map(quoted, facts.audiences[:5])) or "an audience"


FINDERS = (slash, api_prefix, scheme, case, environment, client_id, not_configured, missing, other)
