"""The cost of credentials other than a bearer token, and of a policy, compared with checks by hand.

``python -m benchmarks.credentials.section REQUESTS`` is what runs under callgrind.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable

from ..contenders import BARE, COMPOSED, FLOOR, Contender, Entry
from ..instructions import count_instructions, serve_and_name
from ..measuring import Measurements, Times, measure, measure_in_processes
from ..peers import FLASK_JWT_EXTENDED, PEERS
from ..report import check
from ..scenarios import BASIC, Scenario, Service, make_services
from ..table import ratio_table
from .ambient import COOKIE, DOUBLE_SUBMIT, SESSION, cookie_row, double_submit_row, session_row
from .explicit import API_KEY, BEARER, POLICY, api_key_row, bearer_row, policy_row
from .rows import Row

ROWS = (BEARER, COOKIE, DOUBLE_SUBMIT, SESSION, API_KEY, POLICY)
"""The names of the rows."""

COMPARED = (BARE, FLOOR, COMPOSED, FLASK_JWT_EXTENDED)

BOUNDS = (
    *((row, COMPOSED, FLOOR, 1.15) for row in ROWS if row != BEARER),
    *((row, COMPOSED, FLASK_JWT_EXTENDED, 0.5) for row in (COOKIE, DOUBLE_SUBMIT)),
)
"""Row, contender, the reference that its time is divided by, and the highest ratio."""

_COUNTED = (BARE, FLOOR, COMPOSED)

_LEGEND = """
Medians of {} rounds in {} processes. ±: half the distance of the quartiles. -: not measured.
Wrong statuses:"""


def credentials_section(scale: float) -> tuple[str, list[str]]:
    """Measure an accepted request of each row, and list the statuses that are wrong."""
    # Refused requests are logged.
    logging.getLogger("flask_jwtlib").addHandler(logging.NullHandler())
    service = make_services(BASIC)[BASIC]
    processes = max(1, round(3 * min(1, scale)))
    measured = measure_in_processes(30 * scale, processes, measure_rows)
    lines = [
        ratio_table(measured, COMPARED, "microseconds per request", 1e-6, 2, scenarios=ROWS),
        _LEGEND.format(measured.rounds, processes),
        *wrong_statuses(make_rows(service), service),
    ]
    if shutil.which("valgrind"):
        counted = count_instructions(30, __spec__.name)
        unit = "thousands of instructions per request"
        lines += ["", ratio_table(counted, _COUNTED, unit, 1e3, 3, scenarios=ROWS, exact=True)]
    return "\n".join(lines), verdicts(measured)


def make_rows(service: Service) -> list[Row]:
    """Make the rows, with credentials that are valid for an hour."""
    return [
        bearer_row(service),
        cookie_row(service),
        double_submit_row(service),
        session_row(service),
        api_key_row(),
        policy_row(service),
    ]


def verdicts(measured: Measurements) -> list[str]:
    """Check the ratios that were measured."""
    return [
        check(f"{row}, {contender.name} / {reference.name}", ratio.median, "at most", limit)
        for row, contender, reference, limit in BOUNDS
        if (ratio := measured.ratio(contender, reference, row)) is not None
    ]


def entries_of(*contenders: Contender) -> list[Entry]:
    """Set up each row's accepted request for each of these contenders that accepts this credential."""
    service = make_services(BASIC)[BASIC]
    return [
        Entry(contender, Scenario(row.name, None, accepted=True), service, app, first.environ())
        for row in make_rows(service)
        for first in [next(iter(row.attempts.values()))]
        for contender, app in row.apps(service).items()
        if contender in contenders
    ]


def measure_rows(seconds: float) -> Times:
    """Time the accepted requests, except behind a contender that refuses one."""
    return measure([entry for entry in entries_of(*COMPARED) if entry.is_right()], seconds)


def wrong_statuses(rows: Iterable[Row], service: Service) -> list[str]:
    """List the statuses of each guard that aren't what its row expects.

    Our own guards must respond with exactly that status, and a peer with any that refuses the request.
    """
    lines: list[str] = []
    for row in rows:
        for contender, statuses in row.statuses(service).items():
            wrong = [
                f"{name} ({status})"
                for name, status in statuses.items()
                for expected in [row.attempts[name].status]
                if status != expected
                and not (contender in PEERS and expected != 200 and 400 <= status < 500)
            ]
            if wrong and contender is not BARE:
                lines.append(f"{row.name}, {contender.name}: {', '.join(wrong)}")
    return lines


if __name__ == "__main__":
    serve_and_name(entries_of(*_COUNTED))
