"""The ``JWTLIB_…`` settings in ``app.config``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, cast

from attrs import frozen

from flask_jwtlib import ConfigurationError

__all__ = ["expected_value", "read_settings"]

_PREFIX = "JWTLIB"


def read_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are set, converted to their types.

    Raises:
        ConfigurationError: A required setting is missing, a setting is unknown, or a value is wrong. The
            text names the setting, and shows no text of its value.
    """
    # In any case, a misspelled name must not go unnoticed.
    ours = [name for name in config if name.upper().startswith(_PREFIX)]
    unknown = [name for name in ours if name not in _SETTINGS]
    if unknown:
        raise ConfigurationError("; ".join(map(_unknown_setting, unknown)))
    settings: dict[str, Any] = {}
    for name, setting in _SETTINGS.items():
        value = config.get(name)
        if value is None and not setting.required:
            continue
        try:
            settings[name] = setting.convert(value)
        except _WrongValueError as error:
            raise ConfigurationError(f"{name} is {error}; expected {setting.expected}") from None
    return settings


def expected_value(name: str) -> str:
    """Describe the value that a setting must have, for an error message."""
    return _SETTINGS[name].expected


def _unknown_setting(name: str) -> str:
    # Compared without the common prefix, which would make any two names similar.
    names = {known.removeprefix(_PREFIX): known for known in _SETTINGS}
    similar = get_close_matches(name.upper().removeprefix(_PREFIX), names, n=1)
    advice = (
        f"did you mean {names[similar[0]]}?"
        if similar
        else f"the settings are {', '.join(_SETTINGS)}"
    )
    return f"{name} is not a setting; {advice}"


class _WrongValueError(Exception):
    """A setting has a wrong value. The text describes it, and shows no text of it."""


def _as_text(value: object) -> str:
    if value is None:
        raise _WrongValueError("not set")
    if type(value) is int:
        # Flask reads digits in an environment variable as JSON.
        return str(value)
    if not isinstance(value, str):
        raise _WrongValueError(
            f"{_kind(value)} (in an environment variable, put text that is also JSON in double quotes)"
        )
    if not value:
        raise _WrongValueError("empty")
    if value.strip() != value:
        raise _WrongValueError("text with white space around it")
    return value


def _as_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise _WrongValueError("text that starts like a JSON list but isn't one") from None
    if not isinstance(value, list | tuple | set | frozenset):
        return (_as_text(value),)
    if not value:
        raise _WrongValueError("empty")
    return tuple(map(_as_text, cast("Collection[object]", value)))


def _as_seconds(value: object) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise _WrongValueError(_kind(value))
    return seconds


def _as_count(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if type(value) is not int or value < 1:
        raise _WrongValueError(_kind(value))
    return value


def _as_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _WrongValueError(_kind(value))


def _kind(value: object) -> str:
    if isinstance(value, int | float):
        return repr(value)
    return "not valid" if isinstance(value, str) else f"of type {type(value).__name__}"


@frozen
class _Setting:
    convert: Callable[[object], Any]
    expected: str
    required: bool = False


_SETTINGS = {
    "JWTLIB_ISSUER": _Setting(
        _as_text, "the issuer's URL, exactly as in its tokens' iss", required=True
    ),
    "JWTLIB_AUDIENCE": _Setting(
        _as_texts, "this API's name in the tokens' aud, or a list of names"
    ),
    "JWTLIB_ALGORITHMS": _Setting(
        _as_texts, "an algorithm such as 'RS256', or a list of algorithms"
    ),
    "JWTLIB_JWKS_URL": _Setting(_as_text, "the URL of the issuer's keys"),
    "JWTLIB_METADATA_URL": _Setting(_as_text, "the URL of the issuer's metadata"),
    "JWTLIB_TOKEN_ISSUER": _Setting(_as_text, "the tokens' iss"),
    "JWTLIB_LEEWAY": _Setting(_as_seconds, "a number of seconds, 0 or more, such as 30"),
    "JWTLIB_MAX_SIZE": _Setting(_as_count, "a whole number of characters, such as 16384"),
    "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": _Setting(_as_flag, "true or false"),
    "JWTLIB_EXPLAIN": _Setting(_as_flag, "true or false"),
    "JWTLIB_ALLOW_HTTP": _Setting(_as_texts, "a host such as 'keycloak:8080', or a list of hosts"),
}
