"""Identity: the application's own object for a caller."""

from __future__ import annotations

__all__: list[str] = []
