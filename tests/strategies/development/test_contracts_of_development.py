"""The extractor and the validator do what every extractor and validator must do."""

from __future__ import annotations

from flask import Request

from flask_jwtlib import (
    HeaderTokenExtractor,
    KeyProvider,
    StaticKeyProvider,
    TokenExtractor,
    TokenValidator,
)
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract, TokenValidatorContract
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

from .development_kit import AUDIENCE, ISSUER, VALIDATOR


class TestExtractor(TokenExtractorContract):
    """With tokens of any kind."""

    def make_extractor(self) -> TokenExtractor:
        return DevelopmentTokens().extractor(HeaderTokenExtractor())

    def request_with(self, token: str) -> Request:
        return make_request(headers=bearer(token))


class TestRealTokens(TokenValidatorContract):
    """With tokens of the real issuer."""

    def make_validator(self) -> TokenValidator:
        return DevelopmentTokens().validator(VALIDATOR)

    def make_keys(self) -> KeyProvider:
        return StaticKeyProvider(ISSUER.verification_key)

    def good_token(self, subject: str) -> str:
        return ISSUER.token(subject, aud=AUDIENCE)

    def expired_token(self) -> str:
        return ISSUER.token(aud=AUDIENCE, exp=1)

    def forged_token(self) -> str:
        return TokenIssuer().token(aud=AUDIENCE)
