"""Helpers for the contracts' tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, TypeVar

from flask import Flask, Request

__all__ = [
    "in_threads",
    "in_throwaway_app",
    "kind_of",
    "nothing_raised",
    "require",
    "unchecked",
]

_T = TypeVar("_T")
_ROUNDS = 25


def require(condition: object, message: str) -> None:
    """Fail the test unless a condition is true, also under ``python -O``, where ``assert`` does nothing."""
    if not condition:
        raise AssertionError(message)


def unchecked(returned: object) -> Any:
    """Return a value without its declared type, so that a test can check the type."""
    return returned


@contextmanager
def nothing_raised(what: str) -> Generator[None, None, None]:
    """Fail the test if anything but a test failure is raised. The message says what was tried."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{what}: it raised {type(error).__name__}") from error


def kind_of(returned: object) -> type[object]:
    """Return a value's class, which may differ from its declared type."""
    return type(returned)


@contextmanager
def in_throwaway_app(current: Request | None = None) -> Generator[Flask, None, None]:
    """Enter a request context of a new app. By default the request is empty."""
    app = Flask(__name__, static_folder=None)
    context = (
        app.test_request_context() if current is None else app.request_context(current.environ)
    )
    with context:
        yield app


def in_threads(jobs: Sequence[Callable[[], _T]]) -> list[list[_T]]:
    """Run jobs repeatedly, at the same time, each in its own thread. Return the results of each."""
    together = Barrier(len(jobs))

    def repeat(job: Callable[[], _T]) -> list[_T]:
        together.wait(timeout=30)
        return [job() for _ in range(_ROUNDS)]

    interval = sys.getswitchinterval()
    # As short as possible, so that few rounds are enough to lose a race.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(jobs)) as pool:
            return list(pool.map(repeat, jobs))
    finally:
        sys.setswitchinterval(interval)
