"""Places in a request where a token is found."""

from __future__ import annotations

__all__: list[str] = []
