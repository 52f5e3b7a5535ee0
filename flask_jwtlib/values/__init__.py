"""The values that the strategies exchange: token, header, claims and principal."""

from __future__ import annotations

from ._claims import Claims
from ._principal import Principal
from ._tokens import BearerToken, UnverifiedHeader

__all__ = ["BearerToken", "Claims", "Principal", "UnverifiedHeader"]
