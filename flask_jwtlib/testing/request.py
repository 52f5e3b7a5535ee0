"""Requests for tests, without a server."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.test import create_environ

__all__ = ["make_request"]


def make_request(path: str = "/", **how: Any) -> Request:
    """Make a request to pass to an extractor.

    Args:
        path: The path, with or without a query.
        **how: The arguments of Werkzeug's ``EnvironBuilder``, which Flask's test client also takes:
            ``method``, ``headers``, ``query_string``, ``data``, ``json``, ``content_type``, …
    """
    return Request(create_environ(path, **how))
