"""Counts what a request does: Python functions that run, and expensive operations among what they call.

A profile function sees calls of Python functions and of most C functions, but not of the JSON module's C
scanner, which is an object. So the counts are made in a new process, which wraps each scanner in a function
before anything makes one.
"""

from __future__ import annotations

import gc
import json
import json.scanner
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

from attrs import astuple, fields, frozen

_WARM_UP = 2
_KEY_PARSERS = frozenset(
    {
        "from_encoded_point",
        "from_public_bytes",
        "load_der_public_key",
        "load_pem_public_key",
        "load_pem_x509_certificate",
        "load_ssh_public_key",
        "public_key",
    }
)
_FORM_AND_QUERY_PARSERS = frozenset(
    {"parse_form_data", "parse_from_environ", "parse_qs", "parse_qsl", "_load_form_data"}
)


@frozen
class Counts:
    """How often a request did what is counted."""

    calls: int
    key_parses: int
    signature_checks: int
    base64_decodes: int
    json_decodes: int
    form_and_query_parses: int


def count(serve: Callable[[], object]) -> Counts:
    """Count what a call does; JSON only by decoders that were made within ``counted_scanners``."""
    seen: Counter[str] = Counter()

    def see(frame: Any, event: str, function: Any) -> None:
        if event == "call" and frame.f_code is _COUNTING_CODE:
            seen["json_decodes"] += 1
        elif event == "call":
            seen["calls"] += 1
            seen["form_and_query_parses"] += frame.f_code.co_name in _FORM_AND_QUERY_PARSERS
        elif event == "c_call":
            name = function.__name__
            seen["base64_decodes"] += name == "a2b_base64"
            seen["key_parses"] += name in _KEY_PARSERS
            seen["signature_checks"] += name == "verify" and type(
                function.__self__
            ).__module__.startswith("cryptography.")

    profiler, was_enabled = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(see)
    try:
        serve()
    finally:
        sys.setprofile(profiler)
        if was_enabled:
            gc.enable()
    return Counts(**{each.name: seen[each.name] for each in fields(Counts)})


@contextmanager
def counted_scanners() -> Iterator[None]:
    """Let ``count`` see the decoders that are made here, and ``json.loads``."""
    scanner: Any = json.scanner
    make_scanner = scanner.make_scanner
    # The decoder of `json.loads` was made when the module was imported.
    default: Any = vars(json)["_default_decoder"]
    scan_once = default.scan_once
    scanner.make_scanner = lambda decoder: _counting(make_scanner(decoder))
    default.scan_once = _counting(scan_once)
    try:
        yield
    finally:
        scanner.make_scanner, default.scan_once = make_scanner, scan_once


def _counting(scan: Callable[[str, int], Any]) -> Callable[[str, int], Any]:
    def counted_scan(text: str, start: int) -> Any:
        return scan(text, start)

    return counted_scan


_COUNTING_CODE = _counting(print).__code__


def counts_of_contenders() -> dict[str, Counts]:
    """Count what an accepted request does behind each contender, by its name."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_count_installed).result()


def _count_installed() -> dict[str, Counts]:
    with counted_scanners():
        # Modules make decoders when they are imported.
        from .contenders import make_entries  # noqa: PLC0415
        from .peers import installed  # noqa: PLC0415
        from .scenarios import BASIC, make_scenarios, make_services  # noqa: PLC0415

        services = make_services(BASIC)
        scenarios = [each for each in make_scenarios(services) if each.accepted]
        counts: dict[str, Counts] = {}
        entries = make_entries(installed(), scenarios, services)
        for entry in entries:
            entry.status()
        for entry in entries:
            entry.prepare()
            entry.serve(_WARM_UP)
            counts[entry.contender.name] = count(partial(entry.serve, 1))
    return counts


def counts_section() -> tuple[str, list[str]]:
    """Write the counts of each contender, with Python calls above the bare route's."""
    from .report import aligned, check  # noqa: PLC0415

    counts = counts_of_contenders()
    bare, ours = counts["bare route"], counts["flask_jwtlib"]
    rows: list[list[str] | str] = [
        ["", "Python", "key", "signature", "base64", "JSON", "form, query"],
        ["", "calls", "parses", "checks", "decodes", "decodes", "parses"],
    ]
    for name, each in counts.items():
        calls, *others = astuple(each)
        rows.append(
            [name, f"{calls - bare.calls:+d}" if each != bare else str(calls), *map(str, others)]
        )
    return (
        f"An accepted RS256 request; Python calls above the bare route's.\n\n{aligned(rows)}",
        [
            check("Python calls above the bare route", ours.calls - bare.calls, "at most", 40, 0),
            check("key parses", ours.key_parses, "exactly", 0, 0),
            check("signature checks", ours.signature_checks, "exactly", 1, 0),
            check("base64 decodes", ours.base64_decodes, "at most", 3, 0),
            check("JSON decodes", ours.json_decodes, "at most", 2, 0),
            check("form and query parses", ours.form_and_query_parses, "exactly", 0, 0),
        ],
    )
