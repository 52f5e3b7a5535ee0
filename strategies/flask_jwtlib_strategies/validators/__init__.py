"""Ways to verify a token: by its issuer, or with signatures that were checked before."""

from __future__ import annotations

__all__: list[str] = []
