"""Fixtures for the tests of explanations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_jwtlib.signals import key_event, request_accepted, request_refused


@pytest.fixture
def signalled() -> Iterator[list[Any]]:
    """Everything that is signalled."""
    seen: list[Any] = []

    def note(sender: object, **details: object) -> None:
        seen.append((sender, details))

    with (
        request_accepted.connected_to(note),
        request_refused.connected_to(note),
        key_event.connected_to(note),
    ):
        yield seen
