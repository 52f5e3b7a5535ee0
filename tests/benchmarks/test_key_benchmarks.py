"""The benchmark of keys finds good and bad behaviour, judges it, and runs to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
import requests
from attrs import evolve

from benchmarks.keys.__main__ import main
from benchmarks.keys.answers import end_of_a_drip
from benchmarks.keys.clients import CONTENDERS, OURS, PEER, Contender
from benchmarks.keys.crowds import (
    fetches_by_a_crowd,
    fetches_for_unknown_kids,
    refusals_during_a_rotation,
)
from benchmarks.keys.delays import delays_by_the_issuer
from benchmarks.keys.figures import Reading
from benchmarks.keys.outages import outage, removal_of_a_key
from benchmarks.keys.report import missed, remarks, rst_table, text_table
from benchmarks.keys.staging import QUICK
from benchmarks.keys.trials import TRIALS, Result

BOUNDS = {
    "fetches by 200 threads, cold": "1",
    "fetches by 200 threads, at expiry": "1",
    "p99 of known kids, issuer slow": "< +1 ms",
    "p99 of known kids, issuer hung": "< +1 ms",
    "fetches for 10,000 unknown kids": "≤ 2",
    "refusals during a rotation": "0",
    "attempts in an hour of outage": "≤ 160",
    "outage survived, warm": "≥ 4 h 5 m",
    "removed key accepted for": "≤ 305 s",
    "drip of 20 B/s ends after": "5 s + 0.5",
    "memory of a 200 MB answer": "< 5 MB",
    "lookup of a known kid": "< 2 µs",
}
FIGURES = {figure.name: figure for trial in TRIALS for figure in trial.figures}
# A reading of each that just keeps to its bound, and one that just does not.
KEPT = (1, 1, 9e-4, 9e-4, 2, 0, 160, 14_700, 305, 5.4, 4.9e6, 1.9e-6)
EXCEEDED = (2, 2, 1e-3, 1e-3, 3, 1, 161, 14_640, 305.1, 5.5, 5e6, 2e-6)


class Forgetful:
    """Asks the issuer whenever it is asked."""

    def __init__(self, url: str, timeout: float) -> None:
        self.url = url

    def kids(self) -> set[str]:
        jwks = requests.get(self.url, timeout=30).json()
        return {jwk["kid"] for jwk in jwks["keys"]}

    def lookup(self, kid: str) -> Callable[[], object]:
        return partial(self.finds, kid)

    def finds(self, kid: str) -> bool:
        try:
            return kid in self.kids()
        except requests.RequestException:
            return False

    def advance(self, seconds: float) -> None:
        pass

    def settle(self) -> None:
        pass


class Stubborn(Forgetful):
    """Asks the issuer once, and never again."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        self.known: set[str] = set()

    def kids(self) -> set[str]:
        self.known = self.known or super().kids()
        return self.known


FORGETFUL = Contender("forgetful", Forgetful)
STUBBORN = Contender("stubborn", Stubborn)


def results(values: tuple[float, ...], **how: object) -> list[Result]:
    """Make a result of each figure, in which ours has these values."""
    return [
        Result(figure, {OURS: evolve(Reading(value), **how)})
        for figure, value in zip(FIGURES.values(), values, strict=True)
    ]


def test_every_figure_is_found_and_has_its_bound() -> None:
    """The trials find twelve figures between them, whose bounds are those that were promised."""
    assert {name: figure.bound for name, figure in FIGURES.items()} == BOUNDS


def test_a_figure_that_reaches_its_bound_is_kept() -> None:
    """Values at their bounds are no miss."""
    found = results(KEPT)
    assert missed(found) == []
    assert remarks(found) == "every bound is kept"


def test_a_figure_beyond_its_bound_is_missed() -> None:
    """Each value that is a little beyond its bound is one."""
    found = results(EXCEEDED)
    assert missed(found) == found
    assert remarks(found) == "\n".join(f"MISSED: {name}" for name in BOUNDS)


def test_no_figure_makes_up_for_a_fault() -> None:
    """A bound is missed, too, where callers were refused who should not have been."""
    found = results(KEPT, faults=("3 refused",))
    assert missed(found) == found
    assert remarks(found).startswith("flask_jwtlib, fetches by 200 threads, cold: 3 refused\n")


def test_the_table_has_a_row_for_each_figure() -> None:
    """A row is a figure, its bound and what each contender came to, or a dash for one left out."""
    rows = [line.split("  ") for line in text_table(results(EXCEEDED)).splitlines()]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert cells[0] == ["bound", "flask_jwtlib", "PyJWKClient"]
    assert [row[:2] for row in cells[1:]] == [list(item) for item in BOUNDS.items()]
    assert [row[2] for row in cells[1:]] == [
        *("2", "2", "+1.000 ms", "+1.000 ms", "3", "1", "161", "4 h 4 m"),
        *("305.1 s", "5.5 s", "5.0 MB", "2.00 µs"),
    ]
    assert {row[3] for row in cells[1:]} == {"\N{EN DASH}"}


def test_a_peer_that_is_not_installed_is_left_out() -> None:
    """A contender knows that its package is missing."""
    assert evolve(PEER, needs="no_such_package").is_missing
    assert not OURS.is_missing


def test_a_reading_without_an_end_is_more_than_its_value() -> None:
    """Where nobody waited for the end, the table says how long it was at least."""
    assert FIGURES["drip of 20 B/s ends after"].text(Reading(10, is_more=True)) == "> 10.0 s"


def test_a_document_gets_the_same_table() -> None:
    """The table of a document has the same rows, as reStructuredText."""
    table = rst_table(results(KEPT))
    assert table.startswith(".. list-table::\n   :header-rows: 1\n")
    for name, bound in BOUNDS.items():
        assert f"\n   * - {name}\n     - {bound}\n" in table


def test_who_asks_each_time_is_found_out() -> None:
    """A client without a cache costs a fetch a lookup, waits for the issuer, and survives no outage."""
    size = evolve(QUICK, threads=10, unknown_kids=20, step=600)
    assert fetches_by_a_crowd(FORGETFUL, size) == (Reading(10), Reading(10))
    assert fetches_for_unknown_kids(FORGETFUL, size) == (Reading(20),)
    assert outage(FORGETFUL, size) == (Reading(14), Reading(0))
    slow, hung = delays_by_the_issuer(FORGETFUL, size)
    assert 0.01 < slow.value < hung.value


def test_who_never_asks_again_is_found_out() -> None:
    """A client whose cache lives for good refuses new keys, and accepts those that were taken back."""
    size = evolve(QUICK, step=600, slow=0.05)
    assert refusals_during_a_rotation(STUBBORN, size) == (Reading(100, note="of 300 lookups"),)
    assert outage(STUBBORN, size)[1].is_more
    (removal,) = removal_of_a_key(STUBBORN, size)
    assert removal.is_more
    assert removal.value > 3600


def test_who_waits_for_a_drip_is_found_out() -> None:
    """What still waits when the watch is over is told to last longer."""
    started = time.monotonic()
    (drip,) = end_of_a_drip(FORGETFUL, evolve(QUICK, patience=0.2))
    assert drip.is_more
    assert drip.value >= 0.2
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "contender",
    [each for each in CONTENDERS if not each.is_missing],
    ids=lambda each: each.name,
)
def test_a_contender_bears_what_both_promise(contender: Contender) -> None:
    """Every installed contender makes one fetch for a crowd, and none that it need not for a flood."""
    assert fetches_by_a_crowd(contender, QUICK) == (Reading(1), Reading(1))
    assert fetches_for_unknown_kids(contender, QUICK)[0].value <= 2


def test_it_runs_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The command goes through every trial in small, prints the table, and exits as the bounds say."""
    status = main(["--quick"])
    output = capsys.readouterr().out
    assert status == ("MISSED" in output)
    for name in BOUNDS:
        assert f"\n{name}  " in output
    assert (PEER.name in output) or PEER.is_missing
