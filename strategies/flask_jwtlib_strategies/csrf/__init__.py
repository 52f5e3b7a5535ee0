"""Further protection from forged requests, in addition to the cross-site check."""

from __future__ import annotations

__all__: list[str] = []
