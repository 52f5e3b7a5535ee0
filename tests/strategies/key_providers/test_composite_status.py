"""Status, warm-up and generation of a CompositeKeyProvider."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from flask import Flask, current_app

from flask_jwtlib import (
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.key_providers import FetchedKeys
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from tests.kit import raises

from .composite_kit import (
    A,
    B,
    C,
    D,
    MinimalProvider,
    Source,
    accepts,
    in_either_order,
    static,
    warm,
)


def test_the_status_lists_each_member(clock: Any) -> None:
    """The status is JSON, fetches nothing, and shows no keys."""
    source, cold = Source(A), Source(B)
    composite = CompositeKeyProvider(
        warm(source, clock=clock), TTLKeyProvider(cold, clock=clock), static(C), MinimalProvider(D)
    )

    status = composite.status()

    assert json.loads(json.dumps(status)) == status
    assert status["state"] == "partial"
    assert [(member["provider"], member["state"]) for member in status["members"]] == [
        ("TTLKeyProvider", "fresh"),
        ("TTLKeyProvider", "cold"),
        ("StaticKeyProvider", "static"),
        ("MinimalProvider", "unknown"),
    ]
    assert status["members"][0]["kids"] == ["a"]
    assert cold.fetches == 0


class InState:
    """A provider whose status has a fixed state."""

    def __init__(self, state: str) -> None:
        self.state = state

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()

    def status(self) -> dict[str, Any]:
        return {"state": self.state}


@pytest.mark.parametrize(
    ("states", "combined"),
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
def test_the_state_of_a_composite_combines_its_members(states: str, combined: str) -> None:
    """While one member has keys, members without keys make the state ``partial``."""
    for composite in in_either_order(*map(InState, states.split())):
        assert composite.status()["state"] == combined


def test_warm_up_fetches_all_members_keys(app: Flask) -> None:
    """Making a composite fetches nothing; ``warm_up`` calls each member, with the current app."""
    source, seen = Source(A), []

    def fetch() -> Any:
        seen.append(current_app.name)
        return B.jwks

    composite = CompositeKeyProvider(
        TTLKeyProvider(source), TTLKeyProvider(fetch), static(C), MinimalProvider(D)
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


def test_warm_up_calls_all_members_before_it_raises() -> None:
    """The first failure is raised after all members were called."""
    down, up = Source(), Source(A)
    down.result = VerificationUnavailable("busy", retry_after=17)

    with pytest.raises(VerificationUnavailable) as caught:
        CompositeKeyProvider(TTLKeyProvider(down), Broken(Source()), TTLKeyProvider(up)).warm_up()
    assert caught.value.retry_after > 10
    assert up.fetches == 1

    with raises(VerificationUnavailable, match="KeyError") as caught:
        CompositeKeyProvider(Broken(Source()), TTLKeyProvider(down)).warm_up()
    assert isinstance(caught.value.__cause__, KeyError)


def test_the_generation_changes_with_any_members_keys(clock: Any) -> None:
    """A cache of verified tokens can tell that any member's keys have changed."""
    source, other = Source(A), Source(B)
    first, second = (TTLKeyProvider(each, clock=clock) for each in (source, other))
    composite = CompositeKeyProvider(first, CompositeKeyProvider(second, static(C)))
    generations = [composite.generation]

    first.warm_up()
    generations.append(composite.generation)
    second.warm_up()
    generations.append(composite.generation)
    clock.move(301)
    source.result = FetchedKeys(D.jwks)
    first.warm_up()
    generations.append(composite.generation)

    assert generations == sorted(set(generations))
    assert not accepts(composite, A)
    assert accepts(composite, D)


def test_a_member_without_a_generation_disables_the_generation() -> None:
    """With such a member the composite has no ``generation``, so that nothing is cached too long."""
    assert not hasattr(CompositeKeyProvider(warm(Source(A)), MinimalProvider(B)), "generation")
