"""``Claims.actor`` and ``Principal.actor``: the party that acts for a token's subject (RFC 8693 §4.1)."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from flask_jwtlib import Actor, BearerToken, Claims, Principal
from flask_jwtlib.errors import ClaimError
from tests.kit import raises

ISSUER = "https://issuer.example"
OTHER = "https://other.example"


def actor_of(act: Any, **claims: Any) -> Actor | None:
    """Return the actor of a caller whose token has this ``act``."""
    claims = {"iss": ISSUER, "sub": "alice", "act": act, **claims}
    return Principal(BearerToken("t"), Claims(claims, checked_at=1000)).actor


def chain(length: int) -> dict[str, Any]:
    """Return an ``act`` that names this many actors, the current one first."""
    act: dict[str, Any] = {"sub": f"actor-{length}"}
    for number in range(length - 1, 0, -1):
        act = {"sub": f"actor-{number}", "act": act}
    return act


def test_a_caller_without_act_has_no_actor() -> None:
    """There is no actor without ``act``. ``may_act`` is for authorization servers, so it names none."""
    for claims in ({}, {"may_act": {"sub": "svc-a"}}, {"may_act": "malformed"}):
        assert Principal(BearerToken("t"), Claims(claims, checked_at=1000)).actor is None


def test_an_actor_has_the_issuer_of_the_token() -> None:
    """An actor is identified by ``sub`` and ``iss``. Without ``act.iss``, it is the token's issuer."""
    act = {"sub": "svc-a", "client_id": "a"}

    assert actor_of(act) == Actor("svc-a", ISSUER, act)
    assert actor_of({"sub": "svc-a", "iss": OTHER}) == Actor(
        "svc-a", OTHER, {"sub": "svc-a", "iss": OTHER}
    )


@pytest.mark.parametrize("issuer", [None, 7, ["https://issuer.example"]], ids=repr)
def test_an_actor_may_have_no_issuer(issuer: Any) -> None:
    """A token of an opaque kind may have no ``iss``, and then the actor has none either."""
    found = actor_of({"sub": "svc-a"}, iss=issuer)

    assert found is not None
    assert found.issuer is None


def test_earlier_actors_are_history() -> None:
    """The outermost ``act`` is the current actor. The one before it is its ``actor``, and so on."""
    found = actor_of({"sub": "c", "act": {"sub": "b", "iss": OTHER, "act": {"sub": "a"}}})

    assert found is not None
    assert found.actor is not None
    assert found.actor.actor is not None
    assert found.actor.actor.actor is None
    seen = [(each.subject, each.issuer) for each in (found, found.actor, found.actor.actor)]
    assert seen == [("c", ISSUER), ("b", OTHER), ("a", ISSUER)]


@pytest.mark.parametrize("length", [1, 2, 8])
def test_a_chain_of_actors(length: int) -> None:
    """A chain has up to eight actors."""
    names, each = [], actor_of(chain(length))
    while each is not None:
        names.append(each.subject)
        each = each.actor

    assert names == [f"actor-{number}" for number in range(1, length + 1)]


def test_an_actor_is_a_value() -> None:
    """It is frozen, hashable, can be copied and pickled, and is its subject as text."""
    found = actor_of({"sub": "b", "roles": ["x"], "act": {"sub": "a"}})

    assert found is not None
    assert found == copy.deepcopy(found) == pickle.loads(pickle.dumps(found))
    assert hash(found) == hash(copy.copy(found))
    assert found != actor_of({"sub": "b", "roles": ["y"], "act": {"sub": "a"}})
    assert str(found) == "b"
    assert found.claims == {"sub": "b", "roles": ["x"], "act": {"sub": "a"}}
    assert "roles" not in repr(found)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.subject = "mallory"  # type: ignore[misc]


MALFORMED: dict[str, Any] = {
    "null": None,
    "string": "svc-a",
    "true": True,
    "false": False,
    "number": 0,
    "empty array": [],
    "array": [{"sub": "svc-a"}],
    "empty object": {},
    "no sub": {"iss": ISSUER, "client_id": "svc-a"},
    "null sub": {"sub": None},
    "empty sub": {"sub": ""},
    "blank sub": {"sub": " \t"},
    "number as sub": {"sub": 7},
    "true as sub": {"sub": True},
    "array as sub": {"sub": ["svc-a"]},
    "object as sub": {"sub": {"sub": "svc-a"}},
    "null iss": {"sub": "svc-a", "iss": None},
    "empty iss": {"sub": "svc-a", "iss": ""},
    "blank iss": {"sub": "svc-a", "iss": " "},
    "number as iss": {"sub": "svc-a", "iss": 1},
    "array as iss": {"sub": "svc-a", "iss": [ISSUER]},
    "nested null": {"sub": "svc-a", "act": None},
    "nested string": {"sub": "svc-a", "act": "svc-b"},
    "nested array": {"sub": "svc-a", "act": []},
    "nested empty": {"sub": "svc-a", "act": {}},
    "nested null iss": {"sub": "svc-a", "act": {"sub": "svc-b", "iss": None}},
    "innermost": {"sub": "c", "act": {"sub": "b", "act": {"sub": 1}}},
    "nine actors": chain(9),
    "a thousand actors": chain(1000),
    "malformed after eight": {**chain(8), "act": {**chain(8), "sub": "x"}},
}


@pytest.mark.parametrize("act", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_act(act: Any) -> None:
    """``act`` that doesn't identify each actor is an error of the claim, not a caller without an actor."""
    with raises(ClaimError, match=r"act .*\(RFC 8693 §4.1\)") as error:
        actor_of(act)
    assert error.value.claim == "act"


def test_an_act_that_contains_itself() -> None:
    """No JSON text makes such an object, but a validator of one's own could. It is refused, too."""
    act: dict[str, Any] = {"sub": "svc-a"}
    act["act"] = act

    with raises(ClaimError, match="more than 8"):
        actor_of(act)
