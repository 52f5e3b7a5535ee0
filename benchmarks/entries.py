"""Contenders at the start: each with its apps, and whether it does in a scenario what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen
from flask import Flask
from werkzeug.test import run_wsgi_app

from .contenders import BARE, Contender
from .scenarios import Scenario, Service

__all__ = ["Entry", "make_entries"]


def _ignore(status: str, headers: Any, exc_info: Any = None) -> Any:
    """Take the start of a response, as a WSGI server does."""


@frozen(eq=False)
class Entry:
    """One contender in one scenario.

    Args:
        status: What it answered, before anything was measured.
    """

    contender: Contender
    scenario: Scenario
    service: Service = field(repr=False)
    app: Flask = field(repr=False)
    environ: dict[str, Any] = field(repr=False)
    status: int

    @property
    def is_right(self) -> bool:
        """Whether it lets in and refuses whom it should. The bare route has nobody to refuse."""
        if self.scenario.accepted or self.contender is BARE:
            return self.status == 200
        return 400 <= self.status < 500

    @property
    def is_measured(self) -> bool:
        """Whether its time says something: the time of a check that is not done does not."""
        return self.scenario.timed and self.is_right

    def prepare(self) -> None:
        """Make ready for ``serve``."""
        self.contender.before(self.service)

    def ask(self) -> int:
        """Send the scenario's request once, and return the status of the answer."""
        return int(run_wsgi_app(self.app, self.environ.copy(), buffered=True)[1][:3])

    def serve(self, requests: int) -> None:
        """Answer the scenario's request so many times: app called, response read and closed."""
        app, environ = self.app, self.environ
        for _ in range(requests):
            body = app(environ.copy(), _ignore)
            for _chunk in body:
                pass
            body.close()  # type: ignore[attr-defined]  # Flask's always has it


def make_entries(
    contenders: Iterable[Contender], scenarios: Sequence[Scenario], services: dict[str, Service]
) -> list[Entry]:
    """Make an app for each contender and algorithm, and send it each request once."""
    entries: list[Entry] = []
    for contender in contenders:
        for algorithm, service in services.items():
            app = contender.app(service)
            for scenario in scenarios:
                if scenario.algorithm == algorithm:
                    environ = scenario.environ()
                    status = run_wsgi_app(app, environ.copy(), buffered=True)[1]
                    entries.append(
                        Entry(contender, scenario, service, app, environ, int(status[:3]))
                    )
    return entries
