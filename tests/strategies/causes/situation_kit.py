"""What a situation in which a token is refused consists of, and the provider that issued the token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from attrs import evolve, field, frozen
from flask import Flask

from flask_jwtlib import Authenticator, JWTValidator
from flask_jwtlib.explain import Explanation, explain
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator

ISSUER = "https://login.example.com/realms/shop"
AUDIENCE = "https://api.example.com"


@frozen
class World:
    """A served provider, whose keys the app has.

    Attributes:
        idp: The provider.
        issuer: Signs with its RSA key.
        stranger: Signs with a key of the same ID that the provider doesn't have.
        unknown: Signs with a key of another ID.
        elliptic: Signs with the provider's second key, for ES256.
        secret: Signs with a shared secret.
        provider: Fetches the keys of ``idp``.
    """

    idp: IdentityProvider
    issuer: TokenIssuer
    stranger: TokenIssuer
    unknown: TokenIssuer
    elliptic: TokenIssuer
    secret: TokenIssuer
    provider: JWKSKeyProvider
    app: Flask = field(factory=lambda: Flask("situations"))

    @property
    def now(self) -> int:
        """The time."""
        return int(time.time())

    @classmethod
    def of(cls, idp: IdentityProvider) -> World:
        """Let a provider publish two keys."""
        claims = {"iss": ISSUER, "aud": AUDIENCE}
        issuer = evolve(idp.add_key(kid="current"), claims=claims)
        elliptic = evolve(idp.add_key(kid="curve", algorithm="ES256"), claims=claims)
        return cls(
            idp,
            issuer,
            TokenIssuer(ISSUER, kid="current", claims=claims),
            TokenIssuer(ISSUER, kid="retired", claims=claims),
            elliptic,
            TokenIssuer(ISSUER, kid=None, claims=claims, algorithm="HS256"),
            JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True),
        )

    def auth(
        self,
        *,
        issuer: str = ISSUER,
        audience: Any = AUDIENCE,
        rules: Any = (),
        algorithms: Any = "RS256",
        **options: Any,
    ) -> Authenticator:
        """Compose an ``Authenticator`` that has the provider's keys and accepts its access tokens."""
        validator = access_token_validator(issuer, audience, rules=rules, algorithms=algorithms)
        return Authenticator(**{"keys": self.provider, "validator": validator, **options})

    def token(self, header: Any = None, **claims: Any) -> str:
        """Issue a token. None as a value removes a claim."""
        return self.issuer.token(header=header, **claims)

    def plain(self, *rules: Any, **options: Any) -> Authenticator:
        """Compose an ``Authenticator`` with these rules only."""
        return Authenticator(keys=self.provider, validator=JWTValidator(rules=rules), **options)


@frozen
class Situation:
    """A token, and an app that refuses it.

    Attributes:
        cause: The name of the cause.
        token: Returns the text that is explained.
        cure: What the cure must say.
        text: What the cause must say.
        auth: Returns the ``Authenticator``.
        arguments: Further arguments of ``explain``.
        id: Tells situations with the same cause apart.
    """

    cause: str
    token: Callable[[World], str]
    cure: str
    text: str = field(default="", kw_only=True)
    auth: Callable[[World], Authenticator] = field(default=lambda world: world.auth(), kw_only=True)
    arguments: dict[str, Any] = field(factory=dict, kw_only=True)
    id: str = field(default="", kw_only=True)

    @property
    def name(self) -> str:
        """Its name in the tests' output."""
        return f"{self.cause}-{self.id}" if self.id else self.cause

    def explained(self, world: World, token: str | None = None) -> Explanation:
        """Explain the token, or another one."""
        arguments = {"app": world.app, "fetch_keys": True, **self.arguments}
        return explain(self.auth(world), self.token(world) if token is None else token, **arguments)


def sent(*parts: str) -> Callable[[World], str]:
    """Return a valid token between other texts, where ``{}`` stands."""
    text = "".join(parts)
    return lambda world: text.replace("{}", world.token())


def claims(**given: Any) -> Callable[[World], str]:
    """Return a token with these claims, signed by the provider's key."""
    return lambda world: world.token(**given)
