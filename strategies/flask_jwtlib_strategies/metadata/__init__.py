"""Metadata: documents that tell clients how to get a token for this server."""

from __future__ import annotations

__all__: list[str] = []
