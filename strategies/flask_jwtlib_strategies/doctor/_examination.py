"""Examines an app: all sources of keys side by side, within a limited time."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen
from flask import current_app
from werkzeug.local import LocalProxy

from flask_jwtlib.key_providers import start_thread

from ._app import check_app_settings
from ._checks import check_source
from ._context import Context
from ._findings import Finding, Report
from ._sources import Source, sources_of

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["examine"]

_MOST_AT_ONCE = 16


def examine(app: Flask | None = None, *, timeout: float = 30) -> list[Finding]:
    """Examine the settings and the key providers of an app.

    Each provider's metadata and keys are fetched with the provider's own client and ``fetch_timeout``, up to
    16 providers side by side. Only their hosts are asked, a few times each. No exception of a provider
    gets out of this function.

    Args:
        app: The app, by default the current one. The Authenticators of its guards and decorators are
            examined.
        timeout: Longest that the examination may take, in seconds.

    Returns:
        The findings: first those about the app, then those about each provider.
    """
    deadline = time.monotonic() + timeout
    if app is None or isinstance(app, LocalProxy):
        # Other threads have no current app.
        app = cast("Flask", cast("Any", current_app)._get_current_object())
    sources = sources_of(app)
    report = Report(f"app {app.name}")
    with app.app_context():
        check_app_settings(app, sources, report)
    jobs = [_Job(app, source, deadline, Report(source.label)) for source in sources]
    waiting = deque(jobs)
    for _ in range(min(_MOST_AT_ONCE, len(jobs))):
        if not start_thread(lambda: _work(waiting), "flask_jwtlib-doctor"):
            _work(waiting)
            break
    findings = list(report.findings)
    for job in jobs:
        findings += job.result(timeout)
    return findings


@frozen(eq=False)
class _Job:
    """The examination of one source in a thread."""

    app: Flask
    source: Source
    deadline: float
    report: Report
    done: threading.Event = field(init=False, factory=threading.Event)

    def run(self) -> None:
        """Examine the source."""
        try:
            with self.app.app_context():
                check_source(Context(self.source, self.report, self.deadline))
        except Exception as error:  # noqa: BLE001 - a strategy of the app may raise anything
            self.report.fail(
                "examination",
                f"it raised {type(error).__name__}",
                "Look at the code of this provider, or report this as a fault of flask_jwtlib.",
            )
        finally:
            self.done.set()

    def result(self, timeout: float) -> list[Finding]:
        """Wait for the findings until the deadline."""
        left = max(0, self.deadline - time.monotonic())
        if self.done.wait(left):
            return self.report.findings
        late = Report(self.source.label)
        late.fail(
            "examination",
            f"it didn't end within {timeout:g} s",
            "Lower fetch_timeout of the key providers, or look at what this provider waits for.",
        )
        return [*self.report.findings, *late.findings]


def _work(waiting: deque[_Job]) -> None:
    """Examine one source after the other, until none is waiting."""
    while True:
        try:
            job = waiting.popleft()
        except IndexError:
            return
        job.run()
