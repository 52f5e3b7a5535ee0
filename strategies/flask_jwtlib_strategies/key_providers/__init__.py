"""Key providers: sources of verification keys, such as a URL, an OpenID provider or files."""

from __future__ import annotations

__all__: list[str] = []
