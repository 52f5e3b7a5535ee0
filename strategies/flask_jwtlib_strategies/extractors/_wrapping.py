"""What extractors have in common that put something around another extractor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Attribute

from flask_jwtlib import ConfigurationError, TokenExtractor
from flask_jwtlib.interfaces import challenges_of, vary_of

__all__ = ["check_wrapped", "vary_with", "with_headers"]


def check_wrapped(instance: object, _: Attribute[Any], value: object) -> None:
    """Check the extractor within another one. It is a validator of attrs.

    Raises:
        ConfigurationError: It isn't a ``TokenExtractor``, or its ``challenges`` or ``vary`` are wrong.
    """
    if isinstance(value, type) or not isinstance(value, TokenExtractor):
        raise ConfigurationError(
            f"{type(instance).__name__} wraps a TokenExtractor object, not {value!r}"
        )
    challenges_of(value)
    vary_of(value)


def vary_with(extractor: TokenExtractor, *names: str) -> tuple[str, ...]:
    """Return the headers that an extractor reads, and further ones.

    Call it for each response, since the extractor may change what it reads.
    """
    # It was checked when the outer extractor was made.
    stated: Any = getattr(extractor, "vary", None)
    # The inner extractor may read some of them, too.
    return tuple(dict.fromkeys((*(("Authorization",) if stated is None else stated), *names)))


def with_headers(described: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what a request needs, as ``request_with`` returns it, with further headers."""
    return {**described, "headers": {**headers, **described.get("headers", {})}}
