"""The apps that gunicorn serves, ``bare`` and ``guarded``. The key comes by the environment."""

from __future__ import annotations

import json
import os
from typing import Any, cast

from attrs import field, frozen

from .contenders import BARE, COMPOSED
from .scenarios import AUDIENCE, ISSUER, Service
from .serving import JWK

__all__ = ["bare", "guarded"]


@frozen
class _PublicService:
    """What a server knows of the service: nothing to sign with."""

    jwk: dict[str, Any] = field(repr=False)
    algorithm: str = "RS256"
    issuer: str = ISSUER
    audience: str = AUDIENCE


_service = cast("Service", _PublicService(json.loads(os.environ[JWK])))
bare = BARE.app(_service)
guarded = COMPOSED.app(_service)
"""Guarded as the contender of this name is."""
