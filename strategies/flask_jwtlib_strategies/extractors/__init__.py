"""Extractors: ways to find a token in a request."""

from __future__ import annotations

__all__: list[str] = []
