"""The text of an API key: a prefix, random characters and a checksum."""

from __future__ import annotations

import re
import secrets
import string
from functools import lru_cache
from hashlib import sha256
from typing import Any, cast
from zlib import crc32

from flask_jwtlib import ConfigurationError

__all__ = [
    "DEFAULT_PREFIX",
    "api_key_digest",
    "as_prefix",
    "generate_api_key",
    "is_api_key",
    "key_length",
]

DEFAULT_PREFIX = "apikey"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
# 178 bits.
_RANDOM_LENGTH = 30
# 62 ** 6 is more than 2 ** 32.
_CHECKSUM_LENGTH = 6
_TWO_DIGITS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_TAIL_LENGTH = 1 + _RANDOM_LENGTH + _CHECKSUM_LENGTH
_PREFIX = re.compile(r"[A-Za-z][0-9A-Za-z]*(?:_[0-9A-Za-z]+)*")
_LONGEST_PREFIX = 40


def generate_api_key(prefix: str = DEFAULT_PREFIX) -> str:
    """Return a new API key, such as ``apikey_5gQW…``: show it to its owner once, and store only its digest.

    It has 178 random bits. The prefix and the checksum at the end let secret scanners find keys that were
    published by mistake: ``apikey_[0-9A-Za-z]{36}``.

    Args:
        prefix: Begins the key, followed by ``_``. Use one that only your keys have, such as ``acme_live``,
            and pass it to the ``APIKeyValidator``, too.

    Raises:
        ConfigurationError: The prefix has other characters than ASCII letters, digits and single
            underscores, doesn't start with a letter, or has more than 40.
    """
    as_prefix(prefix)
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    start = f"{prefix}_{drawn}"
    return start + _checksum(start)


def api_key_digest(key: str) -> str:
    """Return what is stored of an API key: the SHA-256 of its text, as 64 lower-case hexadecimal digits.

    Raises:
        ConfigurationError: The text isn't a complete key of ``generate_api_key``, with any prefix.
    """
    given: object = key
    prefix = key[:-_TAIL_LENGTH] if isinstance(given, str) else ""
    if not _PREFIX.fullmatch(prefix) or not is_api_key(key, prefix):
        # The text isn't shown, since most of it may be a key.
        raise ConfigurationError(
            "the text is not an API key: expected all characters that generate_api_key returned, and no "
            "others"
        )
    return sha256(key.encode()).hexdigest()


def as_prefix(prefix: Any) -> str:
    """Return the prefix of keys.

    Raises:
        ConfigurationError: It isn't a short ASCII name.
    """
    is_name = isinstance(prefix, str) and _PREFIX.fullmatch(prefix)
    if not is_name or len(prefix) > _LONGEST_PREFIX:
        raise ConfigurationError(
            f"the prefix is {prefix!r:.80}, expected at most {_LONGEST_PREFIX} ASCII letters, digits and "
            "single underscores that start with a letter, such as 'acme_live'"
        )
    return cast("str", prefix)


def key_length(prefix: str) -> int:
    """Return how many characters a key with this prefix has."""
    return len(prefix) + _TAIL_LENGTH


def is_api_key(text: str, prefix: str) -> bool:
    """Whether a text has the form of a key with this prefix, and the right checksum."""
    found = _pattern(prefix).fullmatch(text)
    return found is not None and found[2] == _checksum(found[1])


@lru_cache(maxsize=64)
def _pattern(prefix: str) -> re.Pattern[str]:
    """Return a pattern for keys. Its groups are what the checksum is of, and the checksum."""
    return re.compile(
        rf"({prefix}_[0-9A-Za-z]{{{_RANDOM_LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
    )


def _checksum(text: str) -> str:
    """Return the CRC-32 of a text as a number to the base 62."""
    rest, last = divmod(crc32(text.encode()), len(_TWO_DIGITS))
    first, middle = divmod(rest, len(_TWO_DIGITS))
    return _TWO_DIGITS[first] + _TWO_DIGITS[middle] + _TWO_DIGITS[last]
