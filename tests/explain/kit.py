"""Compares explanations with what really happens."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from attrs import define, field
from flask import Flask
from werkzeug.test import TestResponse

from flask_jwtlib.errors import Refusal
from flask_jwtlib.explain import Explanation, Step
from flask_jwtlib.signals import request_accepted, request_refused

__all__ = ["Observed", "check_agreement", "check_steps", "observed", "timeless"]

# The view says who calls it.
CALLER = "the caller is "
GUEST = "a guest"
# Flask adds it to the response of a request whose session was read.
_OF_SESSION = "Cookie"


@define
class Observed:
    """What was signalled.

    Attributes:
        refusals: The refusals.
        accepted: The number of callers who were accepted.
    """

    refusals: list[Refusal] = field(factory=list[Refusal])
    accepted: int = 0


@contextmanager
def observed(app: Flask) -> Generator[Observed, None, None]:
    """Note what is signalled in a ``with`` block."""
    seen = Observed()

    def refused(_: object, error: Refusal, **__: object) -> None:
        seen.refusals.append(error)

    def accepted(_: object, **__: object) -> None:
        seen.accepted += 1

    with request_refused.connected_to(refused, app), request_accepted.connected_to(accepted, app):
        yield seen


def check_agreement(explanation: Explanation, response: TestResponse, seen: Observed) -> None:
    """Check that an explanation and a real response to the same request are the same."""
    body = response.get_data(as_text=True)
    if explanation.outcome == "refused":
        explained = explanation.response
        assert explained is not None
        assert explained.status == response.status_code
        assert _headers(explained.headers) == _headers(response.headers)
        assert explained.body == body[: len(explained.body)]
    else:
        assert explanation.response is None
        assert response.status_code == 200
        if response.request.method != "HEAD":
            assert body.startswith(CALLER if explanation.outcome == "accepted" else GUEST)
    if seen.refusals:
        error = explanation.error
        assert error is not None
        real = seen.refusals[-1]
        assert type(error) is type(real)
        assert (error.status, error.error_code, str(error)) == (
            real.status,
            real.error_code,
            str(real),
        )
        assert timeless(error.log_message) == timeless(real.log_message)
    check_steps(explanation)


def check_steps(explanation: Explanation) -> None:
    """Check that the steps say why a token is refused, and none does if it is accepted."""
    refused = [step for step in explanation.steps if step.outcome == "refused"]
    if explanation.outcome == "accepted":
        assert not refused
        assert explanation.error is None
    if explanation.outcome == "refused":
        assert refused
    if explanation.error is not None:
        assert refused
        assert names(refused[0], explanation.error)
        assert explanation.cause is not None


def timeless(text: str) -> str:
    """Return a text without the seconds that have passed, since a request may be a second later."""
    return re.sub(r"\d[\d.]*( s(econds)?\b| days)?", "some time", text)


def names(step: Step, error: Refusal) -> bool:
    """Whether a step says why a request is refused."""
    if step.stage == "policies":
        # The errors of all policies are joined.
        notes = step.note.partition(" (a claim or an argument")[0].split("; ")
        return any(timeless(note) in timeless(error.log_message) for note in notes)
    return timeless(error.log_message)[:100] in timeless(step.note)


def _headers(headers: Any) -> list[tuple[str, str]]:
    listed = []
    for name, value in headers:
        shown = value
        if name == "Vary":
            members = [each for each in value.split(", ") if each != _OF_SESSION]
            shown = ", ".join(sorted(members))
            if not members:
                continue
        listed.append((name, shown))
    return sorted(listed)
