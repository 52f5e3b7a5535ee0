"""The values that the strategies exchange: token, header, claims, principal and actor."""

from __future__ import annotations

from ._actor import Actor
from ._claims import Claims
from ._principal import Principal
from ._tokens import BearerToken, UnverifiedHeader

__all__ = ["Actor", "BearerToken", "Claims", "Principal", "UnverifiedHeader"]
