"""Keys of one issuer in several places: who is asked first, who is made to wait, and who is not."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, current_app

from flask_jwtlib import (
    Authenticator,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.key_providers import FetchedKeys
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import KeyProviderContract
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

PATIENCE = 30
DOWN = ConnectionError("the key server is down")
A, B, C, D, E = (TokenIssuer(kid=kid) for kid in "abcde")
B_ANEW = TokenIssuer(kid="b")
EC = TokenIssuer(algorithm="ES256", kid="ec")
BARE, BARE_2, BARE_3 = (TokenIssuer(kid=None) for _ in range(3))


class Source:
    """A source of keys that answers, or raises, what it is set to, and counts how often."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.answer: Any = {"keys": [issuer.jwk for issuer in issuers]}
        self.fetches = 0

    def __call__(self) -> Any:
        self.fetches += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Own:
    """A provider of an application's own, which says nothing of what is at hand, and counts."""

    def __init__(self, *issuers: TokenIssuer) -> None:
        self.provider = static(*issuers)
        self.asked = 0

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.asked += 1
        return self.provider.keys_for(header)


class Moody:
    """A provider whose two methods answer what they are set to."""

    def __init__(self, at_hand: Any, keys: Any) -> None:
        self.at_hand, self.keys = at_hand, keys

    def keys_at_hand(self, header: UnverifiedHeader) -> Any:
        return self._answer(self.at_hand, header)

    def keys_for(self, header: UnverifiedHeader) -> Any:
        return self._answer(self.keys, header)

    @staticmethod
    def _answer(answer: Any, header: UnverifiedHeader) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer.keys_for(header) if isinstance(answer, KeyProvider) else answer


def static(*issuers: TokenIssuer) -> StaticKeyProvider:
    """The issuers' keys, for good."""
    return StaticKeyProvider(*(issuer.verification_key for issuer in issuers))


def jwks(*issuers: TokenIssuer) -> StaticKeyProvider:
    """The issuers' keys, as a JWK set."""
    return StaticKeyProvider({"keys": [issuer.jwk for issuer in issuers]})


def warm(source: Source, **options: Any) -> TTLKeyProvider:
    """A provider that has fetched its keys."""
    provider = TTLKeyProvider(source, **options)
    provider.warm_up()
    source.fetches = 0
    return provider


def by(kid: str | None, alg: str = "RS256") -> UnverifiedHeader:
    """The header of a token that names a key, or none."""
    return UnverifiedHeader(alg, kid)


def kids(keys: Sequence[VerificationKey]) -> list[str | None]:
    """The key IDs of some keys."""
    return [key.kid for key in keys]


def in_either_order(*providers: KeyProvider) -> list[CompositeKeyProvider]:
    """Composites of some providers, whoever comes first."""
    return [CompositeKeyProvider(*providers), CompositeKeyProvider(*reversed(providers))]


def accepts(keys: KeyProvider, issuer: TokenIssuer) -> bool:
    """Whether an issuer's token is verified by the keys."""
    request = make_request(headers=bearer(issuer.token()))
    try:
        Authenticator(keys=keys).authenticate(request)
    except InvalidTokenError:
        return False
    return True


class TestCompositeOfFetchedAndFixedKeys(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        return CompositeKeyProvider(TTLKeyProvider(lambda: A.jwks), Own(C), static(B, B_ANEW))

    def known_header(self) -> UnverifiedHeader:
        return by("b")

    def make_unavailable_provider(self) -> KeyProvider | None:
        return CompositeKeyProvider(warm(Source(A)), TTLKeyProvider(Source()))


class TestCompositeInAComposite(KeyProviderContract):
    def make_provider(self) -> KeyProvider:
        inner = CompositeKeyProvider(Own(A), TTLKeyProvider(lambda: EC.jwks))
        return CompositeKeyProvider(static(B), inner)

    def known_header(self) -> UnverifiedHeader:
        return by("ec", "ES256")


def test_point_24_a_key_at_hand_is_answered_with_no_io(idp: IdentityProvider) -> None:
    """A token whose key is at hand at one member causes no request of another one, in any order."""
    issuer = idp.add_key(kid="a")
    remote = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True, fetch_timeout=PATIENCE)

    for composite in in_either_order(remote, static(B)):
        assert kids(composite.keys_for(by("b"))) == ["b"]
        assert accepts(composite, B)
    assert idp.count() == 0

    assert all(accepts(composite, issuer) for composite in in_either_order(remote, static(B)))
    assert idp.count() == 1


@pytest.mark.parametrize("at_expiry", [False, True], ids=["cold", "expired"])
def test_point_24_a_member_that_hangs_delays_nobody_else(
    idp: IdentityProvider, clock: Any, at_expiry: bool
) -> None:
    """While a member waits for a server that hangs, the others' keys verify at once."""
    idp.add_key(kid="a")
    remote = JWKSKeyProvider(
        idp.jwks_url,
        allow_http_on_loopback=True,
        fetch_timeout=PATIENCE,
        max_wait=PATIENCE,
        clock=clock,
    )
    if at_expiry:
        remote.warm_up()
        clock.move(3600)
        idp.forget()
    idp.behave(hang=True)
    composite = CompositeKeyProvider(remote, warm(Source(B)))
    waiting = Thread(target=composite.keys_for, args=(by("a"),))
    waiting.start()
    idp.wait_for(1)

    for _ in range(100):
        assert kids(composite.keys_for(by("b"))) == ["b"]

    assert waiting.is_alive()
    assert idp.count() == 1
    idp.release()
    waiting.join(PATIENCE)
    assert kids(composite.keys_for(by("a"))) == ["a"]


def test_point_24_snapshots_come_first_then_others_then_refreshes() -> None:
    """Members are asked in three stages, and no further than to the one that has the key."""
    own, source = Own(B, C), Source(A)
    fetched, cold_source = warm(source), Source(C, D)
    cold = TTLKeyProvider(cold_source)

    for composite in in_either_order(own, fetched, cold):
        assert kids(composite.keys_for(by("a"))) == ["a"]
        assert own.asked == 0
    for composite in in_either_order(own, fetched, cold):
        assert kids(composite.keys_for(by("c"))) == ["c"]
    assert own.asked == 2
    assert source.fetches == cold_source.fetches == 0

    composite = CompositeKeyProvider(own, cold, fetched)
    assert kids(composite.keys_for(by("d"))) == ["d"]
    assert own.asked == 3
    assert (cold_source.fetches, source.fetches) == (1, 0)


def test_point_24_a_rotation_at_one_member_is_looked_for_there() -> None:
    """A new key ID is looked for at one member after the other, and no further once it is found."""
    first, second = Source(A), Source(B)
    composite = CompositeKeyProvider(warm(first), warm(second))

    first.answer = C.jwks
    assert accepts(composite, C)
    assert (first.fetches, second.fetches) == (1, 0)

    second.answer = D.jwks
    assert accepts(composite, D)
    assert (first.fetches, second.fetches) == (2, 1)


def test_point_24_an_unknown_kid_is_fetched_for_by_each_members_own_gates() -> None:
    """10,000 tokens of unknown key IDs cost each member two fetches, and known keys are at hand."""
    first, second = Source(A), Source(B)
    composite = CompositeKeyProvider(warm(first), warm(second))

    def attack(attacker: int) -> None:
        for number in range(500):
            assert not composite.keys_for(by(f"{attacker}-{number}"))
            assert kids(composite.keys_for(by("b"))) == ["b"]

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(attack, range(20)))

    assert first.fetches <= 2
    assert second.fetches <= 2


def test_point_24_old_keys_are_at_hand_while_their_source_is_down(clock: Any) -> None:
    """A member whose source is down goes on from what it has, and the others are not asked for it."""
    source, other = Source(A), Source(B)
    provider = warm(source, clock=clock)
    composite = CompositeKeyProvider(TTLKeyProvider(other, clock=clock), provider)
    source.answer = DOWN
    clock.move(301)
    with pytest.raises(VerificationUnavailable):
        composite.keys_for(by("no such key"))
    assert provider.status()["state"] == "stale"
    other.fetches = 0

    assert kids(composite.keys_for(by("a"))) == ["a"]

    assert other.fetches == 0
    clock.move(14400)
    with pytest.raises(VerificationUnavailable):
        composite.keys_for(by("a"))


def test_point_24_a_member_that_is_down_is_503_unless_the_very_kid_is_found(
    caplog: pytest.LogCaptureFixture, all_told: Callable[[], None]
) -> None:
    """A key that is found serves; any other token might be verified by what is missing."""
    down, up = Source(), Source(A)
    down.answer = DOWN
    composite = CompositeKeyProvider(TTLKeyProvider(down), TTLKeyProvider(up))

    assert accepts(composite, A)
    all_told()
    assert "going on with others" in caplog.text
    caplog.clear()
    assert accepts(composite, A)
    all_told()
    assert not caplog.records, "the second time it is at hand"
    for kid in ("b", None):
        with pytest.raises(VerificationUnavailable):
            composite.keys_for(by(kid))
    all_told()
    assert "going on with others" not in caplog.text


def test_point_24_a_key_of_another_id_ends_no_search() -> None:
    """What a member has for any token, or answers besides, is tried if nobody has the very key."""
    everything = Moody((), (A.verification_key, B.verification_key))
    composite = CompositeKeyProvider(everything, TTLKeyProvider(Source(C)))

    assert kids(composite.keys_for(by("c"))) == ["c"]
    assert kids(composite.keys_for(by("b"))) == ["b"]
    assert kids(composite.keys_for(by("d"))) == ["a", "b"]


def test_point_24_one_snapshot_serves_many_threads() -> None:
    """While a member's keys rotate, each thread gets the keys of its own token, and nothing else."""
    source = Source(A, B)
    composite = CompositeKeyProvider(static(C), warm(source, ttl=0), Own(D))
    together = Barrier(8)

    def look_up(number: int) -> None:
        together.wait(PATIENCE)
        for round_ in range(50):
            kid = "abcd"[(number + round_) % 4]
            source.answer = {"keys": [B.jwk, A.jwk] if round_ % 2 else [A.jwk, B.jwk]}
            assert kids(composite.keys_for(by(kid))) == [kid]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look_up, range(8)))


class Blocking(StaticKeyProvider):
    """Withholds a key that was stolen."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return () if header.kid == "a" else super().keys_for(header)


class BlockingFetched(TTLKeyProvider):
    """Does so by the other method that subclasses may override."""

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        kept = [key for key in super().key_set(header).keys if key.kid != "a"]
        return KeySet(tuple(kept))


class BlockingBoth(Blocking):
    """Does so in both of its methods."""

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return self.keys_for(header)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Blocking(A.jwk, B.jwk),
        lambda: BlockingFetched(Source(A, B)),
        lambda: BlockingBoth(A.jwk, B.jwk),
        lambda: SimpleNamespace(keys_for=Blocking(A.jwk, B.jwk).keys_for),
    ],
    ids=["keys_for", "key_set", "both", "an object's own attribute"],
)
def test_point_24_a_subclass_that_withholds_a_key_is_not_passed_by(make: Callable[[], Any]) -> None:
    """What a subclass took out of ``keys_for`` is not found at hand instead."""
    provider = make()
    provider.keys_for(by("b"))

    for composite in in_either_order(provider, warm(Source(C))):
        assert not accepts(composite, A)
        assert accepts(composite, B)


FAULTS = [DOWN, None, 5, "abc", [object()], [None], {}]
FAULT_NAMES = ["raises", "None", "int", "text", "no keys", "None in a list", "mapping"]


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_NAMES)
def test_point_24_a_member_that_fails_at_hand_is_asked_again(
    fault: Any, caplog: pytest.LogCaptureFixture, all_told: Callable[[], None]
) -> None:
    """Where a snapshot can't be read, others' serve with a warning, and ``keys_for`` decides otherwise."""
    composite = CompositeKeyProvider(Moody(fault, static(A)), static(B))

    assert accepts(composite, B)
    all_told()
    assert "some keys can't be had" in caplog.text
    assert accepts(composite, A)
    assert not composite.keys_for(by("c"))


@pytest.mark.parametrize("fault", FAULTS, ids=FAULT_NAMES)
def test_point_24_a_member_that_answers_garbage_is_down(fault: Any) -> None:
    """Garbage is as good as no answer: it makes no token pass, and none the caller's fault."""
    for composite in in_either_order(Moody(fault, fault), static(B)):
        assert kids(composite.keys_for(by("b"))) == ["b"]
        for kid in ("a", None):
            with pytest.raises(VerificationUnavailable):
                composite.keys_for(by(kid))


def test_point_24_a_refusal_at_hand_goes_through() -> None:
    """A member that refuses a token when its snapshot is asked is obeyed."""
    composite = CompositeKeyProvider(static(A), Moody(InvalidTokenError("blocked"), static(A)))

    with pytest.raises(InvalidTokenError, match="blocked"):
        composite.keys_for(by("a"))


def test_point_24_a_composite_has_the_snapshots_of_its_members_at_hand() -> None:
    """Within another composite, it answers from its members' snapshots before anybody fetches."""
    source, other = Source(A), Source(B)
    inner = CompositeKeyProvider(warm(source), TTLKeyProvider(other))
    outer = CompositeKeyProvider(TTLKeyProvider(other), inner)

    assert kids(inner.keys_at_hand(by("a"))) == ["a"]
    assert not inner.keys_at_hand(by("b"))
    assert not inner.keys_at_hand(by(None))
    assert not CompositeKeyProvider(static(BARE)).keys_at_hand(by(None))
    assert kids(outer.keys_for(by("a"))) == ["a"]
    assert other.fetches == 0


def test_point_13_a_bare_key_serves_any_kid_that_nobody_else_has() -> None:
    """A lone key without an ID verifies tokens of any ID, but of those whose very key is there."""
    for composite in in_either_order(static(BARE), warm(Source(A))):
        assert accepts(composite, A)
        assert kids(composite.keys_for(by("a"))) == ["a"]
        assert kids(composite.keys_for(by("unknown"))) == [None]
        token = BARE.token(header={"kid": "unknown"})
        assert Authenticator(keys=composite).authenticate(make_request(headers=bearer(token)))


def test_point_13_several_bare_keys_are_all_tried() -> None:
    """Bare keys of several members are tried in turn, whatever ID a token names."""
    for composite in in_either_order(static(BARE), Own(BARE_2), static(BARE_3)):
        for issuer in (BARE, BARE_2, BARE_3):
            for header in ({}, {"kid": "any"}):
                token = issuer.token(header=header)
                assert Authenticator(keys=composite).authenticate(
                    make_request(headers=bearer(token))
                )


def test_point_19_a_key_that_two_members_have_counts_once() -> None:
    """Identical keys collapse, so that no signature is checked twice by one key."""
    composite = CompositeKeyProvider(static(A), warm(Source(A)), Own(A))
    assert kids(composite.keys_for(by("a"))) == ["a"]

    bare = VerificationKey.from_pem(A.public_pem)
    composite = CompositeKeyProvider(StaticKeyProvider(bare), Own(A))
    assert len(composite.keys_for(by("unknown"))) == 1


def test_point_19_up_to_four_keys_of_one_id_are_tried() -> None:
    """Of keys that share their ID but nothing else, the first four are answered."""
    issuers = [TokenIssuer(kid="k", algorithm="ES256") for _ in range(5)]
    composite = CompositeKeyProvider(*map(static, issuers))

    keys = composite.keys_for(by("k", "ES256"))

    assert [key.material for key in keys] == [
        issuer.verification_key.material for issuer in issuers[:4]
    ]
    bare = [TokenIssuer(kid=None, algorithm="ES256") for _ in range(5)]
    composite = CompositeKeyProvider(*map(static, bare))
    assert len(composite.keys_for(by("any", "ES256"))) == 4
    assert len(composite.keys_for(by(None, "ES256"))) == 4


@pytest.mark.parametrize(
    ("providers", "fitting"),
    [
        pytest.param([lambda: static(A)], 1, id="one key"),
        pytest.param([lambda: static(A), lambda: static(EC)], 1, id="one of the algorithm"),
        pytest.param([lambda: static(A), lambda: warm(Source(A))], 1, id="one key twice"),
        pytest.param([lambda: static(A), lambda: static(B)], 0, id="two members, one key each"),
        pytest.param([lambda: static(A, B)], 0, id="one member, two keys"),
        pytest.param([lambda: static(A, B), lambda: static(C)], 0, id="two keys and one"),
        pytest.param([lambda: warm(Source(A, B)), lambda: static(C)], 0, id="fetched and one"),
        pytest.param(
            [lambda: CompositeKeyProvider(static(A, B)), lambda: static(C)],
            0,
            id="two in a composite and one",
        ),
        pytest.param(
            [lambda: CompositeKeyProvider(static(A), Own(B)), lambda: static(EC)],
            0,
            id="two in a composite",
        ),
        pytest.param([lambda: static(BARE), lambda: static(A)], 0, id="a bare key and one"),
        pytest.param([lambda: static(BARE), lambda: static(BARE_2)], 2, id="bare keys"),
        pytest.param([lambda: jwks(BARE, BARE_2), lambda: static(EC)], 0, id="bare keys of a set"),
        pytest.param([lambda: static(BARE, BARE_2)], 2, id="bare keys of one member"),
        pytest.param([lambda: Own(EC), lambda: static(EC)], 0, id="none of the algorithm"),
    ],
)
def test_point_20_without_a_kid_exactly_one_key_of_all_members_must_fit(
    providers: list[Callable[[], KeyProvider]], fitting: int
) -> None:
    """A token that names no key is verified by the one key that fits, or by keys that have no ID."""
    for composite in in_either_order(*(make() for make in providers)):
        assert len(composite.keys_for(by(None))) == fitting


def test_point_20_a_token_with_a_kid_never_falls_back_to_other_keys() -> None:
    """The one key there is verifies no token that names another."""
    composite = CompositeKeyProvider(warm(Source(A)), static(EC))
    token = A.token(header={"kid": "b"})

    with pytest.raises(UnknownKeyError):
        Authenticator(keys=composite).authenticate(make_request(headers=bearer(token)))


def test_point_20_all_members_are_asked_for_a_token_without_a_kid() -> None:
    """Members that have not fetched yet do so, since their keys might fit, too."""
    first, second = Source(A), Source(EC)
    composite = CompositeKeyProvider(TTLKeyProvider(first), TTLKeyProvider(second))

    assert kids(composite.keys_for(by(None))) == ["a"]

    assert first.fetches == second.fetches == 1


def test_point_20_two_keys_are_too_many_whoever_else_is_down() -> None:
    """Where two keys fit already, what is missing can't make them one: 401, without waiting for it."""
    down = Source()
    composite = CompositeKeyProvider(static(A, B), TTLKeyProvider(down))

    assert not composite.keys_for(by(None))
    assert down.fetches == 0


def test_point_12_the_status_tells_of_each_member(clock: Any) -> None:
    """It is made of values that JSON has words for, asks nobody for keys, and shows none."""
    source, cold = Source(A), Source(B)
    composite = CompositeKeyProvider(
        warm(source, clock=clock), TTLKeyProvider(cold, clock=clock), static(C), Own(D)
    )

    status = composite.status()

    assert json.loads(json.dumps(status)) == status
    assert status["state"] == "partial"
    assert [(member["provider"], member["state"]) for member in status["members"]] == [
        ("TTLKeyProvider", "fresh"),
        ("TTLKeyProvider", "cold"),
        ("StaticKeyProvider", "static"),
        ("Own", "unknown"),
    ]
    assert status["members"][0]["kids"] == ["a"]
    assert cold.fetches == 0


class InState:
    """A provider in a state."""

    def __init__(self, state: str) -> None:
        self.state = state

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()

    def status(self) -> dict[str, Any]:
        return {"state": self.state}


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ("static", "static"),
        ("static fresh", "fresh"),
        ("fresh stale static", "stale"),
        ("fresh cold", "partial"),
        ("dead cold fresh", "partial"),
        ("dead cold", "cold"),
        ("dead dead", "dead"),
        ("dead fresh", "partial"),
        ("dead unknown", "partial"),
        ("fresh partial", "partial"),
        ("unknown", "unknown"),
        ("unknown fresh", "fresh"),
        ("exotic", "unknown"),
    ],
)
def test_point_12_the_state_is_the_members_together(states: str, together: str) -> None:
    """As long as one member has keys, those that have none are only a part of the matter."""
    for composite in in_either_order(*map(InState, states.split())):
        assert composite.status()["state"] == together


def test_point_1_nothing_is_fetched_before_it_is_asked_for(app: Flask) -> None:
    """Making a composite fetches nothing; ``warm_up`` has each member fetch, with the app at hand."""
    source, seen = Source(A), []

    def fetch() -> Any:
        seen.append(current_app.name)
        return B.jwks

    composite = CompositeKeyProvider(
        TTLKeyProvider(source), TTLKeyProvider(fetch), static(C), Own(D)
    )
    assert source.fetches == 0

    with app.app_context():
        composite.warm_up()

    assert source.fetches == 1
    assert seen == [app.name]
    assert composite.status()["state"] == "fresh"


class Broken(TTLKeyProvider):
    """A provider with a bug."""

    def warm_up(self) -> None:
        raise KeyError("a bug")


def test_point_1_warming_up_goes_on_when_one_member_fails() -> None:
    """The first failure is told once all members were asked."""
    down, up = Source(), Source(A)
    down.answer = VerificationUnavailable("busy", retry_after=17)

    with pytest.raises(VerificationUnavailable) as caught:
        CompositeKeyProvider(TTLKeyProvider(down), Broken(Source()), TTLKeyProvider(up)).warm_up()
    assert caught.value.retry_after > 10
    assert up.fetches == 1

    with pytest.raises(VerificationUnavailable, match="KeyError") as caught:
        CompositeKeyProvider(Broken(Source()), TTLKeyProvider(down)).warm_up()
    assert isinstance(caught.value.__cause__, KeyError)


def test_point_7_the_generation_changes_with_any_members_keys(clock: Any) -> None:
    """Whoever remembers what the keys verified learns that a member's are others now."""
    source, other = Source(A), Source(B)
    first, second = (TTLKeyProvider(each, clock=clock) for each in (source, other))
    composite = CompositeKeyProvider(first, CompositeKeyProvider(second, static(C)))
    generations = [composite.generation]

    first.warm_up()
    generations.append(composite.generation)
    second.warm_up()
    generations.append(composite.generation)
    clock.move(301)
    source.answer = FetchedKeys(D.jwks)
    first.warm_up()
    generations.append(composite.generation)

    assert generations == sorted(set(generations))
    assert not accepts(composite, A)
    assert accepts(composite, D)


def test_point_7_nobody_is_told_a_generation_that_does_not_tell_all() -> None:
    """With a member that has no generation there is none, so that nothing is remembered too long."""
    assert not hasattr(CompositeKeyProvider(warm(Source(A)), Own(B)), "generation")


def test_it_works_behind_an_authenticator(caplog: pytest.LogCaptureFixture) -> None:
    """All algorithms of all members are verified, and nothing is logged of it."""
    caplog.set_level(logging.WARNING)
    auth = Authenticator(
        keys=CompositeKeyProvider(TTLKeyProvider(Source(A)), static(EC)),
        validator=JWTValidator(algorithms=["RS256", "ES256"]),
    )

    for issuer in (A, EC):
        principal = auth.authenticate(make_request(headers=bearer(issuer.token())))
        assert principal.subject == "alice"
    with pytest.raises(InvalidTokenError):
        auth.authenticate(make_request(headers=bearer(B_ANEW.token())))
    assert not caplog.records


@pytest.mark.parametrize("error", [SystemExit(3), RuntimeError("broken")], ids=repr)
def test_point_24_no_log_handler_refuses_or_ends_a_request(
    error: BaseException, all_told: Callable[[], None]
) -> None:
    """The warning about a member that is down is written in the background."""
    hang, threads = threading.Event(), []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            threads.append(threading.current_thread())
            assert hang.wait(30)
            raise error

    handler, logger = Handler(), logging.getLogger("flask_jwtlib_strategies")
    logger.addHandler(handler)
    try:
        composite = CompositeKeyProvider(Moody(DOWN, static(A)), static(B))
        assert accepts(composite, B)
        assert accepts(composite, B)
        hang.set()
        all_told()
    finally:
        logger.removeHandler(handler)
    assert len(threads) == 2
    assert threading.current_thread() not in threads
