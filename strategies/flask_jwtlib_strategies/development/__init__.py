"""Tokens for developing an app on one's own machine, which no other situation accepts."""

from __future__ import annotations

__all__: list[str] = []
