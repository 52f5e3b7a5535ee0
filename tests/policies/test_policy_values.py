"""Policies as values: equality, hashes, copies, texts and subclasses."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from copy import copy, deepcopy
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

import attrs
import pytest

from flask_jwtlib.errors import ConfigurationError, ForbiddenError
from flask_jwtlib.policies import (
    ActedBy,
    AnyScope,
    Call,
    ClaimAbsent,
    ClaimEquals,
    NoDelegation,
    Policy,
    Role,
    Scope,
    Verdict,
    policy,
)

from .kit import REFUSED, SATISFIED, UNKNOWN, claims, verdict


@policy
def is_alice(claims: Any, call: Call) -> bool:
    """Let only Alice in."""
    return bool(claims["sub"] == "alice")


def has_name(claims: Any) -> bool:
    """Accept tokens with a name, as a claim rule."""
    return "name" in claims


@attrs.frozen
class InGroup(Policy):
    """An organisation's own policy."""

    group: str

    def verdict(self, claims: Any, call: Call) -> bool:
        return self.group in claims["groups"]

    def __str__(self) -> str:
        return f"member of {self.group}"


class Holder:
    """Has policies as attributes."""

    @policy
    def is_bob(claims: Any, call: Call) -> bool:  # type: ignore[misc] # noqa: N805 - not a method
        """Let only Bob in."""
        return bool(claims["sub"] == "bob")


# Each makes an equal policy every time. The text is what `str` returns.
MADE: dict[str, Callable[[], Policy]] = {
    "scope a": lambda: Scope("a"),
    "(scope a and scope b)": lambda: Scope("a", "b"),
    "(scope a or scope b)": lambda: AnyScope("a", "b"),
    "not (scope a or scope b)": lambda: ~AnyScope("a", "b"),
    "role editor in roles": lambda: Role("editor"),
    "role editor in realm_access.roles": lambda: Role("editor", at="realm_access.roles"),
    "role editor in https://api.example/roles": lambda: Role(
        "editor", at="https://api.example/roles"
    ),
    "level = 1": lambda: ClaimEquals("level", 1),
    "level = True": lambda: ClaimEquals("level", True),
    "level = 1.0": lambda: ClaimEquals("level", 1.0),
    "level = '1'": lambda: ClaimEquals("level", "1"),
    "no claim act": lambda: ClaimAbsent("act"),
    "actor svc-a": lambda: ActedBy("svc-a"),
    "actor svc-a of https://b.example": lambda: ActedBy("svc-a", issuer="https://b.example"),
    "no delegation": NoDelegation,
    "is_alice": lambda: is_alice,
    "is_bob": lambda: Holder.is_bob,
    "member of staff": lambda: InGroup("staff"),
    "not scope a": lambda: ~Scope("a"),
    "(scope a and role editor in roles)": lambda: Scope("a") & Role("editor"),
    "(scope a or role editor in roles)": lambda: Scope("a") | Role("editor"),
    "(role editor in roles or scope a)": lambda: Role("editor") | Scope("a"),
    "(scope a and has_name)": lambda: Scope("a") & has_name,
    "not (scope a and is_alice)": lambda: ~(Scope("a") & is_alice),
    "(scope a and (scope b or member of staff) and is_alice)": lambda: (
        Scope("a") & (Scope("b") | InGroup("staff")) & is_alice
    ),
}


@pytest.mark.parametrize(("text", "make"), MADE.items(), ids=MADE)
def test_a_policy_describes_itself(text: str, make: Callable[[], Policy]) -> None:
    """``str`` says what a policy requires. It is the text of the log, too."""
    assert str(make()) == text
    assert make().refusal(claims()).log_message == f"required: {text}"


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_equal_policies(make: Callable[[], Policy]) -> None:
    """Policies that require the same are equal and have the same hash."""
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != object()


def test_different_policies() -> None:
    """No two of different policies are equal. True, 1 and 1.0 are different values of a claim."""
    for one, other in combinations([make() for make in MADE.values()], 2):
        assert one != other
    assert len({make() for make in MADE.values()}) == len(MADE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Scope("a", "b"), Scope("a b")),
        (Role("a", at="b.c"), Role("a", at=("b", "c"))),
        (Scope("a") & (Scope("b") & Scope("c")), Scope("a") & Scope("b") & Scope("c")),
        (Scope("a") | (Scope("b") | Scope("c")), Scope("a") | Scope("b") | Scope("c")),
        (~~Scope("a"), Scope("a")),
        (~~~Scope("a"), ~Scope("a")),
    ],
    ids=["words", "path", "and", "or", "twice", "three times"],
)
def test_other_ways_to_write_the_same(one: Policy, other: Policy) -> None:
    """Words, paths and parentheses may be written in several ways."""
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
@pytest.mark.parametrize(
    "copied",
    [copy, deepcopy, lambda it: pickle.loads(pickle.dumps(it))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal(make: Callable[[], Policy], copied: Callable[[Any], Any]) -> None:
    """Policies can be copied and pickled, also those that are functions."""
    assert copied(make()) == make()
    assert str(copied(make())) == str(make())


def test_unpickling_imports_the_module_of_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that hasn't imported the module of a policy imports it, as for a plain function."""
    (tmp_path / "own_policies.py").write_text(
        "from flask_jwtlib import policy\n\n@policy\ndef own(claims, call):\n    return True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    pickled = pickle.dumps(import_module("own_policies").own)
    monkeypatch.delitem(sys.modules, "own_policies")

    assert pickle.loads(pickled) is import_module("own_policies").own
    monkeypatch.delitem(sys.modules, "own_policies")


def test_a_local_function_is_copied_but_not_pickled() -> None:
    """As a local function, it can't be found by its name."""
    local = policy(lambda claims, call: True)

    assert deepcopy(local) == copy(local) == local
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


@pytest.mark.parametrize(
    "change",
    [
        lambda: setattr(Scope("a"), "needed", ("b",)),
        lambda: setattr(Role("a"), "at", ("b",)),
        lambda: setattr(Scope("a") & Scope("b"), "parts", ()),
        lambda: setattr(InGroup("a"), "group", "b"),
        lambda: setattr(is_alice, "function", None),
    ],
    ids=["Scope", "Role", "and", "subclass", "function"],
)
def test_policies_cannot_be_changed(change: Callable[[], None]) -> None:
    """Policies are frozen."""
    with pytest.raises(AttributeError):
        change()


def test_a_subclass_is_combined_like_the_others() -> None:
    """A frozen subclass with a verdict has the operators, and the default refusal and description."""
    required = InGroup("staff") & ~InGroup("guests")

    assert verdict(required, claims(groups=["staff"])) is SATISFIED
    assert verdict(required, claims(groups=["staff", "guests"])) is REFUSED
    assert verdict(required, claims()) is UNKNOWN
    assert verdict(InGroup("a") | Scope("a"), claims(scope="a")) is SATISFIED
    assert InGroup("staff").scopes == ()
    assert type(InGroup("staff").refusal(claims())) is ForbiddenError


def test_a_subclass_states_its_own_refusal_and_scopes() -> None:
    """A subclass may override what clients are told."""

    @attrs.frozen
    class Paid(Policy):
        def verdict(self, claims: Any, call: Call) -> Verdict:
            return Verdict.REFUSED

        def refusal(self, claims: Any) -> ForbiddenError:
            return ForbiddenError("unpaid", description="Pay first", headers=[("X-Price", "1")])

        @property
        def scopes(self) -> tuple[str, ...]:
            return ("pay",)

    with pytest.raises(ForbiddenError, match="Pay first") as refusal:
        (Paid() & Scope("a"))(claims(scope="a"))
    assert refusal.value.headers == (("X-Price", "1"),)
    assert (Scope("a") & Paid()).scopes == ("a", "pay")
    assert repr(Paid()) == str(Paid())


def test_a_subclass_without_a_verdict_lets_nobody_in() -> None:
    """A policy must say whether the caller satisfies it."""

    class Nothing(Policy):
        pass

    with pytest.raises(NotImplementedError):
        Nothing()(claims())


def test_a_subclass_that_cannot_be_negated() -> None:
    """A subclass may say that its verdict must not be turned around."""

    class Once(Policy):
        negatable = False

    with pytest.raises(ValueError, match="can't be negated"):
        ~(Scope("a") & Once())


@pytest.mark.parametrize("combined", [lambda: Scope("a") and Role("b"), lambda: not Scope("a")])
def test_and_or_and_not_are_errors(combined: Any) -> None:
    """``and`` would silently drop a policy, so a policy is neither true nor false."""
    with pytest.raises(ConfigurationError, match="neither true nor false"):
        combined()
