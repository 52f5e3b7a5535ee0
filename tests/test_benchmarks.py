"""The benchmark compares like with like and runs to its end, however fast anything is."""

from __future__ import annotations

import pytest
from flask.typing import ResponseReturnValue

from benchmarks.__main__ import main
from benchmarks.contenders import BARE, COMPOSED, FLOOR, MODULE_API, OWN, Contender, View
from benchmarks.entries import Entry, make_entries
from benchmarks.measuring import Measurements, Spread, count_calls
from benchmarks.peers import PEERS
from benchmarks.report import bounds_table, deviations, ratio_table
from benchmarks.scenarios import Scenario, make_scenarios, make_services

# joserfc says so at each request.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

SERVICES = make_services()
SCENARIOS = make_scenarios(SERVICES)
INSTALLED = [contender for contender in (*OWN, *PEERS) if not contender.missing]


def entries_of(contender: Contender) -> list[Entry]:
    """Set a contender up in each scenario."""
    return make_entries([contender], SCENARIOS, SERVICES)


def entry_of(contender: Contender, name: str) -> Entry:
    """Set a contender up in one scenario."""
    return next(entry for entry in entries_of(contender) if entry.scenario.name == name)


@pytest.mark.parametrize("contender", [FLOOR, COMPOSED, MODULE_API], ids=lambda each: each.name)
def test_what_the_bounds_compare_does_every_check(contender: Contender) -> None:
    """The floor and both ways of using the framework let in and refuse exactly who they should."""
    entries = entries_of(contender)
    assert [entry.scenario for entry in entries if not entry.is_right] == []
    assert {entry.scenario for entry in entries} == set(SCENARIOS)


@pytest.mark.parametrize("contender", INSTALLED, ids=lambda each: each.name)
def test_a_contender_lets_good_tokens_in_and_refuses_forged_ones(contender: Contender) -> None:
    """Every installed contender serves an accepted request, refuses others, and never breaks."""
    entries = entries_of(contender)
    right = {entry.scenario.name for entry in entries if entry.is_right}
    assert {"RS256", "HS256", "ES256", "no token", "malformed", "bad signature"} <= right
    assert max(entry.status for entry in entries) < 500


def test_a_contender_that_skips_a_check_is_found_out_and_not_timed() -> None:
    """A route that is open to everyone is wrong wherever a token should be refused."""
    careless = Contender("careless", BARE.guard)
    wrong = [entry for entry in entries_of(careless) if not entry.is_right]
    assert {entry.scenario for entry in wrong} == {each for each in SCENARIOS if not each.accepted}
    assert not any(entry.is_measured for entry in wrong)
    assert deviations(wrong).startswith("careless: no token (200), malformed (200), ")


def test_a_peer_that_is_not_installed_is_named() -> None:
    """A contender tells which of its packages are missing."""
    peer = Contender("peer", BARE.guard, needs=("flask", "no_such_package"))
    assert peer.missing == ["no_such_package"]


def test_calls_are_counted_exactly() -> None:
    """A guard that calls two Python functions more costs two calls more."""

    def decorator(view: View) -> View:
        def inner() -> ResponseReturnValue:
            return view()

        def outer() -> ResponseReturnValue:
            return inner()

        return outer

    wrapped = Contender("wrapped", lambda _app, _service: decorator)
    assert count_calls(entry_of(wrapped, "RS256")) == count_calls(entry_of(BARE, "RS256")) + 2


def test_ratios_are_formed_round_by_round() -> None:
    """A machine that halves its speed between two rounds leaves the ratio as it is."""
    scenario = SCENARIOS[0]
    measured = Measurements({(BARE, scenario): [1.0, 2.0, 1.0], (FLOOR, scenario): [3.0, 6.0, 3.0]})
    assert measured.ratio(FLOOR, BARE, scenario) == Spread(3.0, 3.0, 3.0)
    assert measured.time(FLOOR, scenario) == Spread(3.0, 3.0, 4.5)
    assert measured.ratio(COMPOSED, BARE, scenario) is None


def measurements(composed: float) -> tuple[Measurements, list[Scenario]]:
    """Make measurements in which the composed Authenticator takes so many seconds."""
    times = {
        (contender, scenario): [seconds, seconds]
        for contender, seconds in ((BARE, 1e-5), (FLOOR, 2e-5), (COMPOSED, composed))
        for scenario in SCENARIOS
    }
    return Measurements(times), [each for each in SCENARIOS if each.timed]


@pytest.mark.parametrize(
    ("composed", "verdict"), [(1e-5, "held"), (5e-5, "EXCEEDED")], ids=["fast", "slow"]
)
def test_the_bounds_are_judged(composed: float, verdict: str) -> None:
    """Each bound says whether it holds."""
    lines = bounds_table(*measurements(composed)).splitlines()
    assert len(lines) == 3
    assert all(line.endswith(verdict) for line in lines)


def test_the_table_has_a_row_for_each_contender_and_reference() -> None:
    """The table shows times, ratios to either reference, and a dash where nothing was measured."""
    measured, timed = measurements(5e-5)
    table = ratio_table(
        measured, [BARE, FLOOR, COMPOSED, MODULE_API], timed, {BARE: 10, FLOOR: 14, COMPOSED: 40}
    )
    rows = [line.split("  ") for line in table.splitlines()]
    assert [cells[0] for cells in rows if cells[0]] == [
        "microseconds per request",
        BARE.name,
        "times the bare route",
        FLOOR.name,
        COMPOSED.name,
        MODULE_API.name,
        "times the floor",
        COMPOSED.name,
        MODULE_API.name,
    ]
    floor, composed, module_api = (
        next(row for row in rows if row[0] == each.name) for each in (FLOOR, COMPOSED, MODULE_API)
    )
    assert floor[-1].strip() == "+4"
    assert "5.00±.00" in composed
    assert composed[-1].strip() == "+30"
    assert "-" in "".join(module_api)


def test_it_runs_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The command checks, measures and reports, in as few rounds as there can be."""
    assert main(["--seconds", "0"]) == 0
    output = capsys.readouterr().out
    assert "2 rounds" in output
    assert "python-jose, decoded once: unknown kid (200)" in output
    assert output.count(" of at most ") == 3
    for contender in INSTALLED:
        assert contender.name in output
