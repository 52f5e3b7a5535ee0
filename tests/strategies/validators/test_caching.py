"""``CachingValidator``: tokens that were verified before."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TokenValidator,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ExpiredTokenError, UnknownKeyError
from flask_jwtlib.jws import CompactJWS
from flask_jwtlib.key_providers import CheckedKeyProvider
from flask_jwtlib.testing import TokenIssuer, base64url, bearer
from flask_jwtlib.testing.contracts import TokenValidatorContract
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import raises

NOW = 1_800_000_000


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class CountedKey(VerificationKey):
    """A key that counts its signature checks."""

    __slots__ = ("checks",)

    def __init__(self, key: VerificationKey) -> None:
        VerificationKey.__init__(self, key.material, algorithms=key.algorithms, kid=key.kid)
        object.__setattr__(self, "checks", [])

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        self.checks.append(signing_input)
        return super().verify(algorithm, signing_input, signature)


class Keys(KeyProvider):
    """A provider whose keys can be exchanged, with or without a ``generation``."""

    def __init__(self, *keys: VerificationKey, numbered: bool = True) -> None:
        self.key_set = KeySet(keys)
        if numbered:
            self.generation = 1

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.key_set.select(header)

    def exchange(self, *keys: VerificationKey) -> None:
        self.key_set = KeySet(keys)
        if hasattr(self, "generation"):
            self.generation += 1


class Setting:
    """A caching validator, its key, and the two clocks."""

    def __init__(self, issuer: TokenIssuer, **options: Any) -> None:
        self.issuer = issuer
        self.key = CountedKey(issuer.verification_key)
        self.keys: Any = Keys(self.key)
        self.wall, self.clock = Clock(NOW), Clock(100)
        self.seen: list[Claims] = []
        self.inner: TokenValidator = JWTValidator(
            rules=[Audience("api"), self.seen.append], clock=self.wall
        )
        self.cache = CachingValidator(self.inner, clock=self.clock, **options)

    def token(self, subject: str = "alice", **claims: Any) -> str:
        claims = {"aud": "api", "iat": NOW - 1, "exp": NOW + 1000, **claims}
        return self.issuer.token(subject, **claims)

    def validate(self, token: str) -> Claims:
        return self.cache.validate(BearerToken(token), self.keys)

    @property
    def checks(self) -> int:
        """How many signatures were checked."""
        return len(self.key.checks)  # type: ignore[attr-defined]

    @property
    def remembered(self) -> int:
        return len(self.cache._memory.tokens.known)

    def pass_seconds(self, seconds: float) -> None:
        self.wall.now += seconds
        self.clock.now += seconds


@pytest.fixture
def setting(issuer: TokenIssuer) -> Setting:
    """A cache whose entries last five minutes."""
    return Setting(issuer)


class TestCachingValidator(TokenValidatorContract):
    issuer = TokenIssuer(algorithm="ES256")

    def make_validator(self) -> TokenValidator:
        return CachingValidator(JWTValidator(algorithms="ES256"))

    def make_keys(self) -> KeyProvider:
        return StaticKeyProvider(self.issuer.verification_key)

    def good_token(self, subject: str) -> str:
        return self.issuer.token(subject)

    def expired_token(self) -> str:
        return self.issuer.token(exp=1_000_000_000)

    def forged_token(self) -> str:
        return TokenIssuer(algorithm="ES256").token("alice")


def test_a_repeated_token_costs_no_signature(setting: Setting) -> None:
    """A token that was accepted once is accepted again with the same claims and no signature check."""
    token = setting.token()

    results = [setting.validate(token) for _ in range(3)]

    assert setting.checks == 1
    assert results[0] == results[1] == results[2]
    assert [claims.header for claims in results] == [results[0].header] * 3
    assert len(setting.seen) == 3


def test_an_authenticator_can_use_it(app: Flask, issuer: TokenIssuer) -> None:
    """Behind a view, with an Authenticator's checked keys, it works as it does alone."""
    key = CountedKey(issuer.verification_key)
    auth = Authenticator(keys=Keys(key), validator=CachingValidator(JWTValidator()))
    app.add_url_rule("/", "me", auth.requires_authentication(lambda: str(current_principal)))
    token = issuer.token("alice")

    responses = [app.test_client().get("/", headers=bearer(token)) for _ in range(3)]

    assert [response.text for response in responses] == ["alice"] * 3
    assert len(key.checks) == 1  # type: ignore[attr-defined]


def test_entries_are_keyed_by_the_sha_256_of_the_whole_token(setting: Setting) -> None:
    """Tokens that are partly equal share no entry."""
    token, other = setting.token("alice"), setting.token("bob")

    assert [setting.validate(each).subject for each in (token, other, token)] == [
        "alice",
        "bob",
        "alice",
    ]
    assert setting.checks == 2
    digests = [hashlib.sha256(each.encode()).digest() for each in (token, other)]
    assert list(setting.cache._memory.tokens.known) == digests


@pytest.mark.parametrize("damage", ["signature", "claims", "header", "non-ascii", "padding"])
def test_a_token_that_differs_in_anything_has_its_own_entry(setting: Setting, damage: str) -> None:
    """A cached token's header and claims with another signature are refused."""
    token = setting.token()
    setting.validate(token)
    header, payload, signature = token.split(".")
    other = base64url(b'{"sub":"mallory","aud":"api"}')
    bare = base64url(b'{"alg":"RS256"}')
    damaged = {
        "signature": f"{header}.{payload}.{signature[:-4]}AAAA",
        "claims": f"{header}.{other}.{signature}",
        "header": f"{bare}.{payload}.{signature}",
        "non-ascii": token + "\ud800",
        "padding": token + "=",
    }[damage]

    for _ in range(2):
        with pytest.raises(InvalidTokenError):
            setting.validate(damaged)
    assert setting.remembered == 1


def test_each_composition_has_its_own_cache(issuer: TokenIssuer, setting: Setting) -> None:
    """A token that one validator accepted is checked by another's rules."""
    token = setting.token()
    setting.validate(token)
    strict = CachingValidator(JWTValidator(rules=[Audience("other")], clock=setting.wall))

    with pytest.raises(InvalidTokenError):
        strict.validate(BearerToken(token), setting.keys)
    assert setting.checks == 2


def test_one_cache_in_two_compositions_keeps_their_keys_apart(
    issuer: TokenIssuer, other_issuer: TokenIssuer, setting: Setting
) -> None:
    """A token that one Authenticator's keys verified isn't accepted by another's."""
    token = setting.token()
    setting.validate(token)
    others = Keys(other_issuer.verification_key)

    with pytest.raises(InvalidTokenError):
        setting.cache.validate(BearerToken(token), others)
    assert setting.validate(token).subject == "alice"


@pytest.mark.parametrize(
    "claims", [{"aud": "other"}, {"exp": NOW - 1}, {"nbf": NOW + 60}], ids=["aud", "exp", "nbf"]
)
def test_refusals_are_not_cached(setting: Setting, claims: dict[str, Any]) -> None:
    """A refused token is checked again each time, and takes no room."""
    token = setting.token(**claims)

    for _ in range(2):
        with pytest.raises(InvalidTokenError):
            setting.validate(token)
    assert (setting.checks, setting.remembered) == (2, 0)


def test_a_token_that_becomes_valid_is_accepted(setting: Setting) -> None:
    """An earlier refusal isn't cached."""
    token = setting.token(nbf=NOW + 60)
    with pytest.raises(InvalidTokenError):
        setting.validate(token)
    setting.pass_seconds(60)

    assert setting.validate(token).subject == "alice"


def test_the_cache_is_bounded(issuer: TokenIssuer) -> None:
    """Beyond the maximum size, the oldest tokens are removed."""
    setting = Setting(issuer, max_tokens=3)
    tokens = [setting.token(str(number)) for number in range(5)]

    for token in tokens:
        setting.validate(token)
    assert setting.remembered == 3
    for token in tokens[2:]:
        setting.validate(token)
    assert setting.checks == 5
    setting.validate(tokens[0])
    assert (setting.checks, setting.remembered) == (6, 3)


def test_entries_expire_after_the_ttl(issuer: TokenIssuer) -> None:
    """After ``ttl`` seconds the signature is checked again, and cached again."""
    setting = Setting(issuer, ttl=60)
    token = setting.token()

    for seconds, checks in ((0, 1), (59.9, 1), (0.1, 2), (59, 2)):
        setting.pass_seconds(seconds)
        assert setting.validate(token).subject == "alice"
        assert setting.checks == checks
    assert setting.remembered == 1


def test_expired_entries_are_removed(issuer: TokenIssuer) -> None:
    """Caching a token removes expired entries, however much room there is."""
    setting = Setting(issuer, ttl=60)
    for number in range(3):
        setting.validate(setting.token(str(number)))
        setting.pass_seconds(25)
    assert setting.remembered == 3
    setting.validate(setting.token("latest"))
    assert setting.remembered == 3


def test_no_request_waits_for_a_lock(setting: Setting) -> None:
    """A thread that holds the lock, or one that a fork left holding it, blocks no other request."""
    token = setting.token()
    setting.validate(setting.token("bob"))

    with setting.cache._memory.tokens._lock:
        assert [setting.validate(token).subject for _ in range(2)] == ["alice"] * 2
    assert setting.remembered == 1
    setting.validate(token)
    assert setting.remembered == 2


def test_an_entry_ends_with_its_tokens_exp(setting: Setting) -> None:
    """A cached token's entry ends with its ``exp``, even if the validator has a leeway."""
    setting.inner = JWTValidator(rules=[Audience("api")], clock=setting.wall, leeway=100)
    setting.cache = CachingValidator(setting.inner, clock=setting.clock)
    token = setting.token(exp=NOW + 10)

    for seconds, checks in ((0, 1), (9, 1), (1, 2), (50, 3)):
        setting.pass_seconds(seconds)
        setting.validate(token)
        assert setting.checks == checks


def test_exp_is_checked_on_every_hit(setting: Setting) -> None:
    """A cached token is refused once it has expired, even while its entry exists."""
    token = setting.token(exp=NOW + 10)
    setting.validate(token)
    # Only the wall clock moves, not the cache's monotonic one.
    setting.wall.now += 10

    with pytest.raises(ExpiredTokenError):
        setting.validate(token)
    assert setting.checks == 1


def test_claims_have_the_time_of_the_last_check(setting: Setting) -> None:
    """``checked_at`` is the time of this request, not of the first one."""
    token = setting.token()
    setting.validate(token)
    setting.pass_seconds(5)

    assert setting.validate(token).checked_at == NOW + 5


class RevocationValidator(JWTValidator):
    """Refuses revoked tokens, as in the README."""

    revoked: set[str] = set()  # noqa: RUF012 - shared on purpose: the tests add to it

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = super().validate(token, keys)
        if claims["jti"] in self.revoked:
            raise InvalidTokenError(description="The access token was revoked")
        return claims


def test_revocation_is_checked_on_every_hit(setting: Setting) -> None:
    """A token that is revoked after it was cached is refused by the next request."""
    validator = RevocationValidator(rules=[Audience("api")], clock=setting.wall)
    validator.revoked.clear()
    setting.cache = CachingValidator(validator)
    token = setting.token(jti="lost")
    setting.validate(token)

    validator.revoked.add("lost")

    with raises(InvalidTokenError, match="revoked"):
        setting.validate(token)
    assert setting.checks == 1


def test_rules_are_checked_on_every_hit(setting: Setting) -> None:
    """A rule that starts to refuse applies to cached tokens."""
    maintenance: list[str] = []

    def not_in_maintenance(claims: Claims) -> bool:
        return not maintenance

    setting.cache = CachingValidator(
        JWTValidator(rules=[Audience("api"), not_in_maintenance], clock=setting.wall)
    )
    token = setting.token()
    setting.validate(token)
    maintenance.append("tonight")

    with pytest.raises(InvalidTokenError):
        setting.validate(token)
    assert setting.checks == 1


class BoundToken(BearerToken):
    """A token with its sender's proof, as a custom extractor returns it."""

    def __init__(self, value: str, thumbprint: str) -> None:
        super().__init__(value)
        object.__setattr__(self, "thumbprint", thumbprint)


class SenderConstraint(TokenValidator):
    """Refuses a token whose ``cnf`` doesn't match its sender's proof (RFC 7800, RFC 8705 §3)."""

    def __init__(self, inner: TokenValidator) -> None:
        self.inner = inner

    def validate(self, token: Any, keys: KeyProvider) -> Claims:
        claims = self.inner.validate(token, keys)
        if claims["cnf"]["x5t#S256"] != token.thumbprint:
            raise InvalidTokenError("the token is bound to another sender")
        return claims


@pytest.mark.parametrize(
    "compose",
    [
        pytest.param(lambda inner: CachingValidator(SenderConstraint(inner)), id="inside"),
        pytest.param(lambda inner: SenderConstraint(CachingValidator(inner)), id="outside"),
    ],
)
def test_sender_constraints_are_checked_on_every_hit(
    setting: Setting, compose: Callable[[TokenValidator], TokenValidator]
) -> None:
    """A stolen cached token is refused from another sender, whichever validator wraps the other."""
    validator = compose(setting.inner)
    token = setting.token(cnf={"x5t#S256": "alices"})

    assert validator.validate(BoundToken(token, "alices"), setting.keys).subject == "alice"
    with raises(InvalidTokenError, match="another sender"):
        validator.validate(BoundToken(token, "thiefs"), setting.keys)
    assert validator.validate(BoundToken(token, "alices"), setting.keys).subject == "alice"
    assert setting.checks == 1


def test_another_generation_empties_the_cache(setting: Setting) -> None:
    """With other keys the cache is empty, even if the key that verified a token is still there."""
    token = setting.token()
    setting.validate(token)
    setting.validate(setting.token("bob"))
    setting.keys.exchange(setting.key, TokenIssuer(kid="new").verification_key)

    setting.validate(token)

    assert (setting.checks, setting.remembered) == (3, 1)


@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "without a number"])
def test_a_withdrawn_key_verifies_no_cached_token(
    setting: Setting, other_issuer: TokenIssuer, numbered: bool
) -> None:
    """A key that was removed or replaced no longer verifies cached tokens."""
    setting.keys = Keys(setting.key, numbered=numbered)
    token = setting.token()
    setting.validate(token)

    setting.keys.exchange(other_issuer.verification_key)
    with pytest.raises(InvalidTokenError):
        setting.validate(token)
    setting.keys.exchange(TokenIssuer(kid="new").verification_key)
    with pytest.raises(UnknownKeyError):
        setting.validate(token)


def test_cached_tokens_get_503_without_keys(setting: Setting) -> None:
    """If keys are unavailable, cached tokens get the same 503 as all others."""
    results: list[Any] = [setting.key]

    def fetch() -> Any:
        return results.pop()

    clock = Clock(0)
    setting.keys = CheckedKeyProvider(TTLKeyProvider(fetch, max_stale=0, clock=clock))
    token = setting.token()
    setting.keys.keys_for(UnverifiedHeader("RS256"))
    assert setting.validate(token).subject == setting.validate(token).subject == "alice"
    assert setting.checks == 1
    clock.now = 301

    with pytest.raises(VerificationUnavailable):
        setting.validate(token)


def test_a_refreshed_set_empties_the_cache(setting: Setting) -> None:
    """The generation belongs to the fetched keys: each fetch of another set empties the cache."""
    clock = Clock(0)
    setting.keys = CheckedKeyProvider(
        TTLKeyProvider(lambda: KeySet((setting.key,)), ttl=0, clock=clock)
    )
    token = setting.token()

    for checks in (1, 2, 3):
        setting.validate(token)
        clock.now += 1
        assert setting.checks == checks


@pytest.mark.parametrize(
    "claims", [{}, {"roles": ["reader"], "org": {"id": 1}}], ids=["flat", "nested"]
)
def test_claims_are_not_shared_between_requests(setting: Setting, claims: dict[str, Any]) -> None:
    """A view's changes to its claims, nested ones included, aren't seen by another request."""
    token = setting.token(**claims)
    expected = dict(setting.validate(token))
    for _ in range(2):
        validated = setting.validate(token)
        assert validated == expected
        validated["sub"] = "mallory"
        validated.pop("aud")
        if claims:
            validated["roles"].append("admin")
            validated["org"]["id"] = 2
    assert setting.checks == 1
    assert setting.validate(token) == expected


def test_a_mutable_header_is_not_shared(setting: Setting) -> None:
    """A token whose header has an array or an object is parsed again for each request."""
    token = setting.issuer.token(aud="api", exp=NOW + 60, header={"x5c": ["a"]})

    setting.validate(token).header["x5c"].append("b")

    assert setting.validate(token).header["x5c"] == ["a"]
    assert (setting.checks, setting.remembered) == (2, 0)


def test_threads_share_the_cache(setting: Setting) -> None:
    """Many threads, with tokens that come and go, each get their own caller."""
    setting.cache = CachingValidator(setting.inner, max_tokens=5)
    tokens = {str(number): setting.token(str(number)) for number in range(10)}
    faults: Counter[str] = Counter()
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        for _ in range(20):
            for subject, token in tokens.items():
                faults[subject] += setting.validate(token).subject != subject

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(faults.values()) == {0}
    assert setting.remembered == 5


class Slow(TokenValidator):
    """Calls a function between its decision and its return."""

    def __init__(self, inner: TokenValidator, happen: Callable[[], object]) -> None:
        self.inner, self.happen = inner, happen

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = self.inner.validate(token, keys)
        self.happen()
        return claims


def test_a_token_verified_by_old_keys_is_not_cached(setting: Setting) -> None:
    """A request that began before the keys changed leaves no entry."""
    other = setting.token("bob")
    again: list[bool] = []

    def exchange_once() -> None:
        if not again:
            again.append(True)
            setting.keys.exchange(setting.key)
            setting.validate(other)

    setting.cache = CachingValidator(Slow(setting.inner, exchange_once))

    setting.validate(setting.token())

    digest = hashlib.sha256(other.encode()).digest()
    assert list(setting.cache._memory.tokens.known) == [digest]


def test_one_issuer_of_several_may_have_a_cache(issuer: TokenIssuer, setting: Setting) -> None:
    """In an ``IssuerRouter``, it can wrap one issuer's validator."""
    trusted = TrustedIssuer(issuer.issuer, keys=setting.keys, validator=setting.cache)
    router = IssuerRouter(trusted)
    token = setting.token()

    for _ in range(2):
        assert router.validate(BearerToken(token), setting.keys).subject == "alice"
    assert setting.checks == 1
    assert router.max_size == setting.cache.max_size == 8192


def test_around_a_router_nothing_is_cached(issuer: TokenIssuer, setting: Setting) -> None:
    """A validator with its own keys works as it does without the cache."""
    trusted = TrustedIssuer(issuer.issuer, keys=setting.keys, validator=setting.inner)
    cache = CachingValidator(IssuerRouter(trusted))
    token = setting.token()

    for _ in range(2):
        assert cache.validate(BearerToken(token), setting.keys).subject == "alice"
    assert setting.checks == 2


class OddValidator(TokenValidator):
    """Verifies something other than the token, or returns something other than claims."""

    def __init__(self, token: str) -> None:
        self.token = token

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        jws = CompactJWS(self.token)
        (key,) = keys.keys_for(jws.header)
        assert key.verify(jws.header.alg, jws.signing_input, jws.signature)
        return Claims({"sub": "alice"}, checked_at=time.time())


def test_only_the_tokens_own_signature_is_cached(setting: Setting) -> None:
    """A validator that verifies something other than the token runs each time."""
    cache = CachingValidator(OddValidator(setting.token()))

    for token in ("opaque", setting.token("bob")):
        for _ in range(2):
            assert cache.validate(BearerToken(token), setting.keys).subject == "alice"
    assert setting.checks == 4


@pytest.mark.parametrize("payload", [b"no claims", b'{"exp": "soon"}', b'{"exp": true}'])
def test_a_token_without_a_valid_exp_is_not_cached(setting: Setting, payload: bytes) -> None:
    """A result that isn't a claims set, or with an ``exp`` that isn't a number, is not cached."""
    token = setting.issuer.compact(b'{"alg":"RS256","kid":"%b"}' % _kid(setting), payload)
    cache = CachingValidator(OddValidator(token))

    for _ in range(2):
        cache.validate(BearerToken(token), setting.keys)
    assert setting.checks == 2


def _kid(setting: Setting) -> bytes:
    return (setting.key.kid or "").encode()


def test_a_token_without_exp_is_cached_for_the_ttl(setting: Setting) -> None:
    """If a validator accepts tokens that never expire, they are cached, too."""
    token = setting.token(exp=None)
    setting.validate(token)
    setting.validate(token)
    assert setting.checks == 1
    setting.pass_seconds(300)
    setting.validate(token)
    assert setting.checks == 2


class AsksMore(TokenValidator):
    """Reads everything of a token, and looks up keys by its own header."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        jws = CompactJWS.of(token)
        (key,) = keys.keys_for(UnverifiedHeader(jws.header.alg, jws.header.kid))
        (same,) = CheckedKeyProvider(keys).keys_for(jws.header)
        assert isinstance(key, VerificationKey)
        assert (same.kid, same.key_type, same.material) == (key.kid, "RSA", key.material)
        assert not same.verify(jws.header.alg, jws.signing_input, b"forged")
        assert same.verify(jws.header.alg, jws.signing_input, jws.signature)
        assert jws.unverified("sub") == "alice"
        assert jws.unverified("exp") is None
        return Claims(jws.claims(), checked_at=NOW)


def test_a_cached_token_is_unchanged(setting: Setting) -> None:
    """However a validator reads them, a cached token's header, keys, signature and claims are its own."""
    cache = CachingValidator(AsksMore())
    token = setting.token()

    first, second = (cache.validate(BearerToken(token), setting.keys) for _ in range(2))

    assert first == second
    # The forged signature is checked each time.
    assert setting.checks == 3


def test_max_size_is_the_inner_validators(setting: Setting) -> None:
    """``max_size`` is that of the inner validator."""
    assert CachingValidator(JWTValidator(max_size=100)).max_size == 100
    assert CachingValidator(AsksMore()).max_size == 8192


def test_the_repr_shows_no_token(setting: Setting) -> None:
    """Neither the cache's repr nor its entries show a token."""
    token = setting.token()
    setting.validate(token)

    shown = repr(setting.cache) + repr(setting.cache._memory.tokens.known.popitem()[1])

    assert token.split(".")[2] not in shown
    assert "alice" not in shown


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        pytest.param(lambda: CachingValidator(JWTValidator), "wraps a TokenValidator", id="class"),
        pytest.param(lambda: CachingValidator(print), "wraps a TokenValidator", id="function"),
        pytest.param(lambda: CachingValidator(JWTValidator(), ttl=0), "ttl must be", id="no time"),
        pytest.param(lambda: CachingValidator(JWTValidator(), ttl="60"), "ttl must be", id="text"),
        pytest.param(lambda: CachingValidator(JWTValidator(), ttl=float("nan")), "ttl", id="nan"),
        pytest.param(lambda: CachingValidator(JWTValidator(), ttl=10**400), "ttl has", id="long"),
        pytest.param(lambda: CachingValidator(JWTValidator(), max_tokens=0), "max_tok", id="none"),
        pytest.param(lambda: CachingValidator(JWTValidator(), max_tokens=True), "max_", id="bool"),
    ],
)
def test_a_wrong_composition_is_refused(make: Callable[[], object], wanted: str) -> None:
    """A composition that can't work raises when it is made."""
    with pytest.raises(ConfigurationError, match=wanted):
        make()


class Odd:
    """A generation that can't be compared, or whose comparison returns something other than a bool."""

    def __init__(self, error: Exception, *, compares: bool = False) -> None:
        self._error = error
        self._compares = compares

    def __eq__(self, other: object) -> Any:
        if self._compares:
            return self
        raise self._error

    def __bool__(self) -> bool:
        raise self._error

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]


class TroubledKeys(Keys):
    """A provider whose ``generation`` may raise.

    Attributes:
        trouble: What to raise, or to return as the generation; None for neither.
    """

    trouble: object = None
    number = 1

    @property  # type: ignore[override]
    def generation(self) -> Any:
        if isinstance(self.trouble, Exception):
            raise self.trouble
        return self.number if self.trouble is None else self.trouble


TROUBLES = [
    pytest.param(trouble, id=f"{type(trouble).__name__}-{number}")
    for number, trouble in enumerate(
        [
            ConnectionError("away"),
            KeyError("generation"),
            TimeoutError(),
            OverflowError(),
            RuntimeError("x"),
            VerificationUnavailable(),
            InvalidTokenError(),
            AttributeError("within"),
            Odd(ValueError("ambiguous")),
            Odd(ValueError("ambiguous"), compares=True),
        ]
    )
]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a composite"])
def test_a_generation_that_raises_turns_the_cache_off(
    issuer: TokenIssuer, other_issuer: TokenIssuer, trouble: object, nested: bool
) -> None:
    """While the generation can't be read, tokens are verified as without the cache."""
    keys = TroubledKeys(issuer.verification_key, numbered=False)
    auth = Authenticator(
        keys=CompositeKeyProvider(keys) if nested else keys,
        validator=CachingValidator(JWTValidator(rules=[Audience("api")])),
    )
    app = Flask("troubled")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))

    def status(token: str) -> int:
        return app.test_client().get("/", headers=bearer(token)).status_code

    known, forged = issuer.token(aud="api"), other_issuer.token(aud="api", iss=issuer.issuer)
    assert status(known) == 200
    keys.trouble = trouble
    assert [status(each) for each in (known, issuer.token(aud="api"), forged)] == [200, 200, 401]
    keys.trouble = None
    assert [status(each) for each in (known, forged)] == [200, 401]


def test_a_generation_that_raises_is_logged_once(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says once why tokens are verified each time, until the generation can be read again."""
    setting.keys = keys = TroubledKeys(setting.key, numbered=False)
    token = setting.token()
    for _ in range(2):
        keys.trouble = ConnectionError("away")
        for _ in range(3):
            setting.validate(token)
        keys.trouble = None
        keys.number += 1
        setting.validate(token)

    line = "the keys' generation can't be read (ConnectionError): tokens are verified without the cache"
    assert caplog.messages == [line, line]


def test_a_key_change_during_an_outage_counts(setting: Setting, other_issuer: TokenIssuer) -> None:
    """A key that is withdrawn while the generation can't be read verifies nothing, then or later."""
    setting.keys = keys = TroubledKeys(setting.key, numbered=False)
    token = setting.token()
    setting.validate(token)
    keys.trouble = ConnectionError("away")
    keys.key_set = KeySet((other_issuer.verification_key,))
    with pytest.raises(InvalidTokenError):
        setting.validate(token)
    keys.trouble = None
    with pytest.raises(InvalidTokenError):
        setting.validate(token)


class SignatureAlone(TokenValidator):
    """A validator that checks only the signature, and returns a given time of the check."""

    def __init__(self, checked_at: Any = float(NOW)) -> None:
        self._checked_at = checked_at

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        jws = CompactJWS.of(token)
        (key,) = keys.keys_for(jws.header)
        assert key.verify(jws.header.alg, jws.signing_input, jws.signature)
        return Claims({"payload": jws.payload}, checked_at=self._checked_at)


@pytest.mark.parametrize(
    "number",
    [
        "9" * 309,
        "9" * 400,
        "-" + "9" * 400,
        "9" * 4000,
        "9" * 5000,
        "1e308",
        "-1e308",
        "1e400",
        "0.5",
    ],
    ids=lambda number: f"{number[:3]}, {len(number)} long",
)
def test_any_exp_is_handled(setting: Setting, number: str) -> None:
    """Whatever exp is, only the validator decides; the entry lasts for the ttl at most."""
    token = setting.issuer.compact(
        b'{"alg":"RS256","kid":"%b"}' % setting.issuer.kid.encode(), b'{"exp":%b}' % number.encode()
    )
    setting.cache = CachingValidator(SignatureAlone(), clock=setting.clock)

    assert setting.validate(token) == setting.validate(token)
    is_future = number in ("9" * 309, "9" * 400, "9" * 4000, "1e308")
    assert setting.remembered == is_future
    setting.pass_seconds(301)
    setting.validate(token)
    assert setting.checks == (2 if is_future else 3)


@pytest.mark.parametrize("payload", [b"\xff\xfe", b"[]", b"text", b"", b'{"a":1,"a":2}', b"\x00"])
def test_a_payload_that_is_not_claims_is_not_cached(setting: Setting, payload: bytes) -> None:
    """A custom validator may accept any payload, which is verified each time."""
    header = b'{"alg":"RS256","kid":"%b"}' % setting.issuer.kid.encode()
    token = setting.issuer.compact(header, payload)
    setting.cache = CachingValidator(SignatureAlone(), clock=setting.clock)

    assert setting.validate(token)["payload"] == payload
    assert setting.validate(token)["payload"] == payload
    assert (setting.remembered, setting.checks) == (0, 2)


@pytest.mark.parametrize("checked_at", [None, "now", float("nan"), float("inf"), 10**400], ids=repr)
def test_an_unusual_time_of_a_check_raises_nothing(setting: Setting, checked_at: Any) -> None:
    """A custom validator's claims may have any ``checked_at``."""
    setting.cache = CachingValidator(SignatureAlone(checked_at), clock=setting.clock)

    for _ in range(2):
        assert setting.validate(setting.token(exp=time.time() + 1000))
