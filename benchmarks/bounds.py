"""What we hold ourselves to, and whether it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from .contenders import BARE, CACHED, COMPOSED, FLOOR, NAIVE_PORT, Contender
from .counting import Counts
from .importing import ImportCost
from .instructions import Instructions
from .measuring import Measurements, Spread
from .peers import AUTHLIB, FLASK_JWT_EXTENDED, JOSERFC
from .scenarios import Scenario
from .serving import Served

__all__ = [
    "BOUNDS",
    "INSTRUCTIONS",
    "Bound",
    "RatioBound",
    "judge_counts",
    "judge_curves",
    "judge_forms",
    "judge_import",
    "judge_instructions",
    "judge_ratios",
    "judge_serving",
]


@frozen
class Bound:
    """How large a figure may be, or has to be.

    Args:
        what: What the figure is of.
        least: What it has to reach, None for nothing.
        most: What it must not exceed, None for nothing. If it is the same, no other figure will do.
        digits: Digits after the point of a figure that is told.
        unit: What stands behind it.
    """

    what: str
    least: float | None = field(default=None, kw_only=True)
    most: float | None = field(default=None, kw_only=True)
    digits: int = field(default=3, kw_only=True)
    unit: str = field(default="", kw_only=True)

    def judge(self, figure: float) -> str:
        """Say what was found, what was wanted, and whether the one keeps to the other."""
        limit = self.least if self.most is None else self.most
        too_much = self.most is not None and figure > self.most
        too_little = self.least is not None and figure < self.least
        verdict = "EXCEEDED" if too_much else "NOT REACHED" if too_little else "held"
        wanted = (
            "exactly" if self.least == self.most else "at least" if self.most is None else "at most"
        )
        # Limits are told to a digit less, counts as they are.
        told = f"{limit:.{max(0, self.digits - 1)}f}{self.unit}"
        return f"{self.what}: {figure:.{self.digits}f}{self.unit} of {wanted} {told}: {verdict}"


@frozen
class RatioBound:
    """A bound of how many times as long as a reference a contender takes in a scenario."""

    scenario: str
    contender: Contender
    reference: Contender
    least: float | None = field(default=None, kw_only=True)
    most: float | None = field(default=None, kw_only=True)

    @property
    def bound(self) -> Bound:
        """The bound of the figure."""
        what = f"{self.scenario}: {self.contender.name}, to {self.reference.name}"
        return Bound(what, least=self.least, most=self.most)


BOUNDS = (
    RatioBound("RS256", COMPOSED, FLOOR, most=1.08),
    RatioBound("HS256", COMPOSED, FLOOR, most=1.10),
    RatioBound("ES256", COMPOSED, FLOOR, most=1.06),
    RatioBound("EdDSA", COMPOSED, FLOOR, most=1.06),
    RatioBound("RS256", FLASK_JWT_EXTENDED, COMPOSED, least=3.0),
    RatioBound("RS256", NAIVE_PORT, COMPOSED, least=2.4),
    RatioBound("RS256", AUTHLIB, COMPOSED, least=1.6),
    RatioBound("RS256", JOSERFC, COMPOSED, least=1.2),
    RatioBound("no token", COMPOSED, BARE, most=1.0),
    RatioBound("malformed", COMPOSED, BARE, most=1.05),
    RatioBound("wrong alg", COMPOSED, BARE, most=1.10),
    RatioBound("unknown kid", COMPOSED, BARE, most=1.10),
    RatioBound("bad signature", COMPOSED, FLOOR, most=1.05),
    RatioBound("expired", COMPOSED, FLOOR, most=1.08),
    RatioBound("wrong audience", COMPOSED, FLOOR, most=1.08),
    RatioBound("RS256", CACHED, BARE, most=1.15),
)

INSTRUCTIONS = RatioBound("RS256", COMPOSED, FLOOR, most=1.05)

_CURVES = {"keys in a set": 1.02, "issuers": 1.02}
_FORM = 2.0
_MEGABYTE = 1e6


def judge_ratios(measured: Measurements, scenarios: Iterable[Scenario]) -> list[str]:
    """Judge the table, a line for each bound of what was measured."""
    by_name = {scenario.name: scenario for scenario in scenarios}
    lines: list[str] = []
    for each in BOUNDS:
        ratio = measured.ratio(each.contender, each.reference, by_name[each.scenario])
        if ratio is not None:
            lines.append(each.bound.judge(ratio.median))
    return lines


def judge_counts(counts: Mapping[str, Counts]) -> list[str]:
    """Judge what an accepted RS256 request does."""
    mine = counts[COMPOSED.name]
    above = mine.calls - counts[BARE.name].calls
    return [
        Bound(what, least=least, most=most, digits=0).judge(figure)
        for what, figure, least, most in (
            ("Python calls above the bare route", above, None, 40),
            ("key parses", mine.key_parses, 0, 0),
            ("signature checks", mine.signature_checks, 1, 1),
            ("base64 decodes", mine.base64_decodes, None, 3),
            ("JSON decodes", mine.json_decodes, None, 2),
            ("form and query parses", mine.form_and_query_parses, 0, 0),
        )
    ]


def judge_instructions(counted: Instructions, scenarios: Iterable[Scenario]) -> list[str]:
    """Judge the instructions of an accepted request."""
    wanted = INSTRUCTIONS
    scenario = next(each for each in scenarios if each.name == wanted.scenario)
    ratio = counted.ratio(wanted.contender, wanted.reference, scenario)
    return [] if ratio is None else [wanted.bound.judge(ratio)]


def judge_curves(curves: Mapping[str, Mapping[int, Spread]]) -> list[str]:
    """Judge the highest point of each curve that is to be flat."""
    return [
        Bound(f"{name}, the highest point", most=most).judge(
            max(ratio.median for ratio in curves[name].values())
        )
        for name, most in _CURVES.items()
    ]


def judge_forms(ratios: Mapping[int, Spread]) -> list[str]:
    """Judge the most that a form without a token costs, at any length."""
    bound = Bound("a form of any length, to a request without a body", most=_FORM)
    return [bound.judge(max(ratio.median for ratio in ratios.values()))]


def judge_import(cost: ImportCost) -> list[str]:
    """Judge what the import costs."""
    return [
        Bound("time", most=45, digits=1, unit=" ms").judge(cost.seconds * 1e3),
        Bound("memory", most=12, digits=1, unit=" MB").judge(cost.size / _MEGABYTE),
    ]


def judge_serving(served: Served) -> Sequence[str]:
    """Judge the guarded route's requests per second."""
    bound = Bound("requests per second, to the bare route's", least=0.68)
    return [bound.judge(served.ratio.median)]
