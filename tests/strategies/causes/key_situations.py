"""Situations in which no key fits the token, or its time doesn't."""

from __future__ import annotations

from typing import Any

from flask_jwtlib import Audience, Authenticator, JWTValidator
from flask_jwtlib.claim_rules import IssuedAt, MaxLifetime
from flask_jwtlib.keys import VerificationKey
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider

from .situation_kit import AUDIENCE, Situation, World, claims

HOUR = 3600
DAY = 24 * HOUR


def at(
    cause: str, cure: str, *, text: str = "", rules: Any = (), name: str = "", **times: Any
) -> Situation:
    """Return the situation in which the token's times are so many seconds from now."""
    return Situation(
        cause,
        lambda world: world.token(
            **{
                claim: None if ahead is None else world.now + ahead
                for claim, ahead in times.items()
            }
        ),
        cure,
        auth=lambda world: world.auth(rules=rules),
        text=text,
        id=name,
    )


def _symmetric(world: World, **options: Any) -> Authenticator:
    key = VerificationKey(b"k" * 64, algorithms="HS256")
    return Authenticator(keys=key, validator=JWTValidator(algorithms="HS256"), **options)


def _empty(world: World) -> Authenticator:
    world.idp.documents["/empty"] = {
        "keys": [{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]
    }
    return world.auth(keys=JWKSKeyProvider(f"{world.idp.url}/empty", allow_http_on_loopback=True))


def _absent(world: World) -> Authenticator:
    return oidc_authenticator(f"{world.idp.url}/absent", AUDIENCE, allow_http_on_loopback=True)


def _unfetched(world: World) -> Authenticator:
    return world.auth(keys=JWKSKeyProvider(world.idp.jwks_url, allow_http_on_loopback=True))


class BrokenKeys:
    """A key provider with a fault."""

    def keys_for(self, header: Any) -> Any:
        raise ZeroDivisionError


def _without_issuer(world: World) -> Authenticator:
    """Return an ``Authenticator`` without a rule for ``iss``, whose provider knows its issuer."""
    keys = OIDCKeyProvider(world.idp.issuer_url, allow_http_on_loopback=True)
    return Authenticator(keys=keys, validator=JWTValidator(rules=[Audience(AUDIENCE)]))


class Wrapping:
    """A validator of the application, which lets another one decide."""

    def passes_to(self, token: Any, keys: Any) -> Any:
        return JWTValidator(), keys

    def validate(self, token: Any, keys: Any) -> Any:
        return JWTValidator().validate(token, keys)


def _two(world: World) -> Any:
    other = VerificationKey(
        world.stranger.private_key.public_key(), algorithms="RS256", kid="other"
    )  # type: ignore[union-attr]
    return [world.issuer.verification_key, other]


def _with_other_claims(world: World) -> str:
    header, _, signature = world.token().split(".")
    return f"{header}.{world.token(sub='eve').split('.')[1]}.{signature}"


SITUATIONS = [
    Situation(
        "no-keys-configured",
        claims(),
        "Pass keys=",
        auth=lambda world: Authenticator(validator=Wrapping()),
    ),
    Situation(
        "keys-not-fetched",
        claims(),
        "fetch_keys=True",
        auth=_unfetched,
        arguments={"fetch_keys": False},
    ),
    Situation("keys-unreachable", claims(), "flask jwtlib doctor", auth=_absent, text="404"),
    Situation(
        "verification-unavailable",
        claims(),
        "no other token",
        auth=lambda world: world.auth(keys=BrokenKeys()),
        text="ZeroDivisionError",
    ),
    Situation(
        "symmetric-algorithm",
        lambda world: world.secret.token(),
        "don't add 'HS256'",
        text="not verified",
    ),
    Situation("public-key-algorithm", claims(), "public keys", auth=_symmetric),
    Situation(
        "wrong-algorithm-family",
        lambda world: world.elliptic.token(),
        "set algorithms= of JWTValidator to 'ES256'",
        text="an elliptic-curve key",
    ),
    Situation(
        "wrong-algorithm-family",
        claims(header={"alg": "ES384"}),
        "sign this API's tokens with RS256",
        id="that no key has",
    ),
    Situation(
        "wrong-algorithm-family",
        claims(header={"alg": "EdDSA"}),
        "sign this API's tokens with RS256",
        text="an Edwards-curve key",
        id="of Edwards curves",
    ),
    Situation("algorithm-not-accepted", claims(header={"alg": "RS512"}), "RS256"),
    Situation(
        "algorithm-not-accepted",
        lambda world: world.secret.token(),
        "with HS512",
        auth=lambda world: Authenticator(
            keys=VerificationKey(b"k" * 64, algorithms="HS512"),
            validator=JWTValidator(algorithms="HS512"),
        ),
        id="of shared secrets",
    ),
    Situation("no-keys-published", claims(), "for encryption only", auth=_empty),
    Situation(
        "kid-missing",
        claims(header={"kid": None}),
        "header's kid",
        auth=lambda world: world.auth(keys=_two(world)),
    ),
    Situation(
        "key-for-other-algorithm",
        lambda world: world.elliptic.token(header={"alg": "RS256"}),
        "RFC 8725",
        text="'curve' is for ES256",
    ),
    Situation(
        "keys-of-another-issuer",
        lambda world: world.unknown.token(iss="https://bank.example"),
        "Let the client request its token from 'http://127.0.0.1",
        auth=_without_issuer,
        text="not verified",
    ),
    Situation(
        "key-rotated-away",
        lambda world: world.unknown.token(),
        "get a new token",
        text="known: 'current', 'curve'",
    ),
    Situation(
        "key-rotated-away",
        lambda world: world.unknown.token(iat=world.now - 9 * DAY),
        "get a new token",
        text="9 days ago",
        id="an old token",
    ),
    Situation("other-secret", lambda world: world.secret.token(), "base64", auth=_symmetric),
    Situation("signature-does-not-fit", lambda world: world.stranger.token(), "unchanged"),
    Situation(
        "signature-does-not-fit",
        _with_other_claims,
        "Get a new token",
        text="changed",
        id="changed claims",
    ),
    Situation(
        "time-in-milliseconds",
        lambda world: world.token(nbf=world.now * 1000),
        "divide its times by 1000",
    ),
    at("time-zone", "time.time()", nbf=2 * HOUR, text="in 2 hours"),
    at("time-zone", "time.time()", nbf=19800 + 3, name="of India"),
    at(
        "clock-skew",
        "leeway= of JWTValidator to at most 60",
        nbf=45,
        text="seconds: the issuer's clock",
    ),
    at("clock-skew", "NTP", iat=200, rules=[IssuedAt()], text="3 minutes", name="by iat"),
    at("not-yet-valid", "valid now", nbf=20 * DAY, text="20 days"),
    at("token-too-old", "IssuedAt(max_age=…)", iat=-2 * HOUR, rules=[IssuedAt(max_age=HOUR)]),
    at("expired-just-now", "refresh", exp=-12, text="seconds ago"),
    at("expired", "before exp", exp=-3 * HOUR, text="3 hours ago"),
    at("expired-long-ago", "replace the old one", exp=-800 * DAY, text="2 years ago"),
    at("expiry-missing", "set exp", exp=None),
    at("lifetime-too-long", "Shorten", exp=9 * HOUR, rules=[MaxLifetime(HOUR)]),
]
