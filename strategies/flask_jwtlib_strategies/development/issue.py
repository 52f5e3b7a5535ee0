"""Makes development tokens, as ``flask jwtlib token`` does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from flask_jwtlib import (
    Audience,
    AuthenticationError,
    BearerToken,
    ConfigurationError,
    VerificationUnavailable,
)
from flask_jwtlib.audit import authenticators_of
from flask_jwtlib.claim_rules import Client, TokenUse
from flask_jwtlib.log_text import error_text, one_line

from ._key import LONGEST_LIFETIME, DevelopmentKey
from ._key_file import key_file_of, make_key, read_key
from ._validator import DevelopmentTokenValidator

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["LONGEST_LIFETIME", "IssuedToken", "issue_development_token"]

# Those that this function sets, and those with which a token would be refused.
_OURS = frozenset({"cnf", "exp", "iat", "iss", "jti", "nbf", "sub"})
_DEEPEST = 10


@frozen
class IssuedToken:
    """A development token.

    Attributes:
        value: The token. ``repr`` doesn't show it.
        claims: Its claims.
        key_file: The file of the key that signed it.
        is_new_key: Whether this file was made for it.
    """

    value: str = field(repr=False)
    claims: Mapping[str, Any] = field(kw_only=True)
    key_file: Path = field(kw_only=True)
    is_new_key: bool = field(kw_only=True)


def issue_development_token(
    app: Flask,
    subject: str = "developer",
    *,
    claims: Mapping[str, Any] | None = None,
    lifetime: int = 3600,
) -> IssuedToken:
    """Make a token that an app accepts in debug mode, from the same machine.

    The key is made on first use. ``aud``, ``client_id`` and ``token_use`` are what the app's rules require,
    unless ``claims`` has others.

    Args:
        app: The app, in debug mode. One of its guards or decorators has ``DevelopmentTokens``.
        subject: The token's ``sub``.
        claims: Further claims, such as ``{"scope": "reports:read"}``.
        lifetime: How long it is valid, in seconds: at most a day.

    Raises:
        ConfigurationError: The app doesn't accept development tokens, its rules refuse this one, a claim
            can't be chosen, or the file of the key can't be used. The text says how to change that.
    """
    validators = list(_validators_of(app))
    if not validators:
        raise ConfigurationError(
            "no guard or decorator of this app accepts development tokens. To accept them, write auth = "
            "DevelopmentTokens().added_to(auth) where the app makes its Authenticator. Import it from "
            "flask_jwtlib_strategies.development.tokens"
        )
    if app.debug is not True:
        raise ConfigurationError(
            "app.debug is off, and development tokens are accepted in debug mode only: flask --debug …"
        )
    given = dict(claims or {})
    chosen = sorted(_OURS.intersection(given))
    if chosen:
        raise ConfigurationError(f"the claims {', '.join(chosen)} can't be chosen here")
    if type(lifetime) is not int or not 0 < lifetime <= LONGEST_LIFETIME:
        raise ConfigurationError(
            f"lifetime is {lifetime!r}, expected a number of seconds from 1 to {LONGEST_LIFETIME}"
        )
    known = read_key(app)
    key = known or _new_key(app)
    now = int(time.time())
    payload = {
        "iss": key.issuer,
        "sub": subject,
        **_required_claims(validators),
        "iat": now,
        "exp": now + lifetime,
        "jti": secrets.token_hex(16),
        **given,
    }
    try:
        value = key.sign(payload)
    except ValueError as error:
        raise ConfigurationError(f"JSON has no form for one of the claims: {error}") from None
    with app.app_context():
        _check(value, key, validators)
    return IssuedToken(value, claims=payload, key_file=key_file_of(app), is_new_key=known is None)


def _validators_of(app: Flask) -> Iterator[DevelopmentTokenValidator]:
    """Yield the validators of development tokens of an app's guards and decorators."""
    for authenticator in authenticators_of(app):
        yield from _within(authenticator.validator)


def _within(validator: Any, depth: int = 0) -> Iterator[DevelopmentTokenValidator]:
    """Yield a validator of development tokens, or those within another validator."""
    if isinstance(validator, DevelopmentTokenValidator):
        yield validator
    elif depth < _DEEPEST:
        by_scheme: Any = getattr(validator, "validators", None)
        several: list[Any] = [*by_scheme.values()] if isinstance(by_scheme, Mapping) else []
        for each in several or [getattr(validator, "validator", None)]:
            yield from _within(each, depth + 1)


def _new_key(app: Flask) -> DevelopmentKey:
    make_key(app)
    key = read_key(app)
    if key is None:
        raise ConfigurationError(f"the development key {key_file_of(app)} was deleted meanwhile")
    return key


def _required_claims(validators: Iterable[DevelopmentTokenValidator]) -> dict[str, Any]:
    """Return claims that the rules require, as far as the rules tell."""
    audience: dict[str, None] = {}
    claims: dict[str, Any] = {}
    for rule in (rule for validator in validators for rule in validator.rules.rules):
        if isinstance(rule, Audience) and rule.accepted:
            audience[rule.accepted[0]] = None
        elif isinstance(rule, Client):
            claims.setdefault("client_id", rule.accepted[0])
        elif isinstance(rule, TokenUse):
            claims.setdefault("token_use", rule.accepted[0])
    names = list(audience)
    if names:
        claims["aud"] = names if len(names) > 1 else names[0]
    return claims


def _check(
    value: str, key: DevelopmentKey, validators: Iterable[DevelopmentTokenValidator]
) -> None:
    refusals: list[str] = []
    for validator in validators:
        try:
            validator.verify(BearerToken(value), key)
        except (AuthenticationError, VerificationUnavailable) as error:
            refusals.append(error_text(error))
        else:
            return
    raise ConfigurationError(f"the app's rules would refuse the token: {one_line(refusals[0])}")
