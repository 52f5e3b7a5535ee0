"""Bridges to other libraries. Each imports its library only when it is used."""

from __future__ import annotations

__all__: list[str] = []
