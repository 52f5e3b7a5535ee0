"""The benchmark compares like with like and runs to its end, however fast anything is."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask.typing import ResponseReturnValue

from benchmarks import instructions, serving
from benchmarks.__main__ import main
from benchmarks.bounds import (
    BOUNDS,
    Bound,
    judge_counts,
    judge_curves,
    judge_forms,
    judge_import,
    judge_instructions,
    judge_ratios,
    judge_serving,
)
from benchmarks.contenders import (
    BARE,
    CACHED,
    COMPOSED,
    FLOOR,
    MODULE_API,
    NAIVE_PORT,
    OWN,
    Contender,
    View,
)
from benchmarks.counting import Counts, count, counted_scanners, counts_of_contenders
from benchmarks.curves import CURVES, Curve, set_up
from benchmarks.drawing import draw
from benchmarks.entries import Entry, make_entries
from benchmarks.forms import LENGTHS
from benchmarks.forms import set_up as set_up_forms
from benchmarks.importing import ImportCost
from benchmarks.instructions import Instructions, read_totals, serve_all
from benchmarks.measuring import Measurements, Spread, measure
from benchmarks.peers import installed
from benchmarks.pooling import Times, pooled
from benchmarks.report import deviations, instructions_table, ratio_table
from benchmarks.scenarios import Scenario, make_scenarios, make_services
from benchmarks.sections import SECTIONS
from benchmarks.serving import Served

# joserfc says so at each request.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

SERVICES = make_services()
SCENARIOS = make_scenarios(SERVICES)
TIMED = [scenario for scenario in SCENARIOS if scenario.timed]
INSTALLED = installed()
SVG = "{http://www.w3.org/2000/svg}"


def entries_of(contender: Contender) -> list[Entry]:
    """Set a contender up in each scenario."""
    return make_entries([contender], SCENARIOS, SERVICES)


def entry_of(contender: Contender, name: str) -> Entry:
    """Set a contender up in one scenario."""
    return next(entry for entry in entries_of(contender) if entry.scenario.name == name)


def measurements(composed: float = 5e-5) -> Measurements:
    """Make measurements in which the composed Authenticator takes so many seconds."""
    seconds = {BARE: 1e-5, FLOOR: 2e-5, COMPOSED: composed, CACHED: composed}
    return Measurements(
        {
            (contender, scenario): {0: each, 1: each}
            for contender, each in seconds.items()
            for scenario in SCENARIOS
        }
    )


@pytest.mark.parametrize(
    "contender", [FLOOR, COMPOSED, CACHED, MODULE_API], ids=lambda each: each.name
)
def test_what_the_bounds_compare_does_every_check(contender: Contender) -> None:
    """The floor and all ways of using the framework let in and refuse exactly who they should."""
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


def test_a_bad_signature_costs_a_whole_check() -> None:
    """The signature that is refused is another token's: no number that is refused at sight."""
    scenario = next(each for each in SCENARIOS if each.name == "bad signature")
    signature = (scenario.authorization or "").rpartition(".")[2]
    number = int.from_bytes(base64.urlsafe_b64decode(signature + "=="), "big")
    assert number < SERVICES["RS256"].key.public_numbers().n


def test_ratios_are_formed_round_by_round() -> None:
    """A machine that halves its speed between two rounds leaves the ratio as it is."""
    scenario = SCENARIOS[0]
    times = {
        (BARE, scenario): {0: 1.0, 1: 2.0, 2: 1.0, 3: 9.0},
        (FLOOR, scenario): {0: 3.0, 1: 6.0, 2: 3.0},
    }
    measured = Measurements(times)
    assert measured.ratio(FLOOR, BARE, scenario) == Spread(3.0, 3.0, 3.0)
    assert measured.time(FLOOR, scenario) == Spread(3.0, 3.0, 4.5)
    assert measured.ratio(COMPOSED, BARE, scenario) is None
    assert measured.rounds == 4


def test_guests_take_turns() -> None:
    """Each round has one guest, each guest comes twice at least, and the others take part in all."""
    guests = [Contender("first guest", BARE.guard), Contender("second guest", BARE.guard)]
    entries = [entry_of(contender, "RS256") for contender in (BARE, *guests)]
    times = measure(entries, 0, guests).times
    assert [[*times[entry.contender, entry.scenario]] for entry in entries] == [
        [0, 1, 2, 3],
        [0, 2],
        [1, 3],
    ]


def test_guests_meet_where_they_are_held_against_us() -> None:
    """In a crowded scenario nobody waits."""
    guests = [Contender("first guest", BARE.guard), Contender("second guest", BARE.guard)]
    entries = [entry_of(contender, "RS256") for contender in (BARE, *guests)]
    times = measure(entries, 0, guests, crowded=("RS256",)).times
    assert [[*times[entry.contender, entry.scenario]] for entry in entries] == [[0, 1, 2, 3]] * 3


def test_processes_rounds_are_put_together() -> None:
    """Rounds of two processes are rounds of their own: no ratio is formed across them."""
    first, second = SCENARIOS[:2]
    parts: list[Times] = [
        [
            (BARE.name, first.name, [(0, 1.0), (1, 2.0)]),
            (FLOOR.name, first.name, [(1, 6.0)]),
            (BARE.name, second.name, [(0, 5.0)]),
        ],
        [(BARE.name, first.name, [(0, 10.0)]), (FLOOR.name, first.name, [(0, 30.0)])],
    ]
    together = pooled(parts, OWN, SCENARIOS)
    assert together.times == {
        (BARE, first): {0: 1.0, 1: 2.0, 2: 10.0},
        (FLOOR, first): {1: 6.0, 2: 30.0},
        (BARE, second): {0: 5.0},
    }
    assert together.ratio(FLOOR, BARE, first) == Spread(3.0, 3.0, 3.0)


def test_calls_are_counted_exactly() -> None:
    """A guard that calls two Python functions more costs two calls more."""

    def decorator(view: View) -> View:
        def inner() -> ResponseReturnValue:
            return view()

        def outer() -> ResponseReturnValue:
            return inner()

        return outer

    def calls(contender: Contender) -> int:
        entry = entry_of(contender, "RS256")
        entry.serve(2)
        return count(lambda: entry.serve(1)).calls

    assert calls(Contender("wrapped", lambda _app, _service: decorator)) == calls(BARE) + 2


def twice_loads() -> None:
    """Read JSON by the module's own decoder and by one of ours."""
    json.loads("[1]")
    json.JSONDecoder(parse_constant=int).raw_decode("{}")


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        pytest.param(twice_loads, {"json_decodes": 2}, id="JSON"),
        pytest.param(lambda: base64.urlsafe_b64decode("AA=="), {"base64_decodes": 1}, id="base64"),
        pytest.param(
            lambda: json.JSONDecoder().scan_once("1", 0), {"json_decodes": 1}, id="bare scanner"
        ),
    ],
)
def test_what_is_dear_is_counted_exactly(do: Callable[[], Any], expected: dict[str, int]) -> None:
    """A decode counts as one, by whatever door it is called."""
    with counted_scanners():
        counts = count(do)
    dear = ("json_decodes", "base64_decodes", "key_parses", "signature_checks")
    assert {name: getattr(counts, name) for name in dear} == dict.fromkeys(dear, 0) | expected


def test_each_contender_is_counted() -> None:
    """The port checks two signatures with two parses of the key; the framework one, with none."""
    counts = counts_of_contenders()
    assert [*counts] == [contender.name for contender in INSTALLED]
    port, floor, composed = (counts[each.name] for each in (NAIVE_PORT, FLOOR, COMPOSED))
    assert (port.key_parses, port.signature_checks, port.json_decodes) == (2, 2, 8)
    assert (floor.key_parses, floor.signature_checks, floor.json_decodes) == (0, 1, 2)
    assert (floor.base64_decodes, floor.form_and_query_parses) == (3, 0)
    assert (composed.key_parses, composed.signature_checks) == (0, 1)
    assert counts[CACHED.name].signature_checks == 0


@pytest.mark.parametrize(
    ("bound", "figure", "line"),
    [
        (Bound("it", most=1.08), 1.07, "it: 1.070 of at most 1.08: held"),
        (Bound("it", most=1.08), 1.081, "it: 1.081 of at most 1.08: EXCEEDED"),
        (Bound("it", least=3.0), 3.1, "it: 3.100 of at least 3.00: held"),
        (Bound("it", least=3.0), 2.996, "it: 2.996 of at least 3.00: NOT REACHED"),
        (Bound("it", least=1, most=1, digits=0), 1, "it: 1 of exactly 1: held"),
        (Bound("it", least=1, most=1, digits=0), 0, "it: 0 of exactly 1: NOT REACHED"),
        (Bound("it", least=1, most=1, digits=0), 2, "it: 2 of exactly 1: EXCEEDED"),
        (Bound("it", most=40, digits=0), 41, "it: 41 of at most 40: EXCEEDED"),
        (Bound("it", most=45, digits=1, unit=" ms"), 44.5, "it: 44.5 ms of at most 45 ms: held"),
    ],
)
def test_a_bound_is_judged(bound: Bound, figure: float, line: str) -> None:
    """Each bound says what was found, what is wanted, and whether it holds."""
    assert bound.judge(figure) == line


@pytest.mark.parametrize(
    ("composed", "verdict"), [(1e-5, "held"), (9e-5, "EXCEEDED")], ids=["fast", "slow"]
)
def test_the_table_is_judged(composed: float, verdict: str) -> None:
    """Every bound of what was measured is judged, and none of what was not."""
    lines = judge_ratios(measurements(composed), TIMED)
    assert len(lines) == len([bound for bound in BOUNDS if bound.most is not None])
    assert all(line.endswith(f": {verdict}") for line in lines)


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_what_is_beside_the_table_is_judged(good: bool) -> None:
    """Counts, instructions, curves, forms, the import and the server each have their bounds."""
    spread = Spread(1.0, 1.0, 1.0) if good else Spread(0.5, 0.5, 1.5)
    high = Spread(1.0, 1.02 if good else 1.03, 1.1)
    bare, mine = Counts(100, 0, 0, 0, 0, 0), Counts(140, 0, 1, 3, 2, 0)
    scenario = SCENARIOS[0].name
    lines = [
        *judge_counts(
            {BARE.name: bare, COMPOSED.name: mine if good else Counts(141, 1, 0, 4, 3, 1)}
        ),
        *judge_curves({curve.name: {1: spread, 2: high} for curve in CURVES}),
        *judge_forms({0: spread, 9: Spread(1.0, 2.0 if good else 2.1, 2.2)}),
        *judge_import(ImportCost(*((0.045, 12e6) if good else (0.046, 12.1e6)), 0.03, 0.1)),
        *judge_instructions(
            Instructions(
                {(FLOOR.name, scenario): 100, (COMPOSED.name, scenario): 105 if good else 106}
            ),
            SCENARIOS,
        ),
        *judge_serving(Served(spread, spread, spread)),
    ]
    assert len(lines) == 13
    assert all(line.endswith(": held") is good for line in lines)


def test_the_table_has_a_row_for_each_contender_and_reference() -> None:
    """The table shows times, ratios to either reference, and a dash where nothing was measured."""
    table = ratio_table(measurements(), [BARE, FLOOR, COMPOSED, MODULE_API], TIMED)
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
    composed, module_api = (
        next(row for row in rows if row[0] == each.name) for each in (COMPOSED, MODULE_API)
    )
    assert "5.00±.00" in composed
    assert "-" in "".join(module_api)


def test_the_drawing_has_a_figure_for_each_cell() -> None:
    """The SVG is well-formed, names every contender, and has a figure where one was measured."""
    strange = Contender('<rivals> & "friends"', BARE.guard)
    drawing = draw(measurements(), [BARE, FLOOR, COMPOSED, strange], TIMED)
    root = ET.fromstring(drawing)
    texts = ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]
    assert {BARE.name, FLOOR.name, COMPOSED.name, strange.name} <= {*texts}
    assert {scenario.name for scenario in TIMED} <= {*texts}
    assert texts.count("10 µs") == len(TIMED)
    assert texts.count("2.00") == len(TIMED)
    assert texts.count("5.00") == len(TIMED)
    assert texts.count("2.50") == len(TIMED)
    # One more in the legend.
    assert texts.count("\u2013") == len(TIMED) + 1
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None
    assert "script" not in drawing


def test_the_drawing_has_its_place_for_everything() -> None:
    """No bar is longer than its cell, and nothing lies outside of the picture."""
    root = ET.fromstring(draw(measurements(9e-5), [BARE, FLOOR, COMPOSED], TIMED))
    rects = [*root.iter(f"{SVG}rect")]
    width = next(float(each.get("width", 0)) for each in rects if each.get("id") == "track")
    bars = [float(each.get("width", 0)) for each in rects if each.get("class") == "bar"]
    assert max(bars) == width
    cells = [each for each in root.iter(f"{SVG}g") if each.find(f"{SVG}title") is not None]
    right = max(float(cell.get("transform", "")[len("translate(") : -1]) for cell in cells)
    assert right + width < float(root.get("width", 0))


def test_instructions_are_read_from_callgrinds_files(tmp_path: Path) -> None:
    """The total of each thread is taken from its own file, and the file of all passed over."""
    events = "events: Ir\nfn=(1) serve\n12 500\n\n"
    (tmp_path / "out.7203-01").write_text(f"version: 1\n{events}totals: 123456\n")
    (tmp_path / "out.7203-02").write_text(f"version: 1\n{events}totals: 2400\n")
    (tmp_path / "out.7203-10").write_text("version: 1\n")
    (tmp_path / "out.7203").write_text("version: 1\ntotals: 999\n")
    assert read_totals(tmp_path) == {1: 123456, 2: 2400}


def test_instructions_are_counted_thread_by_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a thread that serves nothing takes is no request's, and the rest is divided by requests."""
    stand_in = tmp_path / "valgrind"
    names = [[BARE.name, "RS256"], [FLOOR.name, "RS256"]]
    stand_in.write_text(
        f"#!{sys.executable}\n"
        "import sys, pathlib\n"
        "out = next(each for each in sys.argv if each.startswith('--callgrind-out-file='))\n"
        "out = out.partition('=')[2].replace('%p', '7')\n"
        "for thread, total in enumerate((9000, 50, 1050, 2050), 1):\n"
        "    pathlib.Path(f'{out}-{thread:02}').write_text(f'totals: {total}')\n"
        f"print({json.dumps(names)!r})\n"
    )
    stand_in.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    counted = instructions.count_instructions(10)
    assert counted.counts == {(BARE.name, "RS256"): 100, (FLOOR.name, "RS256"): 200}
    assert counted.ratio(FLOOR, BARE, SCENARIOS[0]) == 2
    assert "2.000" in instructions_table(
        Instructions({**counted.counts, (COMPOSED.name, "RS256"): 205}), SCENARIOS[:1]
    )


def test_each_entry_serves_in_a_thread_that_stays() -> None:
    """Callgrind can tell them apart: nobody's thread ends before the last one is done."""
    entries = [entry_of(contender, "RS256") for contender in (BARE, FLOOR)]
    serve_all(entries, 1)


def test_without_valgrind_instructions_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    main(["--only", "instructions"])
    assert "left out, for want of valgrind" in capsys.readouterr().out


@pytest.mark.parametrize("curve", CURVES, ids=lambda each: each.name)
def test_a_curves_points_let_the_token_in(curve: Curve) -> None:
    """However many there are, the token is accepted; a point that refuses it is not measured."""
    small = Curve(curve.name, curve.points[:2], curve.compose)
    entries = set_up(small, SERVICES["RS256"], SCENARIOS[0])
    assert [entry.status for entry in entries.values()] == [200, 200]
    refused = Scenario("no token", None, accepted=True)
    with pytest.raises(RuntimeError, match="401"):
        set_up(small, SERVICES["RS256"], refused)


def test_forms_are_refused_for_want_of_a_token() -> None:
    """Each request to a form's route is a form of its length, whole each time, and is refused."""
    entries = set_up_forms(SERVICES["RS256"])
    assert [*entries] == [*LENGTHS]
    for length, entry in entries.items():
        assert int(entry.environ.get("CONTENT_LENGTH", 0)) == length
        assert length == 0 or len(entry.environ["wsgi.input"].read(10**6)) == length
        assert [entry.ask(), entry.ask()] == [401, 401]
    with pytest.raises(RuntimeError, match="0 bytes: 200"):
        set_up_forms(SERVICES["RS256"], BARE.guard)


def test_the_forms_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The section has a figure for each length, and a bound."""
    assert main(["--quick", "--only", "forms"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"bytes of a form  0: 1\.000±\S+   1,000: .+   100,000: ", output)
    assert "a form of any length, to a request without a body: " in output


def test_servers_are_asked_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both routes answer under gunicorn, and when it is over no process is left."""
    started: list[subprocess.Popen[Any]] = []
    start = subprocess.Popen

    def remember(*args: Any, **kwargs: Any) -> subprocess.Popen[Any]:
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(serving.subprocess, "Popen", remember)
    served = serving.measure_serving(turns=2, seconds=0.05)
    assert min(served.bare.median, served.guarded.median) > 1
    assert len(started) >= 2
    assert all(process.returncode is not None for process in started)


def test_it_runs_to_its_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The command checks, measures, reports and draws, in as few rounds as there can be."""
    svg = tmp_path / "table.svg"
    assert (
        main(
            ["--quick", "--seconds", "0", "--only", "table", "--only", "counts", "--svg", str(svg)]
        )
        == 0
    )
    output = capsys.readouterr().out
    assert "python-jose, decoded once: unknown kid (200)" in output
    assert output.count(" of at most ") >= 12
    drawing = svg.read_text(encoding="utf-8")
    for contender in INSTALLED:
        assert contender.name in output
        assert contender.name in drawing


def test_a_quick_run_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Instructions take a minute, which a quick run does not have."""
    main(["--quick", "--only", "instructions", "--only", "import"])
    output = capsys.readouterr().out
    assert "left out: a quick run has no minute for callgrind" in output
    assert " ms of at most 45 ms: " in output
    found = re.search(r"(\d+) ms, (\d+) ms of them .* own (\d+) ms", output)
    assert found is not None
    total, packages, flask = map(int, found.groups())
    assert 0 < packages < total
    assert flask > 0


def test_every_section_has_a_name() -> None:
    """Each can be run alone."""
    assert [*SECTIONS] == [
        "table",
        "counts",
        "instructions",
        "curves",
        "forms",
        "import",
        "gunicorn",
    ]
