"""Several issuers: each token is verified by its own issuer's keys and rules only."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    Claims,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    StaticKeyProvider,
    TokenValidator,
    TTLKeyProvider,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.claim_rules import RequiredClaims
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    MalformedTokenError,
    MissingClaimError,
    UnknownKeyError,
)
from flask_jwtlib.jws import _base64url, _compact
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenValidatorContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import PATIENCE, raises

from .issuers_kit import (
    A_URL,
    B_RSA,
    B_URL,
    C_URL,
    STRANGER,
    A,
    B,
    C,
    FixedClaims,
    FixedResult,
    NoKeys,
    RecordingKeyProvider,
    router_of,
    token_of,
    trusted,
    verify,
)


class IssuerRouterContract(TokenValidatorContract):
    uses_keys = False
    issuer: TokenIssuer

    def make_validator(self) -> TokenValidator:
        return router_of(A, B, C)

    def make_keys(self) -> KeyProvider:
        return NoKeys()

    def good_token(self, subject: str) -> str:
        return token_of(self.issuer, sub=subject)

    def expired_token(self) -> str:
        return token_of(self.issuer, exp=1)

    def forged_token(self) -> str:
        issuer = self.issuer
        return token_of(TokenIssuer(issuer.issuer, kid=issuer.kid, algorithm=issuer.algorithm))


class TestIssuerRouterOnRSA(IssuerRouterContract):
    issuer = A


class TestIssuerRouterOnECDSA(IssuerRouterContract):
    issuer = B


class TestIssuerRouterOnHMAC(IssuerRouterContract):
    issuer = C


def test_tokens_of_each_issuer_are_accepted(app: Flask) -> None:
    """An ``Authenticator`` without keys of its own accepts the tokens of every issuer of its router."""
    auth = Authenticator(validator=router_of(A, B, C))

    @app.get("/")
    @auth.requires_authentication
    def me() -> str:
        return f"{current_principal} of {current_principal.claims.issuer}"

    client = app.test_client()
    for issuer in (A, B, C):
        response = client.get("/", headers=bearer(token_of(issuer)))
        assert response.text == f"alice of {issuer.issuer}"
    response = client.get("/", headers=bearer(token_of(STRANGER)))
    assert response.status_code == 401
    assert "from another issuer" in response.headers["WWW-Authenticate"]
    assert client.get("/").status_code == 401


def test_a_key_never_verifies_another_issuers_token() -> None:
    """A token that A signed in B's name is refused, also with A's key ID, and A's keys aren't looked up."""
    keys = {name: RecordingKeyProvider(issuer) for name, issuer in {"A": A, "B": B_RSA}.items()}
    router = IssuerRouter(
        TrustedIssuer(A_URL, keys=keys["A"], audience="api"),
        TrustedIssuer(B_URL, keys=keys["B"], audience="api"),
    )

    # Both issuers have a key with the ID "a".
    with pytest.raises(BadSignatureError):
        verify(router, token_of(A, iss=B_URL))
    assert not keys["A"].lookups
    with pytest.raises(BadSignatureError):
        verify(router, token_of(B_RSA, iss=A_URL))
    for kid in ("b", "", "https://a.example#a"):
        with pytest.raises(UnknownKeyError):
            verify(router, A.token(aud="api", iss=B_URL, header={"kid": kid}))
    with pytest.raises(BadSignatureError):
        # The token names no key: B's only key is tried, and A's isn't.
        verify(router, A.token(aud="api", iss=B_URL, header={"kid": None}))
    assert len(keys["A"].lookups) == 1
    assert verify(router, token_of(A)).issuer == A_URL
    assert verify(router, token_of(B_RSA)).issuer == B_URL


def test_each_issuer_has_its_own_algorithms() -> None:
    """An algorithm of one issuer isn't accepted from another, so no key is confused with another type."""
    router = IssuerRouter(
        trusted(A),
        trusted(C),
        TrustedIssuer(B_URL, keys=[B.jwk, B_RSA.jwk], audience="api", algorithms="ES256"),
    )
    a_public_key = TokenIssuer(A_URL, kid="a", algorithm="HS256", private_key=A.public_pem.encode())

    for forged in (
        token_of(a_public_key),
        token_of(a_public_key, iss=C_URL),
        token_of(C, iss=A_URL),
        token_of(A, iss=C_URL),
        token_of(B_RSA),
    ):
        with pytest.raises((AlgorithmError, UnknownKeyError)):
            verify(router, forged)
    with pytest.raises(BadSignatureError):
        verify(router, a_public_key.token(aud="api", iss=C_URL, header={"kid": "c"}))
    for issuer in (A, B, C):
        assert verify(router, token_of(issuer))


def test_each_issuer_has_its_own_audience() -> None:
    """One issuer's audience isn't accepted in another's token."""
    router = IssuerRouter(
        trusted(A, audience=["api", "old-api"]), trusted(B, audience="b-knows-us-as-this")
    )

    assert verify(router, token_of(A, aud=["old-api", "else"]))
    assert verify(router, token_of(B, aud="b-knows-us-as-this"))
    for wrong in (
        token_of(A, aud="b-knows-us-as-this"),
        token_of(B, aud="api"),
        token_of(B, aud=["api", "old-api"]),
    ):
        with raises(ClaimError, match="aud is"):
            verify(router, wrong)
    for issuer in (A, B):
        with pytest.raises(MissingClaimError):
            verify(router, issuer.token())


def test_each_issuer_has_its_own_rules() -> None:
    """One issuer's rules, leeway and size limit don't apply to another."""
    router = IssuerRouter(
        trusted(A, rules=iter([RequiredClaims("tenant")]), leeway=60),
        trusted(B, max_size=10_000, algorithms=iter(["RS384", "ES256"])),
    )
    late = time.time() - 30
    pad = "x" * 6_200

    assert verify(router, token_of(A, tenant="a", exp=late))
    with pytest.raises(MissingClaimError):
        verify(router, token_of(A))
    with pytest.raises(ExpiredTokenError):
        verify(router, token_of(B, exp=late))
    assert verify(router, token_of(B, pad=pad))
    with raises(MalformedTokenError, match=r"too large.* 8192"):
        verify(router, token_of(A, tenant="a", pad=pad))
    with raises(MalformedTokenError, match=r"too large.* 10000"):
        verify(router, token_of(B, pad=pad * 2))
    assert router.max_size == 10_000


def test_a_token_of_an_unknown_issuer_causes_no_request(idp: IdentityProvider) -> None:
    """Neither a trusted issuer nor the URLs in the token are requested."""
    idp.add_key(kid="a")
    keys = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, fetch_timeout=PATIENCE)
    router = IssuerRouter(TrustedIssuer(A_URL, keys=keys, audience="api"))

    with IdentityProvider() as attackers:
        attacker = attackers.add_key(kid="a")
        bait = {"jku": attackers.jwks_url, "jwk": attacker.jwk, "x5u": attackers.url}
        for token in (
            token_of(attacker),
            attacker.token(aud="api", header=bait),
            attacker.token(aud="api", header={"kid": attackers.jwks_url}),
            token_of(attacker, iss=idp.issuer_url),
            token_of(attacker, iss=None),
        ):
            with pytest.raises(InvalidTokenError):
                verify(router, token)
        assert idp.connections == 0
        # A trusted issuer's name fetches only that issuer's keys.
        with pytest.raises(BadSignatureError):
            verify(router, attacker.token(aud="api", iss=A_URL, header=bait))
        assert idp.count() == idp.count(idp.jwks_path) == 1
        assert attackers.connections == 0


def test_a_disallowed_algorithm_causes_no_request(idp: IdentityProvider) -> None:
    """The algorithm is checked before the issuer's keys are fetched."""
    keys = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True)
    router = IssuerRouter(TrustedIssuer(A_URL, keys=keys, audience="api"))

    for issuer in (B, C):
        with pytest.raises(AlgorithmError):
            verify(router, token_of(issuer, iss=A_URL))
    assert idp.connections == 0


def test_an_outage_of_one_issuer_does_not_affect_the_others(idp: IdentityProvider) -> None:
    """While one issuer's server hangs, tokens of the others are verified at once."""
    issuer = idp.add_key(kid="a")
    idp.behave(hang=True)
    keys = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, fetch_timeout=PATIENCE)
    router = IssuerRouter(
        TrustedIssuer(issuer.issuer, keys=keys, audience="api"), trusted(B), trusted(C)
    )
    waiting = Thread(target=verify, args=(router, token_of(issuer)))
    waiting.start()
    idp.wait_for(1)

    for _ in range(50):
        assert verify(router, token_of(B)).issuer == B_URL
        assert verify(router, token_of(C)).issuer == C_URL

    assert waiting.is_alive()
    idp.release()
    waiting.join(PATIENCE)
    assert verify(router, token_of(issuer))


@pytest.mark.parametrize(
    "result",
    [OSError("no"), KeyError("a bug"), None, 5, "abc", {}, ..., [...], [None], ["a"]],
    ids=repr,
)
def test_a_failing_key_provider_is_an_outage(app: Flask, result: Any) -> None:
    """An error or an invalid result of an issuer's key provider is a 503, for this issuer's tokens only."""
    router = IssuerRouter(trusted(A, keys=FixedResult(result)), trusted(B))
    auth = Authenticator(validator=router)

    @app.get("/")
    @auth.optional_authentication
    def me() -> str:
        return str(current_principal)

    client = app.test_client()
    response = client.get("/", headers=bearer(token_of(A)))
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert client.get("/", headers=bearer(token_of(B))).text == "alice"


def test_refusals_and_outages_of_a_key_provider_are_kept() -> None:
    """A refusal stays a refusal, and an outage keeps its ``retry_after``."""
    with raises(InvalidTokenError, match="blocked"):
        verify(
            IssuerRouter(trusted(A, keys=FixedResult(InvalidTokenError("blocked")))), token_of(A)
        )

    outage = VerificationUnavailable("busy", retry_after=17)
    with pytest.raises(VerificationUnavailable) as caught:
        verify(IssuerRouter(trusted(A, keys=FixedResult(outage))), token_of(A))
    assert caught.value.retry_after == 17


@pytest.mark.parametrize(
    "claims",
    [{"iss": B_URL}, {"iss": f"{A_URL}/"}, {"iss": [A_URL]}, {"iss": None}, {}],
    ids=ascii,
)
def test_verified_claims_must_name_the_selected_issuer(
    claims: dict[str, Any],
) -> None:
    """Claims that were verified for A but name B are refused, whichever validator returned them."""
    for result in (Claims(claims, checked_at=0), claims, MappingProxyType(claims)):
        router = IssuerRouter(TrustedIssuer(A_URL, validator=FixedClaims(result)), trusted(B))
        with raises(ClaimError, match="iss of the verified token is") as caught:
            verify(router, token_of(A))
        assert caught.value.claim == "iss"


@pytest.mark.parametrize("result", [None, True, "alice", 5, [A_URL], ...], ids=repr)
def test_a_validator_that_does_not_return_claims_is_an_outage(result: Any) -> None:
    """A validator that returns anything but claims accepts no token."""
    router = IssuerRouter(TrustedIssuer(A_URL, validator=FixedClaims(result)))

    with raises(VerificationUnavailable, match="not claims"):
        verify(router, token_of(A))


def test_an_issuer_can_have_its_own_validator() -> None:
    """An issuer's tokens can be verified by a custom validator with that issuer's keys."""
    clock = TokenIssuer(A_URL, kid="a", clock=lambda: 1000, private_key=A.private_key)
    own = JWTValidator(rules=[Audience("me")], clock=lambda: 1001, max_size=9000)
    mapping = {"iss": B_URL, "sub": "bob"}
    router = IssuerRouter(
        TrustedIssuer(A_URL, keys=A.jwk, validator=own),
        TrustedIssuer(B_URL, validator=FixedClaims(mapping)),
    )

    assert verify(router, clock.token(aud="me", pad="x" * 6200)).checked_at == 1001
    assert router.max_size == 9000
    auth = Authenticator(validator=router)
    caller = auth.authenticate(make_request(headers=bearer(token_of(B))))
    assert caller.subject == "bob"
    assert router.issuers[A_URL].validator is own


def test_keys_may_have_any_form() -> None:
    """An issuer accepts keys in every form that an ``Authenticator`` does."""
    fetched: list[str] = []

    def fetch() -> Mapping[str, Any]:
        fetched.append("fetched")
        return A.jwks

    composite = CompositeKeyProvider(StaticKeyProvider(A.jwk), TTLKeyProvider(fetch))
    for keys in (A.public_pem, A.jwk, A.jwks, [A.jwk], A.verification_key, composite, fetch):
        assert verify(IssuerRouter(trusted(A, keys=keys)), token_of(A)).subject == "alice"
    assert len(fetched) == 1


def test_an_unknown_issuer_is_quoted_safely(caplog: pytest.LogCaptureFixture) -> None:
    """The message quotes an unknown issuer in ASCII on one short line; the response doesn't repeat it."""
    hostile = "https://evil.example\r\nINFO all is well \u202e" + "x" * 3000

    with pytest.raises(InvalidTokenError) as caught:
        verify(router_of(A, B), token_of(STRANGER, iss=hostile))

    text = error_text(caught.value)
    assert "evil.example" in text
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 200
    assert "evil" not in (caught.value.description or "")
    with pytest.raises(ClaimError) as refused:
        verify(
            IssuerRouter(TrustedIssuer(A_URL, validator=FixedClaims({"iss": hostile}))), token_of(A)
        )
    assert error_text(refused.value).isprintable()
    assert len(error_text(refused.value)) < 220
    assert not caplog.records


def test_a_token_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Selecting the issuer decodes nothing twice: two JSON texts and three base64url texts."""
    decoded: list[str] = []

    def counted(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            decoded.append(name)
            return function(*arguments)

        return call

    monkeypatch.setattr(_compact, "read_json_object", counted(_compact.read_json_object, "JSON"))
    monkeypatch.setattr(_base64url, "a2b_base64", counted(vars(_base64url)["a2b_base64"], "base64"))
    auth = Authenticator(validator=router_of(A, B))
    # A header that isn't cached.
    token = A.token(aud="api", header={"nonce": time.time_ns()})

    assert auth.authenticate(make_request(headers=bearer(token)))

    assert decoded.count("JSON") == 2
    assert decoded.count("base64") == 3


def calls_of(function: Callable[[], object]) -> int:
    """Count the Python and C functions that a call runs."""
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # A garbage collection would add calls.
    gc.disable()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def test_the_cost_does_not_grow_with_the_number_of_issuers() -> None:
    """Accepting or refusing a token takes as many calls with 10,000 issuers as with one."""
    key = StaticKeyProvider(A.verification_key)
    names = [f"https://{number}.example" for number in range(9_999)]
    many = IssuerRouter(
        *(TrustedIssuer(name, keys=key, audience="api") for name in names), trusted(A)
    )
    one = router_of(A)
    good, stranger = token_of(A), token_of(STRANGER)

    def refused(router: IssuerRouter) -> None:
        with pytest.raises(InvalidTokenError):
            verify(router, stranger)

    for _ in range(2):
        # The first round fills the cache of headers.
        work = [calls_of(lambda router=router: verify(router, good)) for router in (one, many)]
        refusals = [calls_of(lambda router=router: refused(router)) for router in (one, many)]

    assert work[0] == work[1]
    assert refusals[0] == refusals[1]
    for name in (names[0], names[5_000], names[-1]):
        assert verify(many, token_of(A, iss=name)).issuer == name
    assert len(repr(many)) < 100


def test_concurrent_tokens_are_verified_by_their_own_issuers() -> None:
    """Under load each token is verified by its issuer's keys, and each caller gets its own claims."""
    router = router_of(A, B, C)
    good = [(issuer, token_of(issuer, sub=issuer.issuer)) for issuer in (A, B, C)]
    bad = [token_of(A, iss=B_URL), token_of(C, iss=A_URL), token_of(STRANGER)]
    barrier = Barrier(8)

    def work(number: int) -> None:
        barrier.wait(PATIENCE)
        for round_ in range(40):
            issuer, token = good[(number + round_) % 3]
            claims = verify(router, token)
            assert claims.issuer == claims.subject == issuer.issuer
            claims["sub"] = "another subject"
            with pytest.raises(InvalidTokenError):
                verify(router, bad[(number + round_) % 3])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_accepted_tokens_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged for tokens that are accepted."""
    caplog.set_level(logging.DEBUG)

    assert verify(router_of(A, B), token_of(A))

    assert not caplog.records
