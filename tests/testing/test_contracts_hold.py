"""The core's strategies pass the contracts that third-party strategies are tested by."""

from __future__ import annotations

import time
from collections.abc import Iterable
from secrets import token_urlsafe
from typing import Any

from flask import Request

from flask_jwtlib import (
    BearerToken,
    BearerTokenExtractor,
    Claims,
    HeaderTokenExtractor,
    InvalidTokenError,
    JWTValidator,
    StaticKeyProvider,
    TTLKeyProvider,
    UnauthorizedHandler,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.claim_rules import Expiry
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.interfaces import FailureHandler, KeyProvider, TokenExtractor, TokenValidator
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import (
    FailureHandlerContract,
    KeyProviderContract,
    TokenExtractorContract,
    TokenValidatorContract,
)

RSA = TokenIssuer()
RSA_FORGER = TokenIssuer()
OTHER_RSA = TokenIssuer(kid="key-2")
PSS = TokenIssuer(algorithm="PS256")
EC = TokenIssuer(algorithm="ES256", kid="key-ec")
EC_FORGER = TokenIssuer(algorithm="ES256", kid="key-ec")
ED25519 = TokenIssuer(algorithm="EdDSA")
HMAC = TokenIssuer(algorithm="HS256", private_key=b"1" * 32)
HMAC_FORGER = TokenIssuer(algorithm="HS256", private_key=b"2" * 32)


def form(*tokens: str) -> dict[str, Any]:
    """Return the arguments of a request with tokens in its form."""
    return {"method": "POST", "data": {"access_token": list(tokens)}}


class TestHeaderTokenExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return HeaderTokenExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Authorization": "Bearer"})
        yield make_request(headers={"Authorization": "Bearer a b"})


class TestFormTokenExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return FormTokenExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(**form(token))

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request(**form("a", "a"))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(**form(""))


class TestQueryTokenExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return QueryTokenExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(f"/?access_token={token}")

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request("/?access_token=a&access_token=b")

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request("/?access_token=")


class TestBearerTokenExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return BearerTokenExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request("/?access_token=a", headers=bearer("a"))
        yield make_request("/?access_token=a", **form("b"))
        yield make_request(headers=bearer("a"), **form("a"))


class TestStaticKeyProvider(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        return StaticKeyProvider(RSA.verification_key, OTHER_RSA.jwks, EC.jwk)

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("RS256", "key-2", "JWT")


class TestStaticKeyProviderOfKeysWithoutIDs(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        keys = (VerificationKey.from_pem(issuer.public_pem) for issuer in (RSA, OTHER_RSA, EC))
        return StaticKeyProvider(*keys)

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("ES256", "any")

    def unknown_header(self) -> UnverifiedHeader | None:
        return None


class TestTTLKeyProvider(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        return TTLKeyProvider(lambda: [RSA.jwk, EC.jwk])

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("ES256", "key-ec")

    def make_unavailable_provider(self) -> KeyProvider | None:
        def fetch() -> object:
            raise ConnectionError("the key server is down")

        return TTLKeyProvider(fetch)


class JWTValidatorContract(TokenValidatorContract):
    issuer: TokenIssuer
    forger: TokenIssuer

    def make_validator(self) -> TokenValidator:
        return JWTValidator(algorithms=self.issuer.algorithm)

    def make_keys(self) -> KeyProvider:
        return StaticKeyProvider(self.issuer.verification_key)

    def good_token(self, subject: str) -> str:
        return self.issuer.token(subject)

    def expired_token(self) -> str:
        return self.issuer.token(exp=1)

    def forged_token(self) -> str:
        return self.forger.token()


class TestJWTValidatorOfRSA(JWTValidatorContract):
    issuer, forger = RSA, RSA_FORGER


class TestJWTValidatorOfPSS(JWTValidatorContract):
    issuer, forger = PSS, TokenIssuer(algorithm="PS256")


class TestJWTValidatorOfECDSA(JWTValidatorContract):
    issuer, forger = EC, EC_FORGER


class TestJWTValidatorOfEd25519(JWTValidatorContract):
    issuer, forger = ED25519, TokenIssuer(algorithm="EdDSA")


class TestJWTValidatorOfHMAC(JWTValidatorContract):
    issuer, forger = HMAC, HMAC_FORGER


class OpaqueTokenValidator(TokenValidator):
    """Looks tokens up among those that it issued, and needs no key."""

    def __init__(self) -> None:
        self.issued: dict[str, Claims] = {}

    def issue(self, **claims: Any) -> str:
        token = token_urlsafe(32)
        self.issued[token] = Claims(claims, checked_at=time.time())
        return token

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        known = self.issued.get(token.value)
        if known is None:
            raise InvalidTokenError("the token is unknown")
        Expiry()(known)
        return Claims(known, checked_at=time.time())


class TestValidatorWithoutKeys(TokenValidatorContract):
    uses_keys = False
    validator = OpaqueTokenValidator()

    def make_validator(self) -> TokenValidator:
        return self.validator

    def make_keys(self) -> KeyProvider:
        return StaticKeyProvider(RSA.verification_key)

    def good_token(self, subject: str) -> str:
        return self.validator.issue(sub=subject)

    def expired_token(self) -> str:
        return self.validator.issue(sub="alice", exp=1)

    def forged_token(self) -> str:
        return token_urlsafe(32)


class TestUnauthorizedHandler(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return UnauthorizedHandler()


class TestUnauthorizedHandlerWithARealm(FailureHandlerContract):
    def make_handler(self) -> FailureHandler:
        return UnauthorizedHandler(realm="reports")
