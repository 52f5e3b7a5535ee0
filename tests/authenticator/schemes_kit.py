"""An application's own extractors of other schemes, and its handler. They use public modules only."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from attrs import field, frozen
from flask import Request

from flask_jwtlib import (
    BearerToken,
    Claims,
    FailureHandler,
    HeaderTokenExtractor,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import CrossSiteError, InvalidRequestError
from flask_jwtlib.evidence import CrossSiteCheck

API_KEY = "key_1234"


@frozen
class CookieExtractor(TokenExtractor):
    """Takes the token from a cookie, unless another site made the browser send it."""

    challenges = (Challenge("Cookie"),)
    vary = ("Cookie",)

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get("token")
        if value is None:
            return None
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise CrossSiteError("another site sent the request")
        token = BearerToken(value, source="cookie", scheme="Cookie", ambient=True)
        return token.with_evidence(CrossSiteCheck.PASSED)


@frozen
class UncheckedCookieExtractor(TokenExtractor):
    """Takes the token from a cookie and forgets the check."""

    def extract(self, request: Request) -> BearerToken | None:
        value = request.cookies.get("token")
        return BearerToken(value, source="cookie", ambient=True) if value else None


@frozen
class ApiKeyExtractor(TokenExtractor):
    """Takes an API key from the header ``X-API-Key``."""

    challenges = (Challenge("ApiKey"),)
    vary = ("X-API-Key",)

    def extract(self, request: Request) -> BearerToken | None:
        value = request.headers.get("X-API-Key")
        if value is None:
            return None
        if not value.startswith("key_"):
            raise InvalidRequestError("no API key", description="The API key is malformed")
        return BearerToken(value, source="X-API-Key", scheme="ApiKey")


@frozen
class SilentExtractor(TokenExtractor):
    """States neither its challenges nor the headers that it reads."""

    def extract(self, request: Request) -> BearerToken | None:
        return HeaderTokenExtractor().extract(request)


@frozen
class ByScheme(TokenValidator):
    """Looks API keys up by their digest, and verifies everything else as a JWT."""

    jwt: TokenValidator = field(factory=JWTValidator)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        if token.scheme != "ApiKey":
            return self.jwt.validate(token, keys)
        if sha256(token.value.encode()).digest() != sha256(API_KEY.encode()).digest():
            raise InvalidTokenError("no such API key", description="The API key is unknown")
        return Claims({"sub": "nightly-build"}, checked_at=1)


class FiveLineHandler(FailureHandler):
    """Responds in the application's format, and knows nothing of challenges."""

    def deny(self, error: Any) -> Any:
        return {"error": str(error)}, error.status

    def anonymous(self, error: Any) -> None:
        """Do nothing."""
