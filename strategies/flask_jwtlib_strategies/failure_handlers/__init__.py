"""Failure handlers: responses to refused requests."""

from __future__ import annotations

__all__: list[str] = []
