"""Tokens with and without a key ID, and keys without one, in a CompositeKeyProvider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_jwtlib import (
    Authenticator,
    KeyProvider,
    StaticKeyProvider,
    TTLKeyProvider,
    VerificationKey,
)
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider

from .composite_kit import (
    BARE,
    BARE_2,
    BARE_3,
    EC,
    A,
    B,
    C,
    MinimalProvider,
    Source,
    accepts,
    by,
    in_either_order,
    jwks,
    kids,
    static,
    warm,
)


def test_a_key_without_a_kid_is_returned_for_unknown_kids() -> None:
    """A single key without an ID is used for tokens of any ID that no other key has."""
    for composite in in_either_order(static(BARE), warm(Source(A))):
        assert accepts(composite, A)
        assert kids(composite.keys_for(by("a"))) == ["a"]
        assert kids(composite.keys_for(by("unknown"))) == [None]
        token = BARE.token(header={"kid": "unknown"})
        assert Authenticator(keys=composite).authenticate(make_request(headers=bearer(token)))


def test_several_keys_without_a_kid_are_all_tried() -> None:
    """Keys without an ID of several members are tried in turn, whatever ID a token names."""
    for composite in in_either_order(static(BARE), MinimalProvider(BARE_2), static(BARE_3)):
        for issuer in (BARE, BARE_2, BARE_3):
            for header in ({}, {"kid": "any"}):
                token = issuer.token(header=header)
                assert Authenticator(keys=composite).authenticate(
                    make_request(headers=bearer(token))
                )


def test_identical_keys_of_two_members_are_returned_once() -> None:
    """No signature is checked twice by the same key."""
    composite = CompositeKeyProvider(static(A), warm(Source(A)), MinimalProvider(A))
    assert kids(composite.keys_for(by("a"))) == ["a"]

    bare = VerificationKey.from_pem(A.public_pem)
    composite = CompositeKeyProvider(StaticKeyProvider(bare), MinimalProvider(A))
    assert len(composite.keys_for(by("unknown"))) == 1


def test_at_most_four_keys_of_one_kid_are_returned() -> None:
    """Of different keys with the same ID, the first four are returned."""
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
            [lambda: CompositeKeyProvider(static(A), MinimalProvider(B)), lambda: static(EC)],
            0,
            id="two in a composite",
        ),
        pytest.param([lambda: static(BARE), lambda: static(A)], 0, id="a bare key and one"),
        pytest.param([lambda: static(BARE), lambda: static(BARE_2)], 2, id="bare keys"),
        pytest.param([lambda: jwks(BARE, BARE_2), lambda: static(EC)], 0, id="bare keys of a set"),
        pytest.param([lambda: static(BARE, BARE_2)], 2, id="bare keys of one member"),
        pytest.param(
            [lambda: MinimalProvider(EC), lambda: static(EC)], 0, id="none of the algorithm"
        ),
    ],
)
def test_a_token_without_a_kid_needs_exactly_one_fitting_key_of_all_members(
    providers: list[Callable[[], KeyProvider]], fitting: int
) -> None:
    """It is verified by the one key that fits, or by keys without an ID."""
    for composite in in_either_order(*(make() for make in providers)):
        assert len(composite.keys_for(by(None))) == fitting


def test_a_token_with_a_kid_uses_no_other_key() -> None:
    """The only key doesn't verify a token that names another one."""
    composite = CompositeKeyProvider(warm(Source(A)), static(EC))
    token = A.token(header={"kid": "b"})

    with pytest.raises(UnknownKeyError):
        Authenticator(keys=composite).authenticate(make_request(headers=bearer(token)))


def test_a_token_without_a_kid_is_looked_up_in_all_members() -> None:
    """Members that have not fetched yet do so, since their keys might fit as well."""
    first, second = Source(A), Source(EC)
    composite = CompositeKeyProvider(TTLKeyProvider(first), TTLKeyProvider(second))

    assert kids(composite.keys_for(by(None))) == ["a"]

    assert first.fetches == second.fetches == 1


def test_two_fitting_keys_are_refused_without_fetching_more() -> None:
    """If two keys fit a token without a kid, it is refused without waiting for other members."""
    down = Source()
    composite = CompositeKeyProvider(static(A, B), TTLKeyProvider(down))

    assert not composite.keys_for(by(None))
    assert down.fetches == 0
