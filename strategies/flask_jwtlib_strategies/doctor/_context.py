"""What the checks of one source share."""

from __future__ import annotations

import time
from typing import Any, cast

from attrs import frozen

from flask_jwtlib import JWTValidator

from .._http.client import HTTPClient
from ._asking import Reply, ask
from ._findings import Report
from ._sources import Source

__all__ = ["Context"]


@frozen(eq=False)
class Context:
    """The examination of one source.

    Attributes:
        source: The source.
        report: Gets the findings.
        deadline: When the examination must end, by ``time.monotonic()``.
    """

    source: Source
    report: Report
    deadline: float

    @property
    def client(self) -> HTTPClient:
        """The client of a provider that fetches over HTTP."""
        return cast("HTTPClient", self.source.keys.fetch.client)

    @property
    def time_left(self) -> float:
        """The seconds until the deadline."""
        return max(0, round(self.deadline - time.monotonic(), 2))

    def ask(self, url: str, *, credentials: bool = True) -> Reply:
        """Fetch a document as the provider does."""
        timeout = min(self.source.keys.refresh.fetch_timeout, self.time_left)
        return ask(self.client, url, timeout=timeout, credentials=credentials)

    @property
    def validators(self) -> list[JWTValidator]:
        """The validators that verify JWTs with the source's keys."""
        validators: list[Any] = [use.validator for use in self.source.uses]
        return [each for each in validators if isinstance(each, JWTValidator)]
