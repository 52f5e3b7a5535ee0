"""Several issuers: each token is verified by its own issuer's keys and rules only."""

from __future__ import annotations

import gc
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask, current_app

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    Issuer,
    JWTValidator,
    KeyProvider,
    RequiredClaims,
    StaticKeyProvider,
    TokenValidator,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
    current_principal,
)
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
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenValidatorContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.warm_up import warm_up_all
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import PATIENCE

A_URL, B_URL, C_URL = "https://a.example", "https://b.example", "https://c.example"
A = TokenIssuer(A_URL, kid="a")
B = TokenIssuer(B_URL, kid="b", algorithm="ES256")
B_RSA = TokenIssuer(B_URL, kid="a")
C = TokenIssuer(C_URL, kid="c", algorithm="HS256")
STRANGER = TokenIssuer("https://stranger.example", kid="a")


class NoKeys(KeyProvider):
    """The key provider that an ``Authenticator`` passes to a validator with its own keys."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        raise AssertionError("the router's issuers have keys of their own")


def trusted(issuer: TokenIssuer, **options: Any) -> TrustedIssuer:
    """Return a trusted issuer with the audience ``api``, its own key and its algorithm."""
    how = {"keys": issuer.verification_key, "audience": "api", "algorithms": issuer.algorithm}
    return TrustedIssuer(issuer.issuer, **{**how, **options})


def router_of(*issuers: TokenIssuer) -> IssuerRouter:
    """Return a router of issuers with the audience ``api``."""
    return IssuerRouter(*map(trusted, issuers))


def token_of(issuer: TokenIssuer, **claims: Any) -> str:
    """Return a valid token, with the given claims."""
    return issuer.token(**{"aud": "api", **claims})


def verify(router: IssuerRouter, token: str) -> Claims:
    """Return the claims of a token that a router verifies."""
    return router.validate(BearerToken(token), NoKeys())


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


@pytest.mark.parametrize(
    "iss",
    [
        f"{A_URL}/",
        f"{A_URL}/b",
        f"{A_URL}.",
        f"{A_URL}:443",
        f"{A_URL}?",
        f"{A_URL}#",
        f"{A_URL}@stranger.example",
        f"{A_URL}.stranger.example",
        f" {A_URL}",
        f"{A_URL} ",
        f"{A_URL}\n",
        f"{A_URL}\x00",
        f"{A_URL}\u200b",
        A_URL[:-1],
        A_URL.upper(),
        A_URL.title(),
        A_URL.replace("https", "http"),
        A_URL.replace("a.", "%61."),
        A_URL.replace("a", "\u0430"),
        A_URL.replace("a", "\uff41"),
        A_URL.replace("e", "e\u0301"),
        A_URL.removeprefix("https://"),
        f"{A_URL},{B_URL}",
        f"{A_URL} {B_URL}",
        "",
        "*",
        ".*",
        "None",
        "__class__",
        "a" * 4000,
    ],
    ids=ascii,
)
def test_an_issuer_must_match_exactly(iss: str) -> None:
    """A token whose ``iss`` merely resembles its issuer's name is refused."""
    with pytest.raises(InvalidTokenError, match="iss is ") as caught:
        verify(router_of(A, B), token_of(A, iss=iss))

    assert type(caught.value) is InvalidTokenError
    assert caught.value.description == "The access token is from another issuer"


@pytest.mark.parametrize(
    "iss",
    [[A_URL], [A_URL, B_URL], {"": A_URL}, {A_URL: 1}, 1, 0.5, True, [], {}, [[A_URL]]],
    ids=ascii,
)
def test_an_issuer_must_be_a_string(iss: object) -> None:
    """An ``iss`` of another type, such as an array with a trusted issuer, is refused."""
    with pytest.raises(InvalidTokenError, match="missing or not a string"):
        verify(router_of(A, B), token_of(A, iss=iss))


@pytest.mark.parametrize(
    "payload",
    [
        '{"sub":"alice","aud":"api"}',
        '{"iss":null,"sub":"alice","aud":"api"}',
        '{"ISS":"https://a.example","aud":"api"}',
        '{" iss":"https://a.example","aud":"api"}',
        '{"act":{"iss":"https://a.example"},"aud":"api"}',
        "{}",
    ],
)
def test_a_token_without_an_issuer_is_refused(payload: str) -> None:
    """A token without ``iss`` is refused, even by a router of one issuer."""
    token = A.compact(b'{"alg":"RS256","kid":"a","iss":"https://a.example"}', payload.encode())

    with pytest.raises(InvalidTokenError, match="missing or not a string"):
        verify(router_of(A), token)


@pytest.mark.parametrize(
    "payload",
    [
        '{"iss":"https://a.example","iss":"https://b.example","aud":"api"}',
        '{"iss":"https://a.example","iss":"https://a.example","aud":"api"}',
        '{"iss":"https://a.example","\\u0069ss":"https://b.example","aud":"api"}',
        '{"iss":"https://a.example","aud":"api"',
        '{"iss":"https://a.example","aud":"api"}{}',
        '["https://a.example"]',
        '"https://a.example"',
        '{"iss":"https://a.example\\ud800","aud":"api"}',
        '{"iss":"https://a.example","a":' + "[" * 40 + "]" * 40 + "}",
        '{"iss":"https://a.example","exp":NaN}',
        "",
    ],
)
def test_an_ambiguous_claims_set_is_malformed(payload: str) -> None:
    """A duplicate ``iss``, or a payload that isn't a strict JSON object, is malformed."""
    with pytest.raises(MalformedTokenError):
        verify(router_of(A, B), A.compact(b'{"alg":"RS256","kid":"a"}', payload.encode()))


def test_an_escaped_issuer_is_the_same_issuer() -> None:
    """An ``iss`` with escaped characters selects its issuer, whose rules apply."""
    payload = '{"iss":"https:\\/\\/\\u0061.example","aud":"%s","exp":4102444800}'
    header = b'{"alg":"RS256","kid":"a"}'

    assert verify(router_of(A, B), A.compact(header, (payload % "api").encode())).issuer == A_URL
    with pytest.raises(ClaimError):
        verify(router_of(A, B), A.compact(header, (payload % "other").encode()))


def test_an_issuer_in_the_header_is_ignored() -> None:
    """An ``iss`` in the header (RFC 7519 §5.3) doesn't select an issuer."""
    router = router_of(A, B)
    header = {"iss": A_URL}

    assert verify(router, B.token(aud="api", header=header)).issuer == B_URL
    with pytest.raises(InvalidTokenError, match="missing"):
        verify(router, A.token(aud="api", iss=None, header=header))


class RecordingKeyProvider(KeyProvider):
    """Records the headers that an issuer's keys are looked up for."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.provider = StaticKeyProvider(*(issuer.verification_key for issuer in issuers))
        self.lookups: list[UnverifiedHeader] = []

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.lookups.append(header)
        return self.provider.keys_for(header)


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
        with pytest.raises(ClaimError, match="aud is"):
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
    with pytest.raises(MalformedTokenError, match=r"too large.* 8192"):
        verify(router, token_of(A, tenant="a", pad=pad))
    with pytest.raises(MalformedTokenError, match=r"too large.* 10000"):
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


class FixedResult(KeyProvider):
    """A provider that returns or raises its ``result``."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def keys_for(self, header: UnverifiedHeader) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


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
    with pytest.raises(InvalidTokenError, match="blocked"):
        verify(
            IssuerRouter(trusted(A, keys=FixedResult(InvalidTokenError("blocked")))), token_of(A)
        )

    outage = VerificationUnavailable("busy", retry_after=17)
    with pytest.raises(VerificationUnavailable) as caught:
        verify(IssuerRouter(trusted(A, keys=FixedResult(outage))), token_of(A))
    assert caught.value.retry_after == 17


class FixedClaims(TokenValidator):
    """A validator that accepts every token and returns fixed claims."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.result


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
        with pytest.raises(ClaimError, match="iss of the verified token is") as caught:
            verify(router, token_of(A))
        assert caught.value.claim == "iss"


@pytest.mark.parametrize("result", [None, True, "alice", 5, [A_URL], ...], ids=repr)
def test_a_validator_that_does_not_return_claims_is_an_outage(result: Any) -> None:
    """A validator that returns anything but claims accepts no token."""
    router = IssuerRouter(TrustedIssuer(A_URL, validator=FixedClaims(result)))

    with pytest.raises(VerificationUnavailable, match="not claims"):
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

    text = str(caught.value)
    assert "evil.example" in text
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 200
    assert "evil" not in (caught.value.description or "")
    with pytest.raises(ClaimError) as refused:
        verify(
            IssuerRouter(TrustedIssuer(A_URL, validator=FixedClaims({"iss": hostile}))), token_of(A)
        )
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 220
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(IssuerRouter, "needs at least one TrustedIssuer", id="no issuer"),
        pytest.param(lambda: IssuerRouter(A_URL), "objects, not 'https://a", id="text"),
        pytest.param(lambda: IssuerRouter([trusted(A)]), "objects, not \\[", id="list"),
        pytest.param(lambda: IssuerRouter(TrustedIssuer), "objects, not <class", id="class"),
        pytest.param(
            lambda: IssuerRouter(trusted(A), trusted(B), trusted(A)),
            "'https://a.example' is given twice.*CompositeKeyProvider",
            id="twice",
        ),
        pytest.param(
            lambda: trusted(A, audience=None), "there is no audience.*RFC 8725", id="no aud"
        ),
        pytest.param(lambda: trusted(A, audience=[]), "there is no audience", id="empty audience"),
        pytest.param(lambda: trusted(A, audience=""), "non-empty strings, not ''", id="blank aud"),
        pytest.param(lambda: trusted(A, audience=["api", 5]), "not 5", id="number among aud"),
        pytest.param(lambda: trusted(A, audience=5), "not 5", id="number as audience"),
        pytest.param(lambda: trusted(A, audience=b"api"), "non-empty strings", id="bytes as aud"),
        pytest.param(lambda: TrustedIssuer("", keys=A.jwk), "'': .*non-empty", id="blank issuer"),
        pytest.param(lambda: TrustedIssuer(None, keys=A.jwk), "None: Issuer takes", id="None"),
        pytest.param(
            lambda: TrustedIssuer([A_URL], keys=A.jwk), "takes non-empty", id="list of iss"
        ),
        pytest.param(
            lambda: TrustedIssuer(5, validator=FixedClaims({})),
            "takes non-empty",
            id="number as issuer",
        ),
        pytest.param(lambda: trusted(A, keys=None), "give the Auth.* keys=", id="no keys"),
        pytest.param(
            lambda: trusted(A, keys="secret"), "'https://a.example': this text", id="secret"
        ),
        pytest.param(lambda: trusted(A, keys=[]), "there is none", id="empty keys"),
        pytest.param(lambda: trusted(A, keys=StaticKeyProvider), "is the class", id="keys class"),
        pytest.param(lambda: trusted(A, algorithms="ES256"), "keys verify RS256", id="algorithm"),
        pytest.param(lambda: trusted(A, algorithms="none"), "none", id="alg none"),
        pytest.param(lambda: trusted(A, algorithms=[]), "algorithm", id="no algorithm"),
        pytest.param(lambda: trusted(A, rules=5), "given in a list", id="rules"),
        pytest.param(lambda: trusted(A, rules=["exp"]), "a claim rule is", id="no rule"),
        pytest.param(lambda: trusted(A, leeway=-1), "leeway is", id="leeway"),
        pytest.param(lambda: trusted(A, max_size=0), "1 or more", id="max_size"),
        pytest.param(
            lambda: TrustedIssuer(A_URL, keys=A.jwk, validator=JWTValidator),
            "is the class",
            id="class",
        ),
        pytest.param(
            lambda: TrustedIssuer(A_URL, keys=A.jwk, validator=object()),
            "no method validate",
            id="no validator",
        ),
        pytest.param(
            lambda: TrustedIssuer(A_URL, validator=JWTValidator(), audience="api", leeway=0),
            "audience, leeway can't be used together with validator=",
            id="options and validator",
        ),
    ],
)
def test_an_invalid_composition_is_refused(make: Callable[[], object], message: str) -> None:
    """Missing, duplicate or contradictory settings raise when the router is made, with the issuer's name."""
    with pytest.raises(ConfigurationError, match=re.compile(message, re.DOTALL)):
        make()


@pytest.mark.parametrize(
    "option",
    [
        {"audience": "api"},
        {"algorithms": "RS256"},
        {"rules": []},
        {"leeway": 0},
        {"max_size": 8192},
    ],
    ids=lambda option: next(iter(option)),
)
def test_options_beside_a_validator_are_refused(option: dict[str, Any]) -> None:
    """Options that a custom validator would ignore are refused."""
    validator = JWTValidator(rules=[Issuer(A_URL), Audience("api")])

    with pytest.raises(ConfigurationError, match=next(iter(option))):
        TrustedIssuer(A_URL, keys=A.jwk, validator=validator, **option)


def test_the_routers_max_size_can_be_set() -> None:
    """It limits tokens also for validators without a limit; an issuer's own limit still applies."""

    class Unlimited(TokenValidator):
        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            return JWTValidator(rules=[Audience("api")], max_size=20_000).validate(token, keys)

    large = token_of(A, pad="x" * 9000)
    unlimited = TrustedIssuer(A_URL, keys=A.jwk, validator=Unlimited())
    assert verify(IssuerRouter(unlimited, max_size=20_000), large)
    for router in (
        IssuerRouter(unlimited),
        IssuerRouter(trusted(A, max_size=20_000), max_size=8192),
        IssuerRouter(trusted(A), max_size=20_000),
    ):
        with pytest.raises(MalformedTokenError, match="too large"):
            verify(router, large)


@pytest.mark.parametrize("size", [0, -1, True, "8192", 8192.0], ids=repr)
def test_the_routers_max_size_must_be_a_positive_integer(size: Any) -> None:
    """Anything else raises when the router is made."""
    with pytest.raises(ConfigurationError, match="max_size must be a whole number"):
        IssuerRouter(trusted(A), max_size=size)


def test_a_router_is_immutable() -> None:
    """The issuers of a router are fixed when it is made."""
    router = router_of(A)

    with pytest.raises(TypeError):
        router.issuers[B_URL] = trusted(B)
    for change in (lambda: setattr(router, "issuers", {}), lambda: setattr(trusted(A), "keys", B)):
        with pytest.raises(AttributeError):
            change()
    assert repr(router) == "IssuerRouter(issuers=<1 issuers>, max_size=8192)"
    assert A_URL in repr(trusted(A))


class Fetching(TTLKeyProvider):
    """A provider that fetches an issuer's keys, or fails to, and counts fetches."""

    def __init__(self, issuer: TokenIssuer, error: Exception | None = None, **how: Any) -> None:
        fetches: list[str] = []

        def fetch() -> Any:
            fetches.append(current_app.name if current_app else "no app")
            if error is not None:
                raise error
            return issuer.jwks

        super().__init__(fetch, **how)
        object.__setattr__(self, "fetches", fetches)


def test_warm_up_fetches_all_issuers_keys(app: Flask) -> None:
    """Making a router fetches nothing; ``warm_up`` calls each provider once, with the current app."""
    shared, own = Fetching(A), Fetching(B)
    router = IssuerRouter(
        trusted(A, keys=shared),
        TrustedIssuer("https://twin.example", keys=shared, audience="api"),
        trusted(B, keys=own),
        trusted(C),
        TrustedIssuer("https://opaque.example", validator=FixedClaims({})),
    )
    assert not shared.fetches
    assert not own.fetches

    with app.app_context():
        router.warm_up()

    assert shared.fetches == own.fetches == [app.name]
    router.warm_up()
    assert len(shared.fetches) == 1


def test_warm_up_names_the_issuers_that_failed() -> None:
    """All issuers' keys are fetched before ``warm_up`` raises for those that failed."""
    error = ConnectionError("down")
    good = Fetching(B)
    router = IssuerRouter(trusted(A, keys=Fetching(A, error)), trusted(C), trusted(B, keys=good))

    with pytest.raises(VerificationUnavailable, match="1 of 3 issuers") as caught:
        router.warm_up()

    assert A_URL in str(caught.value)
    assert good.fetches == ["no app"]
    IssuerRouter(trusted(C)).warm_up()


def test_the_status_lists_each_issuer() -> None:
    """The status is JSON, counts the states, and fetches nothing."""
    cold = Fetching(A)
    router = IssuerRouter(
        trusted(A, keys=cold),
        trusted(B),
        TrustedIssuer(C_URL, validator=FixedClaims({})),
    )

    status = router.status()

    assert json.loads(json.dumps(status)) == status
    assert status["state"] == "partial"
    assert status["states"] == {"cold": 1, "static": 1, "unknown": 1}
    assert {name: one["provider"] for name, one in status["issuers"].items()} == {
        A_URL: "Fetching",
        B_URL: "StaticKeyProvider",
        C_URL: "FixedClaims",
    }
    assert status["issuers"][B_URL]["kids"] == ["b"]
    assert not cold.fetches


class InState(FixedResult):
    """A provider whose status has a fixed state."""

    def status(self) -> dict[str, Any]:
        return {"state": self.result}


@pytest.mark.parametrize(
    ("states", "combined"),
    [
        ("static", "static"),
        ("static fresh", "fresh"),
        ("fresh stale", "stale"),
        ("cold", "cold"),
        ("dead dead", "dead"),
        ("dead cold", "cold"),
        ("fresh cold", "partial"),
        ("fresh dead", "partial"),
        ("fresh partial", "partial"),
        ("unknown", "unknown"),
        ("unknown fresh", "fresh"),
        ("exotic", "unknown"),
    ],
)
def test_the_state_of_a_router_combines_its_issuers(states: str, combined: str) -> None:
    """A router has no keys only if none of its issuers has any."""
    router = IssuerRouter(
        *(
            TrustedIssuer(f"https://{number}.example", keys=InState(state), audience="api")
            for number, state in enumerate(states.split())
        )
    )

    assert router.status()["state"] == combined


def test_the_generation_changes_with_any_issuers_keys() -> None:
    """A cache of verified tokens can tell that any issuer's keys have changed."""
    keys = Fetching(A)
    router = IssuerRouter(trusted(A, keys=keys), trusted(B))
    before = router.generation

    keys.warm_up()

    assert router.generation > before
    assert not hasattr(IssuerRouter(trusted(A, keys=RecordingKeyProvider(A))), "generation")


def test_accepted_tokens_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged for tokens that are accepted."""
    caplog.set_level(logging.DEBUG)

    assert verify(router_of(A, B), token_of(A))

    assert not caplog.records


def _refuse(_: threading.Thread) -> None:
    raise MemoryError


def _never_run(_: threading.Thread) -> None:
    """Behave like a system on which threads never run."""


@pytest.mark.parametrize("start", [_refuse, _never_run], ids=["refused", "never run"])
def test_warm_up_works_without_threads(
    start: Callable[[threading.Thread], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can start, the caller fetches all keys itself, and gets the errors."""
    warmed: list[str] = []

    class Source:
        def __init__(self, name: str, error: BaseException | None = None) -> None:
            self.name, self.error = name, error

        def warm_up(self) -> None:
            warmed.append(self.name)
            if self.error is not None:
                raise self.error

    monkeypatch.setattr(threading.Thread, "start", start)
    names = [f"https://{number}.example" for number in range(40)]
    broken = {names[3]: SystemExit(3), names[30]: OSError()}
    sources = {name: Source(name, broken.get(name)) for name in names}

    assert warm_up_all(sources) == broken
    assert warmed == names
    assert warm_up_all({}) == {}
