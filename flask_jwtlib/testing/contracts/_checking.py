"""What the contracts check with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, TypeVar

from flask import Flask, Request

from ...keys import VerificationKey
from ...values import UnverifiedHeader

__all__ = [
    "NoKeys",
    "in_threads",
    "in_throwaway_app",
    "kind_of",
    "nothing_raised",
    "require",
    "unchecked",
]

_T = TypeVar("_T")
_ROUNDS = 25


class NoKeys:
    """A key provider that has no key for anybody."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Answer nothing."""
        return ()


def require(condition: object, message: str) -> None:
    """Fail the test unless a condition holds; unlike ``assert``, under ``python -O`` too."""
    if not condition:
        raise AssertionError(message)


def unchecked(answer: object) -> Any:
    """Forget what an annotation promises of an answer, so as to check it."""
    return answer


@contextmanager
def nothing_raised(what: str) -> Generator[None, None, None]:
    """Fail the test if anything but its own failure is raised, and say at what."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{what}: it raised {type(error).__name__}") from error


def kind_of(answer: object) -> type[object]:
    """The class of an answer, whatever an annotation promises."""
    return type(answer)


@contextmanager
def in_throwaway_app(current: Request | None = None) -> Generator[Flask, None, None]:
    """Serve a request in an app that nobody else knows: by default, one that carries nothing."""
    app = Flask(__name__, static_folder=None)
    context = (
        app.test_request_context() if current is None else app.request_context(current.environ)
    )
    with context:
        yield app


def in_threads(jobs: Sequence[Callable[[], _T]]) -> list[list[_T]]:
    """Run jobs side by side, over and over, and answer what each round of each came to."""
    together = Barrier(len(jobs))

    def repeat(job: Callable[[], _T]) -> list[_T]:
        together.wait(timeout=30)
        return [job() for _ in range(_ROUNDS)]

    interval = sys.getswitchinterval()
    # As short as can be, so that a race is lost within few rounds.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(jobs)) as pool:
            return list(pool.map(repeat, jobs))
    finally:
        sys.setswitchinterval(interval)
