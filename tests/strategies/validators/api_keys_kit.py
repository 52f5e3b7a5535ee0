"""API keys for the tests of their validator and of its combinations."""

from __future__ import annotations

from typing import Any

from flask_jwtlib import BearerToken, Claims
from flask_jwtlib.key_providers import NoKeyProvider
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)

KEY = generate_api_key()
DIGEST = api_key_digest(KEY)
OTHER_KEY = generate_api_key()
NOW = 1_800_000_000


def record(subject: str = "nightly-build", key: str = KEY, **options: Any) -> APIKeyRecord:
    """Return the record of a key."""
    return APIKeyRecord(subject, digest=api_key_digest(key), **options)


def validate(records: Any, key: str = KEY, **options: Any) -> Claims:
    """Return the claims of a key at ``NOW``."""
    validator = APIKeyValidator(records, **{"clock": lambda: NOW, **options})
    return validator.validate(BearerToken(key, scheme="ApiKey"), NoKeyProvider())
