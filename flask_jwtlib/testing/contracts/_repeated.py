"""One request with the credentials of two."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Request

__all__ = ["repeated"]

_BETWEEN = {"HTTP_COOKIE": "; ", "QUERY_STRING": "&"}


def repeated(first: Request, second: Request) -> Iterator[tuple[str, Request]]:
    """Yield requests that have a header or the query of both, if they differ in it, each with its name.

    A server joins headers of the same name by commas (RFC 9110 §5.3).
    """
    for name, value in first.environ.items():
        other = second.environ.get(name)
        if (name == "QUERY_STRING" or name.startswith("HTTP_")) and other not in {None, value}:
            joined = f"{value}{_BETWEEN.get(name, ', ')}{other}"
            yield name.removeprefix("HTTP_"), Request({**first.environ, name: joined})
