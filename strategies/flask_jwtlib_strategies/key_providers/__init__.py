"""Sources of verification keys: a URL, an OpenID provider, files, several sources together."""

from __future__ import annotations

__all__: list[str] = []
