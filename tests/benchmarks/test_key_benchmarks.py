"""The benchmark of keys finds good and bad behaviour, checks its bounds, and runs to its end."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import requests
from attrs import evolve

from benchmarks.keys.__main__ import Result, main, table, verdict
from benchmarks.keys.clients import CONTENDERS, OURS, PEER, Contender, KeyClient
from benchmarks.keys.crowds import (
    fetches_by_a_crowd,
    fetches_for_unknown_kids,
    refusals_during_a_rotation,
)
from benchmarks.keys.outages import outage, withdrawal_of_a_key
from benchmarks.keys.responses import end_of_a_drip
from benchmarks.keys.staging import QUICK, Reading
from benchmarks.keys.trials import TRIALS

BOUNDS = {
    "fetches by 200 threads, cold": "1",
    "fetches by 200 threads, at expiry": "1",
    "p99 of known kids, issuer slow": "< +1 ms",
    "p99 of known kids, issuer hung": "< +1 ms",
    "fetches for 10,000 unknown kids": "≤ 2",
    "refusals during a rotation": "0",
    "attempts in an hour of outage": "≤ 160",
    "outage survived, warm": "≥ 4 h 5 m",
    "withdrawn key accepted for": "≤ 305 s",
    "drip of 20 B/s ends after": "5 s + 0.5",
    "memory of a 200 MB response": "< 5 MB",
    "lookup of a known kid": "< 2 µs",
}
FIGURES = {figure.name: figure for figures in TRIALS.values() for figure in figures}
# For each figure a value that just keeps its bound, and one that just misses it.
KEPT = (1, 1, 9e-4, 9e-4, 2, 0, 160, 14_700, 305, 5.4, 4.9e6, 1.9e-6)
MISSED = (2, 2, 1e-3, 1e-3, 3, 1, 161, 14_640, 305.1, 5.5, 5e6, 2e-6)
SMALL = evolve(QUICK, threads=10, unknown_kids=20)


class Forgetful(KeyClient):
    """Fetches the keys for each lookup."""

    refusals = (requests.RequestException,)

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self.url = url

    def kids(self) -> set[str]:
        jwks = requests.get(self.url, timeout=30).json()
        return {jwk["kid"] for jwk in jwks["keys"]}

    def lookup(self, kid: str) -> Callable[[], object]:
        return lambda: kid in self.kids()


class Stubborn(Forgetful):
    """Fetches the keys once, and never again."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        self.known: set[str] = set()

    def kids(self) -> set[str]:
        self.known = self.known or super().kids()
        return self.known


FORGETFUL = Contender("forgetful", Forgetful)
STUBBORN = Contender("stubborn", Stubborn)


def results(values: tuple[float, ...], fault: str = "") -> list[Result]:
    """Make a result of each figure, in which ours has these values."""
    return [
        Result(figure, {OURS: Reading(value, fault)})
        for figure, value in zip(FIGURES.values(), values, strict=True)
    ]


def test_every_figure_has_its_bound() -> None:
    """The trials measure twelve figures, with the bounds that are documented."""
    assert {name: figure.bound for name, figure in FIGURES.items()} == BOUNDS


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(results(KEPT), ["every bound is kept"], id="kept"),
        pytest.param(results(MISSED), [f"MISSED: {name}" for name in BOUNDS], id="missed"),
        pytest.param(
            results(KEPT, "3 refused"),
            [
                *(f"flask_jwtlib, {name}: 3 refused" for name in BOUNDS),
                *(f"MISSED: {name}" for name in BOUNDS),
            ],
            id="kept, with a fault",
        ),
    ],
)
def test_bounds_are_checked(found: list[Result], expected: list[str]) -> None:
    """A bound is kept up to its limit, and missed beyond it or when anything else went wrong."""
    assert verdict(found).splitlines() == expected


def test_the_table_has_a_row_for_each_figure() -> None:
    """A row has a figure, its bound, our value, and a dash for a client that isn't installed."""
    head, *rows = [
        line.split("  ") for line in table(results(MISSED)).splitlines() if "=" not in line
    ]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert [cell.strip() for cell in head if cell] == [
        "figure",
        "bound",
        "flask_jwtlib",
        "PyJWKClient",
    ]
    assert [row[:2] for row in cells] == [list(item) for item in BOUNDS.items()]
    assert [row[2] for row in cells] == [
        *("2", "2", "+1.000 ms", "+1.000 ms", "3", "1", "161", "4 h 4 m"),
        *("305.1 s", "5.5 s", "5.0 MB", "2.00 µs"),
    ]
    assert {row[3] for row in cells} == {"\N{EN DASH}"}


def test_missing_packages_are_noticed() -> None:
    """A contender knows whether its package is installed."""
    assert evolve(PEER, needs="no_such_package").is_missing
    assert not OURS.is_missing


def test_a_client_without_a_cache_is_found_out() -> None:
    """It makes a fetch for each lookup, and survives no outage."""
    assert fetches_by_a_crowd(FORGETFUL, SMALL) == (Reading(10), Reading(10))
    assert fetches_for_unknown_kids(FORGETFUL, SMALL) == (Reading(20),)
    assert outage(FORGETFUL, SMALL) == (Reading(14), Reading(0))


def test_a_client_that_fetches_once_is_found_out() -> None:
    """It refuses new keys, and accepts withdrawn ones."""
    assert refusals_during_a_rotation(STUBBORN, QUICK) == (Reading(100),)
    assert outage(STUBBORN, SMALL)[1].is_more
    (withdrawal,) = withdrawal_of_a_key(STUBBORN, SMALL)
    assert withdrawal.is_more
    assert withdrawal.value > 3600


def test_a_client_that_waits_for_a_drip_is_found_out() -> None:
    """A response that still arrives when the trial ends is reported as longer."""
    started = time.monotonic()
    (drip,) = end_of_a_drip(FORGETFUL, evolve(QUICK, patience=0.2))
    assert drip.value >= 0.2
    assert FIGURES["drip of 20 B/s ends after"].text(drip).startswith("> 0.")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "contender",
    [each for each in CONTENDERS if not each.is_missing],
    ids=lambda each: each.name,
)
def test_both_clients_fetch_once_for_a_crowd(contender: Contender) -> None:
    """Every installed contender makes one fetch for a crowd, and at most two for a flood."""
    assert fetches_by_a_crowd(contender, SMALL) == (Reading(1), Reading(1))
    assert fetches_for_unknown_kids(contender, SMALL)[0].value <= 2


def test_the_command_runs_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """It runs every trial, prints the table, and exits with the verdict."""
    status = main(["--quick"])
    output = capsys.readouterr().out
    assert status == ("MISSED" in output)
    assert [name for name in BOUNDS if f"\n{name}  " not in output] == []
    assert PEER.name in output
