"""Checks of the validators that use a source's keys: whose tokens they accept, and their times."""

from __future__ import annotations

import re
from typing import Any

from flask_jwtlib import Audience, Issuer, JWTValidator
from flask_jwtlib.claim_rules import Client, Expiry, MaxLifetime
from flask_jwtlib.log_text import quoted

from ..key_providers.oidc import OIDCKeyProvider
from ._asking import Reply
from ._context import Context
from ._issuers import difference, only_spelling
from ._sources import Use

__all__ = ["check_rules"]

# Seconds. Longer leeways accept tokens long after they expired.
_LONG_LEEWAY = 300
_LONGEST_SHOWN = 200
# The audience that Keycloak gives to the tokens of all clients.
_EVERYONES = "account"
_COGNITO = re.compile(r"https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com/")


def check_rules(context: Context, metadata: Reply | None = None) -> None:
    """Check the rules of the validators that use fetched keys.

    Args:
        context: The examination.
        metadata: The response with the issuer's metadata, if there is any.
    """
    for use in context.source.uses:
        _check_issuer(context, use, metadata)
        if isinstance(use.validator, JWTValidator):
            _check_audience(context, use.validator)
            _check_times(context, use.validator)
            _check_secrets(context, use.validator)


def _accepted_issuers(use: Use) -> list[str] | None:
    """Return the accepted ``iss``; empty if any is accepted, None if that isn't known."""
    if use.issuer is not None:
        return [use.issuer]
    if not isinstance(use.validator, JWTValidator):
        return None
    return [name for rule in _rules(use.validator, Issuer) for name in rule.accepted]


def _rules(validator: JWTValidator, kind: type) -> list[Any]:
    return [rule for rule in validator.rules if isinstance(rule, kind)]


def _check_issuer(context: Context, use: Use, metadata: Reply | None) -> None:
    report, words, provider = context.report, context.source.words, context.source.keys
    accepted = _accepted_issuers(use)
    if accepted is None:
        return
    if not accepted:
        wanted = provider.issuer if isinstance(provider, OIDCKeyProvider) else "…"
        report.warn(
            "iss of tokens",
            "tokens of every issuer that these keys sign for are accepted",
            f"Set {words.name('token_issuer')} to the iss of its tokens."
            if "token_issuer" in words.names
            else f"Add Issuer('{wanted[:_LONGEST_SHOWN]}') to the validator's rules.",
        )
        return
    shown = " or ".join(quoted(name, _LONGEST_SHOWN) for name in accepted)
    content = {} if metadata is None else metadata.content
    origin: str = content.get("issuer", getattr(provider, "issuer", ""))
    # AD FS names the issuer of its access tokens separately.
    known = (origin, getattr(provider, "issuer", ""), content.get("access_token_issuer"))
    if not origin or any(name in known for name in accepted):
        report.ok("iss of tokens", f"must be {shown}")
        return
    text = f"must be {shown}, but the keys are those of {quoted(origin, _LONGEST_SHOWN)}"
    spelled = [name for name in accepted if only_spelling(name, origin)]
    if spelled:
        report.fail(
            "iss of tokens",
            f"{text}; they differ in {difference(spelled[0], origin)[0]}",
            f"Set {_set_issuer(context, use, origin)}, exactly so.",
        )
    elif any("the path" not in difference(name, origin) for name in accepted):
        report.ok("iss of tokens", f"{text}, the same issuer at another address")
    else:
        report.warn(
            "iss of tokens",
            text,
            f"Unless that issuer's tokens have another iss, set {_set_issuer(context, use, origin)}.",
        )


def _set_issuer(context: Context, use: Use, issuer: str) -> str:
    if use.issuer is not None:
        return f"TrustedIssuer({quoted(issuer, _LONGEST_SHOWN)}, …)"
    words = context.source.words
    if "token_issuer" in words.names:
        return words.set("token_issuer", issuer)
    return f"{words.set('token_issuer', issuer)} or Issuer({quoted(issuer, _LONGEST_SHOWN)})"


def _check_audience(context: Context, validator: JWTValidator) -> None:
    report, words = context.report, context.source.words
    audience = [name for rule in _rules(validator, Audience) for name in rule.accepted]
    clients = [name for rule in _rules(validator, Client) for name in rule.accepted]
    named = f"must be {' or '.join(quoted(name) for name in audience)}" if audience else ""
    if _EVERYONES in audience and not clients:
        report.warn(
            "audience",
            f"{named}: Keycloak writes 'account' into the tokens of every client of the realm",
            "Add an audience mapper for this API to a client scope in Keycloak and set "
            f"{words.name('audience')} to its value, or add Client('…') to the rules.",
        )
    elif audience and _COGNITO.match(getattr(context.source.keys, "issuer", "")):
        report.warn(
            "audience",
            f"{named}, and Amazon Cognito's access tokens have no aud without resource binding",
            f"Unless your clients use resource binding, replace {words.name('audience')} by Client('…') and "
            "TokenUse('access') in the rules.",
        )
    elif audience:
        report.ok("audience", named)
    elif clients:
        report.ok("audience", "tokens must have none, and name an accepted client")
    else:
        report.warn(
            "audience",
            "none is configured, so tokens that have an aud are refused, and others are accepted whatever "
            "API they are for",
            f"Set {words.name('audience')} to this API's name in the tokens' aud."
            if "audience" in words.names
            else "Add Audience('…') to the validator's rules, with this API's name in the tokens' aud.",
        )


def _check_times(context: Context, validator: JWTValidator) -> None:
    leeway = max([validator.leeway, *(rule.leeway for rule in _rules(validator, Expiry))])
    longest = min((rule.seconds for rule in _rules(validator, MaxLifetime)), default=None)
    name = context.source.words.name("leeway")
    if longest is not None and leeway >= longest:
        context.report.warn(
            "leeway",
            f"{leeway:g} s is no less than MaxLifetime, {longest:g} s: tokens are accepted for twice as long",
            f"Lower {name} to the difference of the clocks, such as 30.",
        )
    elif leeway > _LONG_LEEWAY:
        context.report.warn(
            "leeway",
            f"tokens are accepted for {leeway:g} s after they expired",
            f"Lower {name} to the difference of the clocks, such as 30.",
        )


def _check_secrets(context: Context, validator: JWTValidator) -> None:
    secret = [name for name in validator.algorithms if name.startswith("HS")]
    if secret and hasattr(context.source.keys, "fetch"):
        context.report.warn(
            "algorithms",
            f"{' and '.join(secret)} needs a shared secret, and fetched keys aren't secret",
            f"Remove {' and '.join(secret)} from {context.source.words.name('algorithms')}.",
        )
