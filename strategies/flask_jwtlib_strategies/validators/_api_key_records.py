"""What an application stores about an API key, and where it is looked up."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from attrs import Attribute, field, frozen

from flask_jwtlib import ConfigurationError

from .._options import check_flag

__all__ = ["APIKeyRecord", "as_lookup"]

_DIGEST = re.compile("[0-9a-f]{64}")
# RFC 6749 §3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_OWN_CLAIMS = frozenset({"cnf", "exp", "iss", "scope", "scp", "sub"})


def _check_subject(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"subject is {value!r}, expected a non-empty string")


def _check_digest(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        # The value isn't shown, since it may be a key.
        raise ConfigurationError(
            f"digest is a {type(value).__name__} of another form, expected 64 lower-case hexadecimal digits, "
            "as api_key_digest returns them"
        )


def _as_scopes(given: Any) -> tuple[str, ...]:
    if given is None or given == "":
        return ()
    words: Any = given.split(" ") if isinstance(given, str) else given
    several = isinstance(words, Iterable) and not isinstance(words, bytes | Mapping)
    scopes: tuple[Any, ...] = tuple(cast("Iterable[Any]", words)) if several else (None,)
    if not all(isinstance(scope, str) and _SCOPE.fullmatch(scope) for scope in scopes):
        raise ConfigurationError(
            f"scopes is {given!r}, expected a list of scopes, such as ['reports:read'], or one string with "
            "spaces between them"
        )
    return scopes


def _as_expiry(given: Any) -> float | None:
    aware = isinstance(given, datetime) and given.tzinfo is not None
    seconds: Any = cast("datetime", given).timestamp() if aware else given
    if seconds is not None and not _is_finite(seconds):
        raise ConfigurationError(
            f"expires_at is {given!r}, expected seconds since the epoch, a datetime with a time zone, or None"
        )
    return cast("float | None", seconds)


def _is_finite(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        # An int that is too large for a float can't be compared with the clock.
        return False


def _as_claims(given: Any) -> dict[str, Any]:
    is_mapping = isinstance(given, Mapping)
    claims: dict[Any, Any] = dict(cast("Mapping[Any, Any]", given)) if is_mapping else {None: None}
    if not all(isinstance(name, str) and name not in _OWN_CLAIMS for name in claims):
        raise ConfigurationError(
            f"claims is {given!r}, expected a mapping of further claims, without any of "
            f"{', '.join(sorted(_OWN_CLAIMS))}"
        )
    return claims


@frozen
class APIKeyRecord:
    """What an application stores about an API key. The key itself is stored nowhere.

    Args:
        subject: Whose key it is: the ``sub`` of the claims.
        digest: The key's ``api_key_digest``. ``repr`` doesn't show it.
        scopes: The granted scopes, one or several.
        expires_at: When it expires: seconds since the epoch, or a ``datetime`` with a time zone. None if it
            doesn't.
        revoked: Whether it isn't accepted any more.
        claims: Further claims, such as ``{"tenant": "acme"}``, for policies and views.

    Raises:
        ConfigurationError: A value has another form. No message shows a digest or a key.
    """

    subject: str = field(validator=_check_subject)
    digest: str = field(validator=_check_digest, repr=False, kw_only=True)
    scopes: tuple[str, ...] = field(default=(), converter=_as_scopes, kw_only=True)
    expires_at: float | None = field(default=None, converter=_as_expiry, kw_only=True)
    revoked: bool = field(default=False, validator=check_flag, kw_only=True)
    claims: Mapping[str, Any] = field(
        factory=dict[str, Any], converter=_as_claims, repr=False, kw_only=True
    )


def as_lookup(records: Any) -> Callable[[str], Any]:
    """Return a function that finds the record of a digest.

    Args:
        records: The records; a mapping of digests to records, which is read for each look-up; or the
            function itself.

    Raises:
        ConfigurationError: They are anything else, or one of them is.
    """
    is_mapping = isinstance(records, Mapping)
    if is_mapping:
        mapping = cast("Mapping[Any, Any]", records)
        for digest, record in mapping.items():
            _check_record(record)
            if record.digest != digest:
                raise ConfigurationError(
                    f"records has the record of {record.subject!r} under another name than its digest, "
                    "expected {record.digest: record}"
                )
        return mapping.get
    if callable(records):
        function: Callable[[str], Any] = records
        _check_function(function)
        return function
    if _is_collection(records):
        return _by_digest(cast("Iterable[Any]", records)).get
    raise ConfigurationError(
        f"records is a {type(records).__name__}, expected APIKeyRecord objects in a list, or a function that "
        "returns the one of a digest"
    )


def _is_collection(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _check_record(value: object) -> None:
    if not isinstance(value, APIKeyRecord):
        raise ConfigurationError(
            f"records has a {type(value).__name__}, expected APIKeyRecord objects"
        )


def _by_digest(records: Iterable[Any]) -> dict[str, APIKeyRecord]:
    found: dict[str, APIKeyRecord] = {}
    for record in records:
        _check_record(record)
        other = found.setdefault(record.digest, record)
        if other is not record:
            raise ConfigurationError(
                f"records of {other.subject!r} and {record.subject!r} have the same digest: give each "
                "caller a key of its own"
            )
    return found


def _check_function(function: Callable[..., Any]) -> None:
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.isclass(function) or inspect.iscoroutinefunction(function):
        raise ConfigurationError(
            f"records is {name}, a class or an async function; expected a plain function that takes a digest"
        )
    try:
        inspect.signature(function).bind("digest")
    except TypeError:
        raise ConfigurationError(
            f"the function {name} must take one argument, the digest of a key"
        ) from None
    except ValueError:
        # Some builtins have no signature. A wrong number of arguments shows when they are called.
        return
