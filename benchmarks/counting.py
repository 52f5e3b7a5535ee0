"""Counts what a request does: the Python functions it runs, and the dear things among what they call.

A profile function sees calls of Python functions and of most C functions, but not those of the JSON
module's C scanner, which is an object. So ``python -m benchmarks.counting``, a process of its own, lays
a counting function around each scanner before anything makes one.
"""

from __future__ import annotations

import gc
import json
import json.scanner
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import asdict, fields, frozen

__all__ = ["Counts", "count", "counted_scanners", "counts_of_contenders"]

_WARM_UP = 2
_TIMEOUT = 120
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
    """How often something was done."""

    calls: int
    key_parses: int
    signature_checks: int
    base64_decodes: int
    json_decodes: int
    form_and_query_parses: int


def count(serve: Callable[[], object]) -> Counts:
    """Count what a call does; JSON, by decoders that were made within ``counted_scanners``."""
    seen: Counter[str] = Counter()

    def see(frame: Any, event: str, function: Any) -> None:
        if event == "call":
            name = frame.f_code.co_name
            if frame.f_code is _COUNTING_CODE:
                seen["json_decodes"] += 1
                return
            seen["calls"] += 1
            seen["form_and_query_parses"] += name in _FORM_AND_QUERY_PARSERS
        elif event == "c_call":
            name = function.__name__
            seen["base64_decodes"] += name == "a2b_base64"
            seen["key_parses"] += name in _KEY_PARSERS
            seen["signature_checks"] += name == "verify" and _is_of_a_key(function)

    before, was_enabled = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(see)
    try:
        serve()
    finally:
        sys.setprofile(before)
        if was_enabled:
            gc.enable()
    return Counts(**{each.name: seen[each.name] for each in fields(Counts)})


@contextmanager
def counted_scanners() -> Iterator[None]:
    """Let ``count`` see what decoders do that are made here, those of ``json.loads`` among them."""
    scanner: Any = json.scanner
    make_scanner = scanner.make_scanner
    # What `json.loads` decodes by was made when the module was imported.
    default: Any = vars(json)["_default_decoder"]
    scan_once = default.scan_once
    scanner.make_scanner = lambda decoder: _counting(make_scanner(decoder))
    default.scan_once = _counting(scan_once)
    try:
        yield
    finally:
        scanner.make_scanner, default.scan_once = make_scanner, scan_once


def _counting(scan: Callable[[str, int], Any]) -> Callable[[str, int], Any]:
    def scan_and_be_seen(text: str, start: int) -> Any:
        return scan(text, start)

    return scan_and_be_seen


_COUNTING_CODE = _counting(print).__code__


def _is_of_a_key(function: Any) -> bool:
    return type(function.__self__).__module__.startswith("cryptography.")


def counts_of_contenders() -> dict[str, Counts]:
    """What an accepted RS256 request does behind each contender, by its name."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.counting"],
        capture_output=True,
        check=True,
        text=True,
        timeout=_TIMEOUT,
    )
    return {name: Counts(**counts) for name, counts in json.loads(answer.stdout).items()}


def _main() -> None:
    with counted_scanners():
        from .entries import make_entries  # noqa: PLC0415 - decoders are made where modules are imported
        from .peers import installed  # noqa: PLC0415
        from .scenarios import make_scenarios, make_services  # noqa: PLC0415

        services = {"RS256": make_services()["RS256"]}
        scenarios = [each for each in make_scenarios(services) if each.name == "RS256"]
        counts: dict[str, Any] = {}
        for entry in make_entries(installed(), scenarios, services):
            entry.prepare()
            entry.serve(_WARM_UP)
            counts[entry.contender.name] = asdict(count(partial(entry.serve, 1)))
    print(json.dumps(counts))


if __name__ == "__main__":
    _main()
