"""The benchmark of cookies, sessions, API keys and policies compares like with like, and runs to its end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from attrs import evolve

from benchmarks.__main__ import main
from benchmarks.contenders import BARE, COMPOSED, FLOOR
from benchmarks.credentials.ambient import COOKIE, DOUBLE_SUBMIT
from benchmarks.credentials.rows import Row
from benchmarks.credentials.section import (
    BOUNDS,
    COMPARED,
    ROWS,
    entries_of,
    make_rows,
    verdicts,
    wrong_statuses,
)
from benchmarks.instructions import count_instructions
from benchmarks.measuring import Measurements
from benchmarks.peers import FLASK_JWT_EXTENDED
from benchmarks.scenarios import BASIC, make_services

SERVICE = make_services(BASIC)[BASIC]
MADE = {row.name: row for row in make_rows(SERVICE)}
# What flask-jwt-extended accepts although our guards refuse it.
NOT_CHECKED_BY_PEER = [
    f"{row}, flask-jwt-extended: two cookies (200), WebSocket (200)"
    for row in (COOKIE, DOUBLE_SUBMIT)
]


def test_each_row_is_made() -> None:
    """The rows have the names that the table shows, and each has a guard by hand and one of ours."""
    assert (*MADE,) == ROWS
    assert all({FLOOR, COMPOSED} <= {*row.guards} for row in MADE.values())


@pytest.mark.parametrize("row", MADE.values(), ids=MADE)
def test_the_guard_by_hand_makes_every_check_of_ours(row: Row) -> None:
    """Both accept and refuse each request, with the same status, which is the expected one."""
    statuses = row.statuses(SERVICE)
    expected = {name: attempt.status for name, attempt in row.attempts.items()}
    assert statuses[COMPOSED] == expected
    assert statuses[FLOOR] == expected
    assert {200, 401} <= {*expected.values()}


def test_the_bare_route_accepts_everything() -> None:
    """It serves each request, so that it costs what Flask costs."""
    for row in MADE.values():
        assert {*row.statuses(SERVICE)[BARE].values()} == {200}


def test_the_peer_refuses_what_its_csrf_protection_covers() -> None:
    """It refuses cross-site requests and wrong CSRF tokens, too. What it doesn't check is reported."""
    statuses = MADE[DOUBLE_SUBMIT].statuses(SERVICE)[FLASK_JWT_EXTENDED]
    assert statuses["good"] == 200
    refused = ("no credential", "cross-site", "no browser", "no CSRF token", "wrong CSRF token")
    assert [statuses[name] for name in refused] == [401] * len(refused)
    assert wrong_statuses(MADE.values(), SERVICE) == NOT_CHECKED_BY_PEER


def test_a_guard_that_skips_checks_is_reported() -> None:
    """The statuses of a route that is open to everyone are wrong wherever a request should be refused."""
    row = MADE["API key"]
    opened = evolve(row, guards={COMPOSED: lambda _app: lambda view: view})
    (line,) = wrong_statuses([opened], SERVICE)
    assert line.startswith("API key, flask_jwtlib: no credential (200), ")
    assert line.count("(200)") == len(row.attempts) - 1


def test_the_accepted_request_of_each_row_is_measured() -> None:
    """All guards of a row get the same kind of request, and accept it."""
    entries = entries_of(*COMPARED)
    assert [entry.status() for entry in entries] == [200] * len(entries)
    measured = {(entry.contender, entry.scenario.name) for entry in entries}
    assert {(each, row) for each in (BARE, FLOOR, COMPOSED) for row in ROWS} < measured
    assert {(FLASK_JWT_EXTENDED, row) for row in (COOKIE, DOUBLE_SUBMIT)} < measured


@pytest.mark.parametrize(
    ("ours", "verdict"), [(2e-5, "held"), (9e-5, "MISSED")], ids=["fast", "slow"]
)
def test_each_bound_is_checked(ours: float, verdict: str) -> None:
    """Every row is compared with the guard by hand, and cookies with flask-jwt-extended, too."""
    seconds = {BARE: 1e-5, FLOOR: 2e-5, COMPOSED: ours, FLASK_JWT_EXTENDED: 6e-5}
    lines = verdicts(
        Measurements(
            {(each.name, row): {0: time} for each, time in seconds.items() for row in ROWS}
        )
    )
    assert len(lines) == len(BOUNDS)
    assert all(line.endswith(f": {verdict}") for line in lines)


def test_instructions_are_counted_for_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callgrind runs the module with the rows, and the first of them serves in the third thread."""
    stand_in = tmp_path / "valgrind"
    stand_in.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, pathlib\n"
        "out = next(each for each in sys.argv if each.startswith('--callgrind-out-file='))\n"
        "out = out.partition('=')[2].replace('%p', '7')\n"
        "for thread, total in enumerate((9000, 50, 1050), 1):\n"
        "    pathlib.Path(f'{out}-{thread:02}').write_text(f'totals: {total}')\n"
        "print(json.dumps([sys.argv[-2:]]))\n"
    )
    stand_in.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert count_instructions(10, "benchmarks.credentials.section").times == {
        ("benchmarks.credentials.section", "10"): {0: 100}
    }


def test_the_section_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has a figure for each guard and row, wrong statuses and verdicts, without valgrind too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--scale", "0", "--only", "credentials"]) == 0
    output = capsys.readouterr().out
    assert all(line in output for line in NOT_CHECKED_BY_PEER)
    assert output.count("flask-jwt-extended  ") == 2
    assert output.count(", at most ") == len(BOUNDS)
    assert re.search(rf"\n\d of {len(BOUNDS)} bounds held\n$", output)
