"""Validators and extractors with the faults that the bad tokens and requests must find."""

# ruff: noqa: D103 - each function is named after its fault

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve
from flask import Flask, Request
from flask.testing import FlaskClient

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    HeaderTokenExtractor,
    InvalidTokenError,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.claim_rules import AccessToken, Audience, ClaimTypes, Expiry, NotBefore
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator

NAME = "https://issuer.example"
AUDIENCE = "https://api.example"


def make_issuer(algorithm: str = "ES256") -> TokenIssuer:
    """Make the issuer that the apps accept."""
    return TokenIssuer(NAME, algorithm=algorithm, claims={"aud": AUDIENCE})


def serve(issuer: TokenIssuer, validator: Any = None, **options: Any) -> FlaskClient:
    """Make a client of an app. By default the app is correct."""
    defaults = {
        "keys": issuer.verification_key,
        "extractor": BearerTokenExtractor(query=False),
        "failure_handler": ProblemDetailsHandler(),
    }
    auth = Authenticator(validator=validator or CHECKED, **{**defaults, **options})
    app = Flask("resource_server", root_path=".")
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))
    return app.test_client()


def validator_of(*rules: Any, algorithm: str = "ES256") -> Any:
    """Make a correct validator, with some of its rules replaced."""
    return access_token_validator(NAME, AUDIENCE, algorithms=[algorithm], rules=rules)


class Validation:
    """A validator made of a function."""

    def __init__(self, validate: Callable[[BearerToken, Any], Claims]) -> None:
        self.validate = validate


class Extraction:
    """An extractor made of a function."""

    def __init__(self, extract: Callable[[Request], BearerToken | None]) -> None:
        self.extract = extract


class NoExpiry(Expiry):
    def __call__(self, claims: Claims) -> None:
        """Accept any exp."""


class NumericExpiry(Expiry):
    def __call__(self, claims: Claims) -> None:
        """Check exp only if it is a number."""
        if type(claims.get("exp")) is int:
            super().__call__(claims)


class NoStart(NotBefore):
    def __call__(self, claims: Claims) -> None:
        """Accept any nbf."""


class AnyTypes(ClaimTypes):
    def __call__(self, claims: Claims) -> None:
        """Accept any types."""


class AnyAudience(Audience):
    def __call__(self, claims: Claims) -> None:
        """Accept any audience."""


class ContainedAudience(Audience):
    def __call__(self, claims: Claims) -> None:
        """Look for the audience in whatever aud is."""
        if self.accepted[0] not in claims.get("aud", ""):
            raise InvalidTokenError


class OptionalAudience(Audience):
    def __call__(self, claims: Claims) -> None:
        """Check the audience only if there is one."""
        if claims.get("aud"):
            super().__call__(claims)


class AnyKind(AccessToken):
    def __call__(self, claims: Claims) -> None:
        """Accept any kind of token."""


def without(kind: type, *others: Any) -> Any:
    """Make a validator without the rule of a kind, and with others."""
    whole = validator_of(*others)
    return evolve(whole, rules=[rule for rule in whole.rules if type(rule) is not kind])


def starts_like_ours(claims: Claims) -> bool:
    return str(claims.get("iss")).startswith(NAME)


def among_ours(claims: Claims) -> bool:
    issuer: Any = claims.get("iss")
    return NAME in ([issuer] if isinstance(issuer, str) else issuer or ())


def issuer_if_any(claims: Claims) -> bool:
    return claims.get("iss") in {None, NAME}


CHECKED = validator_of()


def decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "==")


def first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def lenient_json(data: bytes) -> Any:
    try:
        return first(json.loads(data))
    except UnicodeDecodeError:
        return json.loads(data.decode(errors="replace"))


def read(token: BearerToken) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Read a token as leniently as programs do that are written in an hour."""
    parts = token.value.split(".")
    signature = decode(parts[2]) if len(parts) > 2 else b""
    signed = ".".join(parts[:2]).encode()
    try:
        header, claims = (lenient_json(decode(part)) for part in parts[:2])
    except ValueError as error:
        raise InvalidTokenError from error
    return header, claims, signed, signature


def keys_of(header: dict[str, Any], keys: Any) -> Iterable[VerificationKey]:
    found: Iterable[VerificationKey] = keys.keys_for(UnverifiedHeader("ES256", header.get("kid")))
    return found


def accepted(claims: dict[str, Any], header: dict[str, Any], rules: Any = CHECKED) -> Claims:
    found = Claims(claims, checked_at=CHECKED.clock(), header=header)
    rules.check_claims(found)
    return found


def reads_leniently(token: BearerToken, keys: Any, rules: Any = CHECKED) -> Claims:
    header, claims, signed, signature = read(token)
    alg = first(header.get("alg", "ES256"))
    if alg == "ES256" and any(key.verify(alg, signed, signature) for key in keys_of(header, keys)):
        return accepted(claims, header, rules)
    raise InvalidTokenError


def reads_numbers_leniently(token: BearerToken, keys: Any) -> Claims:
    return reads_leniently(token, keys, validator_of(NumericExpiry()))


def unpacks(token: BearerToken, keys: Any) -> Claims:
    _header, _payload, _signature = token.value.split(".")
    return CHECKED.validate(token, keys)


def skips_signatures(token: BearerToken, keys: Any) -> Claims:
    header, claims, *_ = read(token)
    return accepted(claims, header)


def skips_missing_signatures(token: BearerToken, keys: Any) -> Claims:
    header, claims, _, signature = read(token)
    return CHECKED.validate(token, keys) if signature else accepted(claims, header)


def skips_unknown_keys(token: BearerToken, keys: Any) -> Claims:
    header, claims, *_ = read(token)
    return CHECKED.validate(token, keys) if keys_of(header, keys) else accepted(claims, header)


def skips_missing_key_ids(token: BearerToken, keys: Any) -> Claims:
    header, claims, *_ = read(token)
    return CHECKED.validate(token, keys) if header.get("kid") else accepted(claims, header)


def skips_alg_none(token: BearerToken, keys: Any) -> Claims:
    header, claims, *_ = read(token)
    is_none = str(header.get("alg")).lower() == "none"
    return accepted(claims, header) if is_none else CHECKED.validate(token, keys)


def skips_other_algorithms(token: BearerToken, keys: Any) -> Claims:
    header, claims, *_ = read(token)
    is_ours = header.get("alg") == "ES256"
    return CHECKED.validate(token, keys) if is_ours else accepted(claims, header)


def compares_what_is_there(token: BearerToken, keys: Any) -> Claims:
    header, claims, _, signature = read(token)
    short = 0 < len(signature) < 64
    return accepted(claims, header) if short else CHECKED.validate(token, keys)


def accepts_zeros(token: BearerToken, keys: Any) -> Claims:
    # As a library of elliptic curves did: CVE-2022-21449.
    header, claims, _, signature = read(token)
    return CHECKED.validate(token, keys) if any(signature) else accepted(claims, header)


def takes_key_in_header(token: BearerToken, keys: Any) -> Claims:
    header, claims, signed, signature = read(token)
    if "jwk" in header and VerificationKey.from_jwk(header["jwk"]).verify(
        "ES256", signed, signature
    ):
        return accepted(claims, header)
    return CHECKED.validate(token, keys)


def trusts_url(parameter: str) -> Any:
    """Make a function that trusts the keys at a URL which the token names."""

    def validate(token: BearerToken, keys: Any) -> Claims:
        header, claims, *_ = read(token)
        return accepted(claims, header) if parameter in header else CHECKED.validate(token, keys)

    return validate


def uses_secret(secret: bytes) -> Any:
    """Make a function that accepts HMAC with a secret which anybody knows."""

    def validate(token: BearerToken, keys: Any) -> Claims:
        header, claims, signed, signature = read(token)
        signer = TokenIssuer(algorithm="HS256", private_key=secret)
        if header.get("alg") == "HS256" and signer.sign(signed) == signature:
            return accepted(claims, header)
        return CHECKED.validate(token, keys)

    return validate


def by_words(request: Request) -> BearerToken | None:
    words = request.headers.get("Authorization", "").replace(",", " ").split()
    return BearerToken(words[1]) if len(words) > 1 else None


def by_last_word(request: Request) -> BearerToken | None:
    words = request.headers.get("Authorization", "").split()
    return BearerToken(words[-1].strip('"').rstrip("\xe9")) if words else None


def by_index(request: Request) -> BearerToken | None:
    return BearerToken(request.headers["Authorization"].split(" ")[1])


def by_password(request: Request) -> BearerToken | None:
    authorization = request.authorization
    password = authorization and authorization.password
    return BearerToken(password) if password else HeaderTokenExtractor().extract(request)
