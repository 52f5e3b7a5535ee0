"""An application's own strategies: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen
from flask import Request, Response, jsonify
from flask.typing import ResponseReturnValue
from typing_extensions import override

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    BearerToken,
    Claims,
    FailureHandler,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
    UnauthorizedHandler,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.challenges import refusal_headers
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.testing import TokenIssuer, make_request
from flask_jwtlib.testing.contracts import (
    FailureHandlerContract,
    KeyProviderContract,
    TokenExtractorContract,
    TokenValidatorContract,
)


@frozen
class CookieTokenExtractor(TokenExtractor):
    """Inherits the interface."""

    name: str

    @override
    def extract(self, request: Request) -> BearerToken | None:
        """Find the token."""
        value = request.cookies.get(self.name)
        return None if value is None else BearerToken(value, source="cookie")


class ShapedExtractor:
    """Has the right method without inheriting."""

    def extract(self, request: Request) -> BearerToken | None:
        """Find the token."""
        return BearerToken(request.headers["X-Token"])


class FileKeyProvider(KeyProvider):
    """Knows one key."""

    def __init__(self, key: VerificationKey) -> None:
        self._keys = {key.kid: key}

    @override
    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by key ID."""
        key = self._keys.get(header.kid)
        return [] if key is None else [key]


@frozen
class TenantValidator(JWTValidator):
    """Adds a rule by subclassing."""

    tenant: str = "acme"

    @override
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Require a tenant, too."""
        claims = super().validate(token, keys)
        if claims["tenant"] != self.tenant:
            raise ClaimError("tenant", "another tenant", description="Not for this tenant")
        return claims


class OpaqueTokenValidator(TokenValidator):
    """Needs no keys."""

    @override
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Look the token up."""
        if token.value != "known":
            raise InvalidTokenError("unknown", description="The token is unknown")
        return Claims({"sub": "alice"}, checked_at=0)


class JSONHandler(FailureHandler):
    """Responds in JSON, with any response that a view may return."""

    @override
    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Refuse."""
        if isinstance(error, VerificationUnavailable):
            return {"retry": error.retry_after}, error.status
        return (
            jsonify(code=error.error_code, detail=error.description),
            error.status,
            dict(refusal_headers(error, realm="api")),
        )

    @override
    def anonymous(self, error: AuthenticationError) -> None:
        """Go on."""


class TeapotHandler(UnauthorizedHandler):
    """Changes the core's handler."""

    @override
    def deny(self, error: AuthenticationError | VerificationUnavailable) -> Response:
        """Refuse."""
        response = super().deny(error)
        response.headers["X-Teapot"] = "yes"
        return response


def all_of_them_compose(key: VerificationKey) -> Authenticator:
    """An Authenticator takes strategies with and without inheritance."""
    Authenticator(keys=FileKeyProvider(key), extractor=ShapedExtractor())
    return Authenticator(
        keys=FileKeyProvider(key),
        extractor=CookieTokenExtractor("session"),
        validator=evolve(TenantValidator(tenant="acme"), tenant="other"),
        failure_handler=JSONHandler(),
    ).evolve(validator=OpaqueTokenValidator(), failure_handler=TeapotHandler(realm="tea"))


class TestCookieTokenExtractor(TokenExtractorContract):
    """Tests the extractor's contract."""

    @override
    def make_extractor(self) -> TokenExtractor:
        return CookieTokenExtractor("session")

    @override
    def request_with(self, token: str) -> Request:
        return make_request(headers={"Cookie": f"session={token}"})


class TestFileKeyProvider(KeyProviderContract):
    """Tests the provider's contract."""

    @override
    def make_provider(self) -> KeyProvider:
        return FileKeyProvider(TokenIssuer().verification_key)

    @override
    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("RS256", "key-1")


class TestOpaqueTokenValidator(TokenValidatorContract):
    """Tests the validator's contract."""

    uses_keys = False

    @override
    def make_validator(self) -> TokenValidator:
        return OpaqueTokenValidator()

    @override
    def make_keys(self) -> KeyProvider:
        return FileKeyProvider(TokenIssuer().verification_key)

    @override
    def good_token(self, subject: str) -> str:
        return "known"

    @override
    def expired_token(self) -> str:
        return "old"

    @override
    def forged_token(self) -> str:
        return "made up"


class TestJSONHandler(FailureHandlerContract):
    """Tests the handler's contract."""

    @override
    def make_handler(self) -> FailureHandler:
        return JSONHandler()


class Incomplete(TokenExtractor):
    """Lacks its method."""


class WrongAnswer:
    """Has a method of another type."""

    def extract(self, request: Request) -> str:
        """Return text."""
        return ""


class WrongOverride(TokenExtractor):
    """Overrides with another type."""

    def extract(self, request: Request) -> str:  # type: ignore[override]
        """Return text."""
        return ""


def mistakes(key: VerificationKey) -> None:
    """Mistakes that a type checker finds."""
    Incomplete()  # type: ignore[abstract]
    TokenExtractor()  # type: ignore[misc]
    TokenExtractorContract()  # type: ignore[abstract]
    Authenticator(keys=key, extractor=WrongAnswer())  # type: ignore[arg-type]
    Authenticator(keys=key, failure_handler=FileKeyProvider(key))  # type: ignore[arg-type]
    BearerToken("a", "cookie")  # type: ignore[call-arg]
    BearerToken("a").value = "b"  # type: ignore[misc]
