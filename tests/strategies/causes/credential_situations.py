"""Situations in which a strategy of the catalogue refuses an API key, a development token or a CSRF token."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from flask import Flask, Request

from flask_jwtlib import Authenticator, BearerToken
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.identity.users import UserLoader
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .situation_kit import Situation, World, claims, sent

REVOKED, EXPIRED = generate_api_key(), generate_api_key()
RECORDS = [
    APIKeyRecord("ada", digest=api_key_digest(REVOKED), revoked=True),
    APIKeyRecord("bob", digest=api_key_digest(EXPIRED), expires_at=1),
]
SECRETIVE = Flask("secretive")
SECRETIVE.secret_key = "not a secret" * 4


def _keys(world: World) -> Authenticator:
    return Authenticator(extractor=APIKeyExtractor(), validator=APIKeyValidator(RECORDS))


def _keys_or_tokens(world: World) -> Authenticator:
    tokens = world.auth()
    return tokens.evolve(
        extractor=CompositeTokenExtractor(tokens.extractor, APIKeyExtractor()),
        validator=PerSchemeValidator(
            {"Bearer": tokens.validator, "ApiKey": APIKeyValidator(RECORDS)}
        ),
    )


def _keys_as_bearer(world: World) -> Authenticator:
    return Authenticator(validator=PerSchemeValidator({"ApiKey": APIKeyValidator(RECORDS)}))


@frozen
class Forgetful:
    """An extractor whose clients send only the cookie, without the double-submit token."""

    extractor: Any

    def request_with(self, token: str) -> dict[str, Any]:
        return CookieTokenExtractor("token").request_with(token)

    def extract(self, request: Request) -> BearerToken | None:
        found: BearerToken | None = self.extractor.extract(request)
        return found


def _cookie(world: World) -> Authenticator:
    auth = DoubleSubmit().added_to(world.auth(extractor=CookieTokenExtractor("token")))
    return auth.evolve(extractor=Forgetful(auth.extractor))


def _users(world: World) -> Authenticator:
    users: Any = UserLoader(lambda issuer, subject: None)
    return world.auth(policies=[users.required])


def _development(world: World) -> Authenticator:
    return DevelopmentTokens().added_to(world.auth())


def _development_token(world: World) -> str:
    return world.token(iss="urn:flask-jwtlib:development:x")


SITUATIONS = [
    Situation("api-key-malformed", sent("apikey_cut"), "generate_api_key", auth=_keys),
    Situation(
        "api-key-sent",
        sent(REVOKED),
        "Send it in the header X-API-Key, without Bearer",
        auth=_keys_or_tokens,
        id="to an app that has API keys",
    ),
    Situation("api-key-unknown", lambda world: generate_api_key(), "digest", auth=_keys),
    Situation("api-key-revoked", sent(REVOKED), "new key", auth=_keys),
    Situation("api-key-expired", sent(EXPIRED), "expires_at", auth=_keys, text="bob"),
    Situation("scheme-not-accepted", sent(REVOKED), "APIKeyExtractor", auth=_keys_as_bearer),
    Situation(
        "csrf-token-missing",
        claims(),
        "DoubleSubmit issued",
        auth=_cookie,
        arguments={"method": "POST", "app": SECRETIVE},
    ),
    Situation("unknown-user", claims(), "UserLoader", auth=_users),
    Situation(
        "development-token-refused", _development_token, "flask jwtlib token", auth=_development
    ),
]
