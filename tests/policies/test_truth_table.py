"""The verdicts of combined policies, for all verdicts of their parts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from flask_jwtlib.policies import Policy, Verdict, judge

from .kit import REFUSED, SATISFIED, UNKNOWN, Fixed, claims, verdict

NAMES = {SATISFIED: "satisfied", REFUSED: "refused", UNKNOWN: "unknown"}
NEGATION = {SATISFIED: REFUSED, REFUSED: SATISFIED, UNKNOWN: UNKNOWN}
# From the one that wins in a conjunction to the one that wins in a disjunction.
ORDER = [REFUSED, UNKNOWN, SATISFIED]

PAIRS = {
    (SATISFIED, SATISFIED): (SATISFIED, SATISFIED),
    (SATISFIED, REFUSED): (REFUSED, SATISFIED),
    (SATISFIED, UNKNOWN): (UNKNOWN, SATISFIED),
    (REFUSED, SATISFIED): (REFUSED, SATISFIED),
    (REFUSED, REFUSED): (REFUSED, REFUSED),
    (REFUSED, UNKNOWN): (REFUSED, UNKNOWN),
    (UNKNOWN, SATISFIED): (UNKNOWN, SATISFIED),
    (UNKNOWN, REFUSED): (REFUSED, UNKNOWN),
    (UNKNOWN, UNKNOWN): (UNKNOWN, UNKNOWN),
}


def named(*verdicts: Verdict) -> str:
    """Return the test ID for some verdicts."""
    return "-".join(NAMES[each] for each in verdicts)


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [(*pair, *expected) for pair, expected in PAIRS.items()],
    ids=[named(*pair) for pair in PAIRS],
)
def test_two_policies(one: Verdict, other: Verdict, both: Verdict, either: Verdict) -> None:
    """In ``&`` a refusal wins, in ``|`` a satisfied policy does, and an unknown one else."""
    assert verdict(Fixed(one) & Fixed(other), claims()) is both
    assert verdict(Fixed(one) | Fixed(other), claims()) is either


@pytest.mark.parametrize("part", NEGATION, ids=named)
def test_negation(part: Verdict) -> None:
    """``~`` swaps satisfied and refused. The negation of unknown is unknown."""
    assert verdict(~Fixed(part), claims()) is NEGATION[part]
    assert verdict(~~Fixed(part), claims()) is part


def expected_and(*parts: Verdict) -> Verdict:
    """Return the verdict of a conjunction."""
    return min(parts, key=ORDER.index)


def expected_or(*parts: Verdict) -> Verdict:
    """Return the verdict of a disjunction."""
    return max(parts, key=ORDER.index)


Expected = Callable[[Verdict, Verdict, Verdict], Verdict]
NESTED: dict[str, tuple[Callable[[Any, Any, Any], Policy], Expected]] = {
    "a & b & c": (lambda a, b, c: a & b & c, expected_and),
    "a | b | c": (lambda a, b, c: a | b | c, expected_or),
    "a & (b | c)": (
        lambda a, b, c: a & (b | c),
        lambda a, b, c: expected_and(a, expected_or(b, c)),
    ),
    "a | (b & c)": (
        lambda a, b, c: a | (b & c),
        lambda a, b, c: expected_or(a, expected_and(b, c)),
    ),
    "a | b & c": (lambda a, b, c: a | b & c, lambda a, b, c: expected_or(a, expected_and(b, c))),
    "~(a & b) | c": (
        lambda a, b, c: ~(a & b) | c,
        lambda a, b, c: expected_or(NEGATION[expected_and(a, b)], c),
    ),
    "~(a | ~b) & c": (
        lambda a, b, c: ~(a | ~b) & c,
        lambda a, b, c: expected_and(NEGATION[expected_or(a, NEGATION[b])], c),
    ),
    "~(~a & ~b & ~c)": (lambda a, b, c: ~(~a & ~b & ~c), expected_or),
    "~(~a | ~b | ~c)": (lambda a, b, c: ~(~a | ~b | ~c), expected_and),
}


@pytest.mark.parametrize("shape", NESTED)
@pytest.mark.parametrize("parts", list(product(NAMES, repeat=3)), ids=lambda parts: named(*parts))
def test_nested_policies(shape: str, parts: tuple[Verdict, Verdict, Verdict]) -> None:
    """Nested combinations follow the same table, for every verdict of every part."""
    build, expected = NESTED[shape]

    assert verdict(build(*map(Fixed, parts)), claims()) is expected(*parts)


@pytest.mark.parametrize("parts", list(product(NAMES, repeat=2)), ids=lambda parts: named(*parts))
@pytest.mark.parametrize("build", [Fixed.__and__, Fixed.__or__], ids=["and", "or"])
def test_only_satisfied_policies_have_no_refusal(
    parts: tuple[Verdict, Verdict], build: Callable[[Policy, Policy], Policy]
) -> None:
    """A judgement names what is missing, unless the policy is satisfied."""
    judgement = judge(build(*map(Fixed, parts)), claims())

    assert bool(judgement.refusals) is (judgement.verdict is not SATISFIED)


OTHERS: list[Any] = [None, 1, 0, "satisfied", [], object]


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (True, SATISFIED),
        (False, REFUSED),
        *((each, each) for each in NAMES),
        *((value, UNKNOWN) for value in OTHERS),
    ],
    ids=str,
)
def test_what_a_policy_may_return(returned: Any, expected: Verdict) -> None:
    """Only True and ``SATISFIED`` let a caller in. What is neither a bool nor a verdict is unknown."""
    found = Fixed(returned)

    assert verdict(found, claims()) is expected
    assert verdict(~found, claims()) is NEGATION[expected]
