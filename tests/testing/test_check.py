"""``check`` finds the contract of a strategy, and makes its samples."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Request

from flask_jwtlib import (
    Audience,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    ConfigurationError,
    HeaderTokenExtractor,
    InvalidTokenError,
    JWTValidator,
    StaticKeyProvider,
    TTLKeyProvider,
    UnauthorizedHandler,
)
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.testing import TokenIssuer, make_request
from flask_jwtlib.testing.contracts import ContractError, check
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from . import faulty

pytestmark = pytest.mark.usefixtures("few_rounds")
ISSUER = TokenIssuer(algorithm="ES256", claims={"aud": "api"})
NO_KID = TokenIssuer(algorithm="ES256", kid=None)
RULES = [Audience("api")]
JWT = JWTValidator(algorithms="ES256", rules=RULES)
API_KEY, OLD_KEY = generate_api_key(), generate_api_key()


def unreachable() -> StaticKeyProvider:
    """Fail to fetch keys."""
    raise ConnectionError("the key server is down")


class Described:
    """An extractor that says how to send it a token."""

    def extract(self, request: Request) -> BearerToken | None:
        """Read the token of a header that nobody would try."""
        value = request.headers.get("X-Unusual", "")
        if "," in value:
            raise InvalidRequestError("there are two tokens")
        return BearerToken(value, source="header") if value else None

    def request_with(self, token: str) -> dict[str, Any]:
        """Return such a request."""
        return {"headers": {"X-Unusual": token}}


CORRECT: dict[str, tuple[Any, dict[str, Any]]] = {
    "header": (HeaderTokenExtractor(), {}),
    "scheme": (HeaderTokenExtractor(scheme="JWT"), {}),
    "own header": (HeaderTokenExtractor("X-Token", ambient=False), {}),
    "own header with a scheme": (HeaderTokenExtractor("X-Token", scheme="Bearer"), {}),
    "three places": (BearerTokenExtractor(), {}),
    "form": (FormTokenExtractor(), {}),
    "query": (QueryTokenExtractor(), {}),
    "JSON": (JSONTokenExtractor(), {}),
    "cookie": (CookieTokenExtractor("session"), {}),
    "API key": (APIKeyExtractor(), {}),
    "proxy": (CrossSiteCheckedTokenExtractor(HeaderTokenExtractor("X-Assertion")), {}),
    "described": (Described(), {}),
    "no query": (
        BearerTokenExtractor(query=False),
        {"other_places": lambda: [make_request("/?access_token=a")]},
    ),
    "fixed keys": (StaticKeyProvider(ISSUER.verification_key), {"issuer": ISSUER}),
    "key without kid": (StaticKeyProvider(NO_KID.verification_key), {"issuer": NO_KID}),
    "key for any kid": (StaticKeyProvider(NO_KID.verification_key), {"issuer": ISSUER}),
    "fetched keys": (
        TTLKeyProvider(lambda: ISSUER.jwks),
        {"issuer": ISSUER, "make_unavailable_provider": lambda: TTLKeyProvider(unreachable)},
    ),
    "JWT": (JWT, {}),
    "JWT with an issuer": (JWT, {"issuer": ISSUER, "rules": ["Audience"]}),
    "cached": (CachingValidator(JWT), {}),
    "oidc": (
        oidc_authenticator("https://login.invalid", "api", algorithms="ES256").validator,
        {"rules": ["Issuer", "Audience", "Expiry", "AccessToken", "ClaimTypes"]},
    ),
    "router": (
        IssuerRouter(
            TrustedIssuer(ISSUER.issuer, keys=ISSUER.jwks, audience="api", algorithms=["ES256"])
        ),
        {"issuer": ISSUER, "rules": ["Issuer", "Audience", "Expiry", "AccessToken"]},
    ),
    "handler": (UnauthorizedHandler(), {}),
}


@pytest.mark.parametrize(("strategy", "samples"), CORRECT.values(), ids=CORRECT)
def test_a_correct_strategy_passes(strategy: object, samples: dict[str, Any]) -> None:
    """``check`` finds the place of a token, the issuer of a validator, and whether it uses keys."""
    check(strategy, **samples)


class Plain:
    """An extractor that doesn't say how to send it a token."""

    def __init__(self, read: Callable[[Request], Any], *vary: str) -> None:
        self.read = read
        self.vary = vary

    def extract(self, request: Request) -> BearerToken | None:
        """Take whatever is there."""
        value = self.read(request)
        return BearerToken(value) if value else None


PLACES: dict[str, Plain] = {
    "scheme": Plain(lambda request: request.headers.get("Authorization", "")[7:]),
    "header": Plain(lambda request: request.headers.get("X-Token"), "X-Other", "X-Token"),
    "header with a scheme": Plain(
        lambda request: request.headers.get("X-Token", "").partition("Bearer ")[2], "X-Token"
    ),
    "cookie": Plain(lambda request: request.cookies.get("access_token")),
    "query": Plain(lambda request: request.args.get("access_token")),
    "form": Plain(lambda request: request.form.get("access_token")),
    "JSON": Plain(lambda request: (request.get_json(silent=True) or {}).get("access_token")),
}


@pytest.mark.parametrize("extractor", PLACES.values(), ids=PLACES)
def test_the_usual_places_are_tried(extractor: Plain) -> None:
    """``check`` needs no ``request_with`` for these places, even where it finds faults."""
    with suppress(ContractError):
        check(extractor)


class Opaque:
    """A validator of tokens that are no JWTs, with its own store."""

    def __init__(self) -> None:
        self.issued: dict[str, dict[str, Any]] = {}

    def issue(self, subject: str = "alice", exp: float = 2**40) -> str:
        token = f"opaque-{len(self.issued)}"
        self.issued[token] = {"sub": subject, "exp": exp}
        return token

    def validate(self, token: BearerToken, keys: object) -> Claims:
        found = self.issued.get(token.value)
        if found is None or found["exp"] < time.time():
            raise InvalidTokenError("unknown or expired")
        return Claims(dict(found), checked_at=time.time())


def test_a_validator_of_other_tokens() -> None:
    """For other tokens than JWTs, the test makes them; no issuer is needed."""
    validator = Opaque()
    samples = {"expired_token": lambda: validator.issue(exp=1), "forged_token": lambda: "forged"}
    check(validator, good_token=validator.issue, **samples)
    with pytest.raises(ContractError, match="a forged token: it was accepted"):
        check(validator, good_token=validator.issue, **samples | {"forged_token": validator.issue})


def api_key(value: str) -> BearerToken:
    """Make the token that ``APIKeyExtractor`` finds."""
    return BearerToken(value, scheme="ApiKey")


def test_an_api_key_validator() -> None:
    """A validator of the catalogue that has its own records is checked by samples alone."""
    records = [
        APIKeyRecord("alice", digest=api_key_digest(API_KEY)),
        APIKeyRecord("alice", digest=api_key_digest(OLD_KEY), expires_at=1),
    ]
    keys = {subject: generate_api_key() for subject in map("subject-{}".format, range(8))}
    records += [APIKeyRecord(name, digest=api_key_digest(key)) for name, key in keys.items()]
    check(
        APIKeyValidator(records),
        good_token=lambda subject: api_key({**keys, "alice": API_KEY}[subject]),
        expired_token=lambda: api_key(OLD_KEY),
        forged_token=lambda: api_key(generate_api_key()),
    )


def test_other_keys_can_be_given() -> None:
    """``make_keys`` replaces the keys of the issuer."""
    with pytest.raises(ContractError, match="it accepts each of"):
        check(JWT, issuer=ISSUER, make_keys=lambda: StaticKeyProvider(NO_KID.verification_key))


class Neither:
    """Has no method of a strategy."""


class HalfAHandler:
    """Lacks ``anonymous``."""

    def deny(self, error: Exception) -> str:
        """Respond with text."""
        return str(error)


class Extra:
    """Has the methods of two interfaces."""

    def extract(self, request: Request) -> BearerToken | None:
        """Find nothing."""
        return None

    def validate(self, token: BearerToken, keys: object) -> Claims:
        """Accept nothing."""
        raise InvalidTokenError


WRONG: dict[str, tuple[Callable[[], None], str]] = {
    "no interface": (lambda: check(Neither()), r"Neither has none of the four interfaces: extract"),
    "half": (
        lambda: check(HalfAHandler()),
        r"HalfAHandler has none .* deny\(error\) and anonymous",
    ),
    "nothing": (lambda: check(None), "NoneType has none"),
    "two": (lambda: check(Extra()), "Extra is a TokenExtractor and a TokenValidator: inherit"),
    "class": (lambda: check(UnauthorizedHandler), r"an object: UnauthorizedHandler\(…\)"),
    "unknown sample": (
        lambda: check(UnauthorizedHandler(), request_with=make_request),
        "given request_with, expected samples of FailureHandlerContract",
    ),
    "a sample of its own": (
        lambda: check(HeaderTokenExtractor(), make_extractor=HeaderTokenExtractor),
        "given make_extractor, expected samples of TokenExtractorContract: ambiguous_requests",
    ),
    "elsewhere": (
        lambda: check(faulty.Extraction(lambda request: None)),
        "needs request_with=… for Extraction; TokenExtractorContract says",
    ),
    "keys without issuer": (
        lambda: check(StaticKeyProvider(ISSUER.verification_key)),
        "needs issuer=…, or known_header=… for StaticKeyProvider",
    ),
    "validator without issuer": (
        lambda: check(Opaque()),
        "needs issuer=…, a TokenIssuer whose tokens Opaque accepts",
    ),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_explained(call: Callable[[], None], message: str) -> None:
    """What can't be checked is a ``ConfigurationError`` that says what is missing."""
    with pytest.raises(ConfigurationError, match=message):
        call()


def by_index(request: Request) -> BearerToken:
    """Expect a well-formed header, and change the token."""
    return BearerToken(request.headers["Authorization"].split()[1].lower())


def test_the_report() -> None:
    """The error lists each broken promise, what was given, what came back, and where it failed."""
    with pytest.raises(ContractError) as error:
        check(faulty.Extraction(by_index))
    report = str(error.value)
    assert report.startswith("Extraction breaks ")
    assert f"breaks {len(error.value.failures)} of the " in report
    assert "1. It returns the token exactly as it was sent, and names its source." in report
    assert "expected the token 'Token-1', not 'token-1'" in report
    line = by_index.__code__.co_firstlineno + 2
    assert f"   KeyError: 'HTTP_AUTHORIZATION' (test_check.py, line {line})" in report
    assert (
        f"   caused by IndexError: list index out of range (test_check.py, line {line})" in report
    )


def test_an_exception_without_text_is_named() -> None:
    """An exception of an installed package is named, too, without a place in the test's files."""

    def interrupted(request: Request) -> BearerToken | None:
        if "Authorization" in request.headers:
            return HeaderTokenExtractor().extract(request)
        raise LookupError

    with pytest.raises(ContractError, match=r"\n   LookupError \(test_check.py, line \d+\)\n"):
        check(faulty.Extraction(interrupted))


def test_it_needs_no_pytest() -> None:
    """A program without pytest can check a strategy."""
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "import flask_jwtlib\n"
        "from flask_jwtlib.testing.contracts import check\n"
        "check(flask_jwtlib.UnauthorizedHandler())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
