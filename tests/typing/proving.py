"""An application's evidence, schemes and cross-site check: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from attrs import field, frozen
from flask import Flask, Request, request
from typing_extensions import assert_type

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    HeaderTokenExtractor,
    JWTValidator,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.evidence import NO_EVIDENCE, CrossSiteCheck, Evidence, MustBeConfirmed
from flask_jwtlib.interfaces import challenges_of, vary_of
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, make_request
from flask_jwtlib.testing.contracts import TokenValidatorContract
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import (
    CrossSiteCheckedTokenExtractor,
    check_cross_site,
)


@frozen
class Certificate:
    """Evidence: the client's certificate."""

    thumbprint: str


@frozen
class CertificateExtractor(TokenExtractor):
    """An extractor around another one, which states what that one states."""

    inner: TokenExtractor = field(factory=BearerTokenExtractor)

    @property
    def challenges(self) -> tuple[Challenge, ...]:
        return challenges_of(self.inner)

    @property
    def vary(self) -> tuple[str, ...] | None:
        return vary_of(self.inner)

    def extract(self, request: Request) -> BearerToken | None:
        token = self.inner.extract(request)
        return None if token is None else token.with_evidence(Certificate("a"))


@frozen
class SessionExtractor(TokenExtractor):
    """An extractor with statements of its own."""

    challenges = (Challenge("Cookie", realm="app"),)
    vary = ("Cookie",)

    def extract(self, request: Request) -> BearerToken | None:
        return BearerToken("a", source="cookie", scheme="Cookie", ambient=True)


@frozen
class CertificateValidator(TokenValidator):
    """A validator around another one."""

    inner: TokenValidator = field(factory=JWTValidator)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = self.inner.validate(token, keys)
        shown = token.evidence.get(Certificate)
        assert_type(shown, Certificate | None)
        if shown is None:
            return claims
        confirmed = claims.confirming("x5t#S256", "jkt").with_response_header("X-Checked", "yes")
        assert_type(confirmed, Claims)
        assert_type(confirmed.confirmed, frozenset[str | type[MustBeConfirmed]])
        assert_type(confirmed.response_headers, tuple[tuple[str, str], ...])
        return confirmed


class TestCertificateValidator(TokenValidatorContract):
    """The tokens of a contract may be texts, or tokens with evidence."""

    issuer = TokenIssuer()

    def make_validator(self) -> TokenValidator:
        return CertificateValidator()

    def make_keys(self) -> KeyProvider:
        return Authenticator(keys=self.issuer.jwks).keys

    def good_token(self, subject: str) -> BearerToken:
        token = self.issuer.token(subject, cnf={"x5t#S256": "a"})
        return BearerToken(token).with_evidence(Certificate("a"))

    def expired_token(self) -> str:
        return self.issuer.token(exp=1)

    def forged_token(self) -> str | BearerToken:
        return TokenIssuer().token()


auth = Authenticator(
    keys=TokenIssuer().jwks,
    validator=CertificateValidator(),
    extractor=CrossSiteCheckedTokenExtractor(
        CompositeTokenExtractor(
            HeaderTokenExtractor(), CertificateExtractor(SessionExtractor()), exclusive=False
        ),
        origins=["https://app.example"],
        allow_non_browsers=False,
        safe_methods=("GET", "HEAD"),
    ),
    confirmed_elsewhere=["jkt"],
)
app = Flask(__name__)


@app.post("/login")
def login() -> str:
    """A view that has no token yet."""
    assert_type(check_cross_site(request, origins=("https://app.example",)), CrossSiteCheck)
    return "logged in"


evidence = Evidence(Certificate("a"), CrossSiteCheck.PASSED)
assert_type(evidence.adding(1), Evidence)
assert_type(evidence.get(CrossSiteCheck), CrossSiteCheck | None)
assert_type(NO_EVIDENCE, Evidence)
assert_type(next(iter(evidence)), object)
token = BearerToken("a", evidence=evidence)
assert_type(token.evidence, Evidence)
check_cross_site(make_request(), allow_non_browsers=True)

with IdentityProvider() as idp:
    for received in idp.requests:
        assert_type(received.method, str)
        assert_type(received.body, bytes)

BearerToken("a", ambient="yes")  # type: ignore[arg-type]
Challenge("DPoP", algs=["ES256"])  # type: ignore[arg-type]
check_cross_site("a request")  # type: ignore[arg-type]
