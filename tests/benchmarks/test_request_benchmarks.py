"""The benchmark of requests compares like with like, counts exactly, and runs to its end."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
from flask.typing import ResponseReturnValue

from benchmarks import serving
from benchmarks.__main__ import main
from benchmarks.contenders import (
    BARE,
    CACHED,
    COMPOSED,
    FLOOR,
    MODULE_API,
    Contender,
    Entry,
    View,
    make_entries,
)
from benchmarks.counting import count, counted_scanners, counts_of_contenders
from benchmarks.drawing import draw
from benchmarks.growth import FORMS, SERIES, form_entries, ratios_to_first, series_entries
from benchmarks.instructions import count_instructions, serve_all
from benchmarks.measuring import Measurements, Spread, measure, pooled
from benchmarks.peers import NAIVE_PORT, installed
from benchmarks.report import check
from benchmarks.scenarios import BASIC, TIMED, make_scenarios, make_services
from benchmarks.table import deviations, ratio_table, verdicts

# joserfc warns at each request.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

SERVICES = make_services()
SCENARIOS = make_scenarios(SERVICES)
INSTALLED = installed()
OPEN = Contender("open to everyone", BARE.guard)
SVG = "{http://www.w3.org/2000/svg}"


def entries_of(contender: Contender) -> list[Entry]:
    """Set a contender up in each scenario."""
    return make_entries([contender], SCENARIOS, SERVICES)


def basic_entry(contender: Contender) -> Entry:
    """Set a contender up in the basic scenario."""
    return make_entries([contender], SCENARIOS[:1], {BASIC: SERVICES[BASIC]})[0]


def measurements(ours: float = 5e-5) -> Measurements:
    """Make measurements in which the framework takes this many seconds, and the floor 20 µs."""
    seconds = {BARE: 1e-5, FLOOR: 2e-5, COMPOSED: ours, CACHED: ours}
    return Measurements(
        {(each.name, name): {0: time} for each, time in seconds.items() for name in TIMED}
    )


@pytest.mark.parametrize(
    "contender", [FLOOR, COMPOSED, CACHED, MODULE_API], ids=lambda each: each.name
)
def test_the_compared_guards_make_every_check(contender: Contender) -> None:
    """The floor and all ways of using the framework accept and refuse what they should."""
    assert [entry.scenario for entry in entries_of(contender) if not entry.is_right()] == []


@pytest.mark.parametrize("contender", INSTALLED, ids=lambda each: each.name)
def test_contenders_accept_good_tokens_and_refuse_forged_ones(contender: Contender) -> None:
    """Every installed contender accepts a good token, refuses forged ones, and never fails."""
    entries = entries_of(contender)
    right = {entry.scenario.name for entry in entries if entry.is_right()}
    assert {"RS256", "HS256", "ES256", "no token", "malformed", "bad signature"} <= right
    assert max(entry.status() for entry in entries) < 500


def test_a_contender_that_skips_checks_is_reported() -> None:
    """The statuses of a route that is open to everyone are wrong wherever a token should be refused."""
    (line,) = deviations([OPEN])
    assert line.startswith("open to everyone: no token (200), malformed (200), ")
    assert line.count("(200)") == len([each for each in SCENARIOS if not each.accepted])


def test_missing_packages_are_named() -> None:
    """A contender lists the packages that it needs and that are not installed."""
    peer = Contender("peer", BARE.guard, needs=("flask", "no_such_package"))
    assert peer.missing == ["no_such_package"]


def test_the_bad_signature_costs_a_whole_verification() -> None:
    """It is a number below the modulus: a larger one would be refused without any arithmetic."""
    scenario = next(each for each in SCENARIOS if each.name == "bad signature")
    signature = (scenario.authorization or "").rpartition(".")[2]
    number = int.from_bytes(base64.urlsafe_b64decode(signature + "=="), "big")
    assert number < SERVICES[BASIC].key.public_numbers().n


def test_ratios_are_formed_round_by_round() -> None:
    """A machine that halves its speed between two rounds doesn't change the ratio."""
    measured = Measurements(
        {
            (BARE.name, BASIC): {0: 1.0, 1: 2.0, 2: 1.0, 3: 9.0},
            (FLOOR.name, BASIC): {0: 3.0, 1: 6.0, 2: 3.0},
        }
    )
    assert measured.ratio(FLOOR, BARE, BASIC) == Spread(3.0, 3.0, 3.0)
    assert measured.value(FLOOR, BASIC) == Spread(3.0, 3.0, 4.5)
    assert measured.ratio(COMPOSED, BARE, BASIC) is None
    assert measured.rounds == 4


def test_rounds_of_processes_are_pooled() -> None:
    """No ratio is formed between the rounds of two processes."""
    bare, floor = (BARE.name, BASIC), (FLOOR.name, BASIC)
    measured = pooled(
        [{bare: {0: 1.0, 1: 2.0}, floor: {1: 6.0}}, {bare: {0: 10.0}, floor: {0: 30.0}}]
    )
    assert measured.times == {bare: {0: 1.0, 1: 2.0, 2: 10.0}, floor: {1: 6.0, 2: 30.0}}


@pytest.mark.parametrize(
    ("scenario", "first", "second"),
    [
        pytest.param("no token", [0], [1], id="turns"),
        pytest.param(BASIC, [0, 1], [0, 1], id="all in the basic scenario"),
    ],
)
def test_peers_take_turns(scenario: str, first: list[int], second: list[int]) -> None:
    """Each round has one peer, each peer comes at least once, and the others take part in all."""
    peers = [Contender("first", BARE.guard), Contender("second", BARE.guard)]
    scenarios = [each for each in SCENARIOS if each.name == scenario]
    entries = make_entries([BARE, *peers], scenarios, {BASIC: SERVICES[BASIC]})
    times = measure(entries, 0, peers)
    assert {name: [*rounds] for (name, _), rounds in times.items()} == {
        BARE.name: [0, 1],
        "first": first,
        "second": second,
    }


def test_calls_are_counted_exactly() -> None:
    """A guard that calls two Python functions more costs two calls more."""

    def decorator(view: View) -> View:
        def inner() -> ResponseReturnValue:
            return view()

        def outer() -> ResponseReturnValue:
            return inner()

        return outer

    def calls(contender: Contender) -> int:
        entry = basic_entry(contender)
        entry.serve(2)
        return count(lambda: entry.serve(1)).calls

    assert calls(Contender("wrapped", lambda _app, _service: decorator)) == calls(BARE) + 2


def load_twice() -> None:
    """Read JSON by the module's own decoder and by another one."""
    json.loads("[1]")
    json.JSONDecoder(parse_constant=int).raw_decode("{}")


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param(load_twice, {"json_decodes": 2}, id="JSON"),
        pytest.param(
            lambda: json.JSONDecoder().scan_once("1", 0), {"json_decodes": 1}, id="bare scanner"
        ),
        pytest.param(lambda: base64.urlsafe_b64decode("AA=="), {"base64_decodes": 1}, id="base64"),
    ],
)
def test_expensive_operations_are_counted_exactly(
    act: Callable[[], Any], expected: dict[str, int]
) -> None:
    """A decode counts once, whatever function starts it."""
    with counted_scanners():
        counts = count(act)
    expensive = ("json_decodes", "base64_decodes", "key_parses", "signature_checks")
    assert {each: getattr(counts, each) for each in expensive} == {
        **dict.fromkeys(expensive, 0),
        **expected,
    }


def test_each_contender_is_counted() -> None:
    """The port checks two signatures and parses the key twice; the framework checks one and parses none."""
    counts = counts_of_contenders()
    assert [*counts] == [contender.name for contender in INSTALLED]
    port, floor, ours = (counts[each.name] for each in (NAIVE_PORT, FLOOR, COMPOSED))
    assert (port.key_parses, port.signature_checks, port.json_decodes) == (2, 2, 8)
    assert (floor.key_parses, floor.signature_checks, floor.json_decodes) == (0, 1, 2)
    assert (floor.base64_decodes, floor.form_and_query_parses) == (3, 0)
    assert (ours.key_parses, ours.signature_checks) == (0, 1)
    assert counts[CACHED.name].signature_checks == 0


@pytest.mark.parametrize(
    ("figure", "kind", "limit", "verdict"),
    [
        (1.08, "at most", 1.08, "1.080, at most 1.08: held"),
        (1.081, "at most", 1.08, "1.081, at most 1.08: MISSED"),
        (3.0, "at least", 3.0, "3.000, at least 3.00: held"),
        (2.996, "at least", 3.0, "2.996, at least 3.00: MISSED"),
        (1, "exactly", 1, "1.000, exactly 1.00: held"),
        (0, "exactly", 1, "0.000, exactly 1.00: MISSED"),
    ],
)
def test_bounds_are_checked(figure: float, kind: str, limit: float, verdict: str) -> None:
    """A verdict has the figure, the bound, and whether it is held."""
    assert check("it", figure, kind, limit) == f"it: {verdict}"


@pytest.mark.parametrize(
    ("ours", "verdict"), [(1e-5, "held"), (9e-5, "MISSED")], ids=["fast", "slow"]
)
def test_the_table_is_checked(ours: float, verdict: str) -> None:
    """Every bound of what was measured gets a verdict; peers that were not measured get none."""
    lines = verdicts(measurements(ours))
    assert len(lines) == 12
    assert all(line.endswith(f": {verdict}") for line in lines)


def test_the_table_has_a_row_for_each_contender_and_reference() -> None:
    """The table shows values, ratios to both references, and a dash where nothing was measured."""
    contenders = [BARE, FLOOR, COMPOSED, MODULE_API]
    table = ratio_table(measurements(), contenders, "microseconds", 1e-6, 2)
    rows = [re.split(" {2,}", line) for line in table.splitlines() if re.match(r"\S", line)]
    assert [row[0] for row in rows] == [
        *("microseconds", BARE.name),
        *("times the bare route", FLOOR.name, COMPOSED.name, MODULE_API.name),
        *("times the floor", COMPOSED.name, MODULE_API.name),
    ]
    assert [row[1] for row in rows[1:2] + rows[3:6]] == ["10±0", "2.00±.00", "5.00±.00", "-"]


def test_the_drawing_shows_each_figure() -> None:
    """The SVG is well-formed, has each name and figure as text, and no bar is longer than its cell."""
    drawing = draw(measurements(), [BARE, FLOOR, COMPOSED, Contender("<&'\">", BARE.guard)])
    root = ET.fromstring(drawing)
    texts = ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]
    assert {BARE.name, FLOOR.name, COMPOSED.name, "<&'\">", *TIMED} <= {*texts}
    # The last one is a dash, which the legend has once more.
    for figure, more in (("10 µs", 0), ("2.00", 0), ("5.00", 0), ("2.50", 0), ("\u2013", 1)):
        assert texts.count(figure) == len(TIMED) + more
    rects = [*root.iter(f"{SVG}rect")]
    width = next(float(each.get("width", 0)) for each in rects if each.get("id") == "track")
    bars = [float(each.get("width", 0)) for each in rects if each.get("class") == "bar"]
    assert max(bars) == width


def test_instructions_are_counted_by_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instructions of the idle thread are subtracted, and the rest is divided by the requests."""
    stand_in = tmp_path / "valgrind"
    names = [[BARE.name, BASIC], [FLOOR.name, BASIC]]
    stand_in.write_text(
        f"#!{sys.executable}\n"
        "import sys, pathlib\n"
        "out = next(each for each in sys.argv if each.startswith('--callgrind-out-file='))\n"
        "out = out.partition('=')[2].replace('%p', '7')\n"
        "pathlib.Path(out).write_text('totals: 9')\n"
        "for thread, total in enumerate((9000, 50, 1050, 2050), 1):\n"
        "    pathlib.Path(f'{out}-{thread:02}').write_text(f'12 500\\ntotals: {total}')\n"
        f"print({json.dumps(names)!r})\n"
    )
    stand_in.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert count_instructions(10).times == {
        (BARE.name, BASIC): {0: 100},
        (FLOOR.name, BASIC): {0: 200},
    }


def test_each_entry_serves_in_a_thread_of_its_own() -> None:
    """Threads stay until all are done, so that none gets the number of another."""

    class FakeEntry:
        def __init__(self) -> None:
            self.threads: list[int] = []

        def serve(self, requests: int) -> None:
            self.threads.append(threading.get_ident())

    entries = [FakeEntry(), FakeEntry(), FakeEntry()]
    serve_all(cast("list[Entry]", entries), 1)
    assert len({entry.threads[-1] for entry in entries} | {threading.get_ident()}) == 4


@pytest.fixture(autouse=True)
def small_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let series have 3 of what there is more of: 10,000 issuers take seconds to set up."""
    for name, (_, compose) in SERIES.items():
        monkeypatch.setitem(SERIES, name, ((1, 3), compose))


@pytest.mark.parametrize("name", SERIES)
def test_the_token_is_accepted_however_many_there_are(name: str) -> None:
    """All routes of a series accept the token that is measured."""
    assert [entry.status() for entry in series_entries(name).values()] == [200, 200]


def test_forms_without_a_token_are_refused() -> None:
    """Each request has a form of its length, whole each time, and is refused."""
    entries = form_entries()
    assert [*entries] == [*FORMS]
    for length, entry in entries.items():
        assert int(entry.environ.get("CONTENT_LENGTH", 0)) == length
        assert length == 0 or len(entry.environ["wsgi.input"].read(10**6)) == length
        assert [entry.status(), entry.status()] == [401, 401]


def test_a_wrong_status_is_not_measured() -> None:
    """Routes that don't respond as expected raise an error instead of a figure."""
    with pytest.raises(RuntimeError, match="open to everyone: unexpected status 200"):
        ratios_to_first(dict(enumerate(entries_of(OPEN))), 0)


def test_servers_are_measured_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both routes respond under gunicorn, and afterwards both servers have ended."""
    started: list[subprocess.Popen[Any]] = []

    class RecordedPopen(subprocess.Popen[Any]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(serving.subprocess, "Popen", RecordedPopen)
    ((bare, guarded),) = serving.measure_serving(turns=1, seconds=0.05)
    assert min(bare, guarded) > 1
    assert [process.returncode is None for process in started] == [False, False]


def test_the_table_is_measured_and_drawn(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The command measures, reports and draws every contender, in as few rounds as possible."""
    svg = tmp_path / "table.svg"
    assert main(["--scale", "0", "--only", "table", "--svg", str(svg)]) == 0
    output = capsys.readouterr().out
    assert "python-jose, decoded once: unknown kid (200)" in output
    assert output.count(", at most ") == 12
    assert re.search(r"\n\d+ of 1\d bounds held\n$", output)
    drawing = svg.read_text(encoding="utf-8")
    for contender in INSTALLED:
        assert contender.name in output
        assert contender.name in drawing


def test_the_other_sections_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each has its figures and bounds; instructions are left out where valgrind isn't installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    sections = ("counts", "instructions", "growth", "forms", "import")
    main(["--scale", "0", *(f"--only={name}" for name in sections)])
    output = capsys.readouterr().out
    assert "flask_jwtlib, module API" in output
    assert "left out: valgrind is not installed" in output
    assert re.search(r"issuers +1: 1\.000±\.000 +3: ", output)
    assert re.search(r"bytes of a form +0: 1\.000±\.000 +1,000: .+ 100,000: ", output)
    assert re.search(r"\d ms after Flask's \d+ ms; attrs and python-jose take \d+ ms", output)
    assert re.search(r"\n\d+ of 11 bounds held\n$", output)
