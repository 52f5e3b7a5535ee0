"""Ready compositions: functions that return an ``Authenticator`` for an issuer."""

from __future__ import annotations

__all__: list[str] = []
