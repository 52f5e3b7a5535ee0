"""Commands that ``flask jwtlib`` gets from the catalogue."""

from __future__ import annotations

__all__: list[str] = []
