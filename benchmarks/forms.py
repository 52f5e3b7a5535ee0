"""What it costs to refuse a form of a client without a token, by the form's length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from attrs import evolve, frozen
from flask import Flask

from .contenders import COMPOSED, Contender, Decorator
from .entries import Entry, make_entries
from .measuring import Spread, measure
from .scenarios import Scenario, Service, make_services

__all__ = ["LENGTHS", "measure_forms", "set_up"]

Guard = Callable[[Flask, Service], Decorator]

LENGTHS = (0, 1_000, 16_000, 100_000)
"""Bytes. The first is a request without a body. The third is about the longest that is read."""


@frozen
class _SameAgain:
    """A server's input that hands out the same form to each request."""

    form: bytes

    def read(self, size: int) -> bytes:
        """Read from the form's beginning."""
        return self.form[:size]


def _form(length: int) -> bytes:
    """A form of so many bytes and as many fields as will go in, which is what costs most to parse."""
    names = (b"%x" % number for number in range(length))
    return b"&".join(names)[:length]


def set_up(service: Service, guard: Guard = COMPOSED.guard) -> dict[int, Entry]:
    """Set a route up for each length, behind a guard.

    Raises:
        RuntimeError: One does not refuse the request as one without a token.
    """
    entries: dict[int, Entry] = {}
    scenario = Scenario("anonymous form", None, algorithm=service.algorithm)
    for length in LENGTHS:
        contender = Contender(f"{length:,} bytes", guard)
        (entry,) = make_entries([contender], [scenario], {service.algorithm: service})
        environ = {**entry.environ, "REQUEST_METHOD": "POST"}
        if length:
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
            environ["CONTENT_LENGTH"] = str(length)
            environ["wsgi.input"] = _SameAgain(_form(length))
        entries[length] = entry = evolve(entry, environ=environ)
        if entry.ask() != HTTPStatus.UNAUTHORIZED:
            raise RuntimeError(f"{contender.name}: {entry.ask()}")
    return entries


def measure_forms(seconds: float) -> Mapping[int, Spread]:
    """Measure for so many seconds: the ratios of all lengths to the request without a body."""
    entries = set_up(make_services()["RS256"])
    measured = measure([*entries.values()], seconds)
    first = entries[0]
    ratios = {
        length: measured.ratio(entry.contender, first.contender, entry.scenario)
        for length, entry in entries.items()
    }
    return {length: ratio for length, ratio in ratios.items() if ratio is not None}
