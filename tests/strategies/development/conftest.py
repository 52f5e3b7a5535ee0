"""Fixtures for development tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .development_kit import Served, serve, state_folder


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The folder for state of the user, which is empty."""
    with state_folder(tmp_path / "state"):
        yield tmp_path / "state"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An app with a key, in debug mode."""
    with state_folder(tmp_path_factory.mktemp("state")):
        yield serve()


@pytest.fixture
def mine(state: Path) -> Served:
    """An app with a key of its own."""
    return serve()
