"""What the tests of fetched documents share."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib_strategies._http.client import DocumentError, HTTPClient
from tests.kit import PATIENCE

# Timeout of a fetch that is expected to exceed it, in seconds.
SHORT = 0.5


def fault_of(client: HTTPClient, url: str, *, timeout: float = PATIENCE, **options: Any) -> str:
    """Return the message of the error that fetching a document raises."""
    with pytest.raises(DocumentError) as error:
        client.get(url, timeout=timeout, **options)
    return str(error.value)
