"""Examines the key providers and settings of an app, as ``flask jwtlib doctor`` shows them."""

from __future__ import annotations

from ._examination import examine
from ._findings import Finding, Level

__all__ = ["Finding", "Level", "examine"]
