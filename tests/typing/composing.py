"""Code of an application that composes Authenticators: it must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from flask import Blueprint, Flask, Request
from typing_extensions import assert_type

from flask_jwtlib import (
    Actor,
    Audience,
    Authenticator,
    BearerTokenExtractor,
    Claims,
    FailureHandler,
    Issuer,
    JWTValidator,
    KeyProvider,
    KeySet,
    Principal,
    RaisingHandler,
    StaticKeyProvider,
    TokenExtractor,
    TokenValidator,
    TTLKeyProvider,
    UnauthorizedHandler,
    VerificationKey,
    current_principal,
)
from flask_jwtlib.claim_rules import Expiry
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import (
    LoginRedirectHandler,
    safe_next,
)
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.validators.api_keys import APIKeyRecord, APIKeyValidator
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator


def fetch() -> dict[str, object]:
    """Fetch a JWK set."""
    return {"keys": []}


def keys_come_in_many_forms(public_key: RSAPublicKey, jwk: dict[str, str]) -> None:
    """Keys of any form are accepted as ``keys``, and the field is a provider."""
    pem = "-----BEGIN PUBLIC KEY-----"
    auth = Authenticator(keys=pem)
    assert_type(auth, Authenticator)
    assert_type(auth.keys, KeyProvider)
    Authenticator(keys=jwk)
    Authenticator(keys={"keys": [jwk]})
    Authenticator(keys=fetch)
    Authenticator(keys=public_key)
    Authenticator(keys=[pem, VerificationKey.from_jwk(jwk)])
    Authenticator(keys=StaticKeyProvider(pem, jwk, public_key))
    Authenticator(keys=TTLKeyProvider(fetch, ttl=60, max_stale=0))
    Authenticator(keys=CompositeKeyProvider(StaticKeyProvider(pem), TTLKeyProvider(fetch)))
    Authenticator(keys=VerificationKey.from_secret(b"secret", algorithms=["HS256"], kid="a"))
    Authenticator(keys=KeySet.from_jwks('{"keys": []}'))


def all_of_it(app: Flask, blueprint: Blueprint) -> None:
    """Compose everything, make variants, and guard in three ways."""
    auth = Authenticator(
        keys=fetch,
        extractor=CompositeTokenExtractor(BearerTokenExtractor(query=False)),
        validator=JWTValidator(
            algorithms=["RS256", "ES256"],
            rules=[Issuer("https://issuer.example"), Audience("api"), Expiry(10, required=True)],
            leeway=1.5,
            clock=lambda: 0.0,
        ),
        failure_handler=ProblemDetailsHandler(realm="api", type_base="https://api.example/"),
    )
    assert_type(auth.extractor, TokenExtractor)
    assert_type(auth.validator, TokenValidator)
    assert_type(auth.failure_handler, FailureHandler)
    assert_type(auth.evolve(failure_handler=UnauthorizedHandler(realm="admin")), Authenticator)
    JWTValidator(algorithms="RS256", rules=(Audience("a", "b"),))
    blueprint.before_request(auth.guard())
    app.before_request(auth.guard(rules=[Audience("api")]))
    auth.protect(app)


def find_api_key(digest: str) -> APIKeyRecord | None:
    """Look a key up."""
    return APIKeyRecord("alice", digest=digest, scopes="read", expires_at=1.5)


def api_keys() -> None:
    """The records of keys are a list, a mapping or a function, and validators are chosen by the scheme."""
    record = APIKeyRecord("alice", digest="0" * 64, scopes=["read"], claims={"tenant": "acme"})
    assert_type(record.scopes, tuple[str, ...])
    assert_type(record.expires_at, "float | None")
    for records in ([record], {record.digest: record}):
        APIKeyValidator(records, prefix="acme")
    auth = Authenticator(
        keys="pem",
        extractor=CompositeTokenExtractor(BearerTokenExtractor(query=False), APIKeyExtractor()),
        validator=PerSchemeValidator(
            {"Bearer": JWTValidator(), "ApiKey": APIKeyValidator(find_api_key)}
        ),
    )
    assert_type(auth.validator, TokenValidator)


def who_is_calling(auth: Authenticator, request: Request) -> str:
    """A caller's attributes have their types."""
    principal = auth.authenticate(request)
    assert_type(principal, Principal)
    assert_type(principal.actor, Actor | None)
    assert_type(principal.claims, Claims)
    assert_type(principal.subject, "str | None")
    assert_type(principal.scopes, frozenset[str])
    assert_type(principal.token.value, str)
    assert_type(principal.claims.audience, tuple[str, ...])
    assert_type(principal.claims.expires_at, "float | None")
    assert_type(auth.authenticate(), Principal)
    assert_type(current_principal, Principal)
    if current_principal:
        return current_principal.subject or "unnamed"
    return "anonymous"


def mistakes(app: Flask) -> None:
    """Mistakes that a type checker finds."""
    Authenticator("pem")  # type: ignore[call-arg]
    Authenticator(keys="pem", key="pem")  # type: ignore[call-arg]
    Authenticator(keys="pem", extractor=UnauthorizedHandler())  # type: ignore[arg-type]
    Authenticator(keys="pem", validator=JWTValidator)  # type: ignore[arg-type]
    Authenticator(keys="pem").keys = StaticKeyProvider("pem")  # type: ignore[misc]
    JWTValidator("RS256")  # type: ignore[call-arg]
    JWTValidator(rules=["exp"])  # type: ignore[list-item]
    TTLKeyProvider("pem")  # type: ignore[arg-type]
    Authenticator(keys="pem").protect("app")  # type: ignore[arg-type]


class SuspendedError(ForbiddenError):
    """A refusal with a reason of its own."""

    reason = "account-suspended"


def refusals_have_several_forms(request: Request) -> None:
    """Handlers are made of each other, a template is any function, and a reason is text."""
    pages = LoginRedirectHandler("/login", otherwise=RaisingHandler(), drop=("ticket",))
    api = JSONHandler(lambda error: {"code": error.reason, "message": str(error)}, realm="api")
    handler = RoutedHandler(pages, blueprints={"api": api}, paths={"/api": api})
    assert_type(Authenticator(failure_handler=handler).failure_handler, FailureHandler)
    assert_type(safe_next(request, default="/home"), str)
    assert_type(SuspendedError().reason, str)
    JSONHandler({"code": 1})  # type: ignore[arg-type]
    LoginRedirectHandler("/login", ProblemDetailsHandler())  # type: ignore[call-arg]
    RoutedHandler(pages, paths={"/api": "api"})  # type: ignore[dict-item]
    safe_next("/home")  # type: ignore[arg-type]
