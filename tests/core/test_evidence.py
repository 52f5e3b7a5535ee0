"""``Evidence``: what a request offers beside the token."""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import pytest
from attrs import frozen

from flask_jwtlib import BearerToken, Claims, ConfigurationError
from flask_jwtlib.evidence import CrossSiteCheck, Evidence


@frozen
class Proof:
    jkt: str


@frozen
class OtherProof(Proof):
    """A subclass is a type of its own."""


class Pair(NamedTuple):
    """Equal to every tuple with the same members."""

    method: str
    url: str


class OtherPair(NamedTuple):
    method: str
    url: str


@frozen
class Unhashable:
    members: dict[str, str]


TOKEN = BearerToken("a.b.c")


def test_evidence_is_read_by_its_type() -> None:
    """Each type has one value; an absent type, or the base of a present one, has None."""
    token = TOKEN.with_evidence(OtherProof("a")).with_evidence(CrossSiteCheck.PASSED)

    assert token.evidence.get(OtherProof) == OtherProof("a")
    assert token.evidence.get(CrossSiteCheck) is CrossSiteCheck.PASSED
    assert token.evidence.get(Proof) is None
    assert set(token.evidence) == {OtherProof("a"), CrossSiteCheck.PASSED}
    assert [len(token.evidence), len(TOKEN.evidence)] == [2, 0]


def test_a_token_is_not_changed() -> None:
    """``with_evidence`` returns another token with everything that the first has."""
    token = BearerToken("a", source="cookie", scheme="Cookie", ambient=True)

    with_proof = token.with_evidence(Proof("a"))

    assert not token.evidence
    assert (with_proof.value, with_proof.source, with_proof.scheme) == ("a", "cookie", "Cookie")
    assert with_proof.ambient


@pytest.mark.parametrize("value", [Proof("b"), Proof("a")], ids=["other", "same"])
def test_a_type_cannot_be_added_twice(value: Proof) -> None:
    """One extractor can't overwrite what another saw."""
    token = TOKEN.with_evidence(Proof("a"))

    with pytest.raises(ConfigurationError, match="evidence of the type Proof already"):
        token.with_evidence(value)
    with pytest.raises(ConfigurationError, match="evidence of the type Proof already"):
        Evidence(Proof("a"), value)


def test_an_outcome_cannot_be_replaced() -> None:
    """A second outcome of the cross-site check is an error, even a better one."""
    token = TOKEN.with_evidence(CrossSiteCheck.SAFE_METHOD)

    with pytest.raises(ConfigurationError, match="CrossSiteCheck already"):
        token.with_evidence(CrossSiteCheck.PASSED)


@pytest.mark.parametrize(
    "value",
    [{"jkt": "a"}, ["a"], Unhashable({}), ("a", [])],
    ids=["dict", "list", "object", "tuple"],
)
def test_evidence_is_hashable(value: object) -> None:
    """Evidence that can't be a part of a cache's key is refused."""
    with pytest.raises(ConfigurationError, match=f"a {type(value).__name__} isn't"):
        TOKEN.with_evidence(value)


def test_equal_values_of_two_types_are_two_values() -> None:
    """Named tuples and numbers may be equal although their types differ. Both count."""
    token = TOKEN.with_evidence(Pair("GET", "/")).with_evidence(OtherPair("GET", "/"))

    assert type(token.evidence.get(Pair)) is Pair
    assert type(token.evidence.get(OtherPair)) is OtherPair
    assert Evidence(1, True).get(bool) is True
    assert Evidence(Pair("GET", "/")) != Evidence(OtherPair("GET", "/"))


def test_evidence_is_a_part_of_a_tokens_equality() -> None:
    """A cache keyed by tokens tells apart what was offered, in whichever order it was attached."""
    token = TOKEN.with_evidence(Proof("a"))
    both = token.with_evidence(CrossSiteCheck.PASSED)
    turned = TOKEN.with_evidence(CrossSiteCheck.PASSED).with_evidence(Proof("a"))

    assert len({TOKEN, token, TOKEN.with_evidence(Proof("b")), both}) == 4
    assert (both, hash(both)) == (turned, hash(turned))
    assert token == TOKEN.with_evidence(Proof("a"))


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_copies_of_a_token_are_equal(copied: Any) -> None:
    """A copied or pickled token has the same evidence, source, scheme and ambience."""
    token = BearerToken("a", source="cookie", scheme="Cookie", ambient=True)
    token = token.with_evidence(Proof("a")).with_evidence(CrossSiteCheck.PASSED)

    found = copied(token)

    assert found == token
    assert hash(found) == hash(token)
    assert found.evidence.get(CrossSiteCheck) is CrossSiteCheck.PASSED


def test_evidence_is_not_shown() -> None:
    """``repr`` of a token shows neither its text nor its evidence."""
    assert "secret" not in repr(BearerToken("secret").with_evidence(Proof("secret")))


@pytest.mark.parametrize(
    ("name", "value"),
    [("A", "a\r\nB: b"), ("A", "a\n"), ("A", "\x00"), ("A", "\u20ac"), ("A: b", "a"), ("", "a")],
    ids=["two lines", "line break", "control", "euro", "colon", "no name"],
)
def test_a_response_header_is_one_line(name: str, value: str) -> None:
    """A header that can't be sent is refused before the view runs, and so is one that adds another."""
    claims = Claims({}, checked_at=1)

    with pytest.raises(ConfigurationError, match="is not one line of Latin-1 text"):
        claims.with_response_header(name, value)
    assert claims.with_response_header("A", "\xe4 b\tc").response_headers == (("A", "\xe4 b\tc"),)


def test_confirming_makes_new_claims() -> None:
    """``confirming`` and ``with_response_header`` add up in copies, and never change the original."""
    claims = Claims({"scope": "a"}, checked_at=1, header={"typ": "JWT"}).implying(
        {"a": frozenset({"b"})}
    )

    both = claims.confirming("jkt").with_response_header("A", "1").confirming("x5t#S256", "kid")

    assert both.confirmed == {"jkt", "x5t#S256", "kid"}
    assert both.with_response_header("A", "2").response_headers == (("A", "1"), ("A", "2"))
    assert both.confirming().response_headers == (("A", "1"),)
    assert (both, both.checked_at, both.header, both.scopes) == (
        claims,
        1,
        {"typ": "JWT"},
        {"a", "b"},
    )
    assert (claims.confirmed, claims.response_headers) == (frozenset(), ())
    assert (copy.copy(both).confirmed, copy.copy(both).response_headers) == (frozenset(), ())
