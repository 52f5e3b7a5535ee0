"""Validators: ways to verify a token and check its claims."""

from __future__ import annotations

__all__: list[str] = []
