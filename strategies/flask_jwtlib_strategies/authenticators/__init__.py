"""Ready compositions: an ``Authenticator`` for an issuer, made by one call."""

from __future__ import annotations

__all__: list[str] = []
