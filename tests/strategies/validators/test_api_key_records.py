"""The text of API keys and their records: what is generated, and what is refused."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from zlib import crc32

import pytest

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)

from .api_keys_kit import DIGEST, KEY, record


def test_a_key_can_be_found_by_a_scanner() -> None:
    """A key has a prefix, at least 128 random bits, and a checksum that a scanner can compute."""
    keys = {generate_api_key("acme_live") for _ in range(2000)}

    assert len(keys) == 2000
    for key in keys:
        assert re.fullmatch("acme_live_[0-9A-Za-z]{36}", key)
        start, digits = key[:-6], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        assert crc32(start.encode()) == sum(
            digits.index(digit) * 62**place for place, digit in enumerate(reversed(key[-6:]))
        )
    # Each of the 30 characters takes on each of 62 values: 62 ** 30 is more than 2 ** 178.
    for place in range(10, 40):
        assert len({key[place] for key in keys}) == 62


def test_the_digest_is_the_sha256() -> None:
    """The digest is that of the whole text, with any prefix."""
    for key in (KEY, generate_api_key("a"), generate_api_key("acme_live_2")):
        assert api_key_digest(key) == sha256(key.encode()).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        f"{KEY}\n",
        KEY[:-1],
        f"{KEY[:-1]}\xe9",
        "",
        "x",
        f"_{KEY}",
        KEY[7:],
        DIGEST,
        KEY.encode(),
        None,
    ],
    ids=[
        "line feed",
        "cut",
        "changed",
        "empty",
        "short",
        "prefix",
        "bare",
        "digest",
        "bytes",
        "None",
    ],
)
def test_the_digest_of_something_else_is_refused(text: Any) -> None:
    """A mistyped key is noticed where its digest is made. The error doesn't show it."""
    with pytest.raises(ConfigurationError, match="the text is not an API key") as refused:
        api_key_digest(text)
    assert KEY[8:20] not in str(refused.value)


@pytest.mark.parametrize(
    "prefix",
    ["", "1a", "_a", "a_", "a__b", "a-b", "a b", "\xe4", "a\n", "a" * 41, None, b"a"],
    ids=ascii,
)
def test_a_prefix_is_a_name(prefix: Any) -> None:
    """A prefix that isn't a short ASCII name is refused, by the generator and by the validator."""
    for make in (lambda: generate_api_key(prefix), lambda: APIKeyValidator([], prefix=prefix)):
        with pytest.raises(ConfigurationError, match="expected at most 40 ASCII letters, digits"):
            make()


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ("a b:c", ("a", "b:c")),
        ("", ()),
        (None, ()),
        (["a", "b"], ("a", "b")),
        ((), ()),
        ({"a"}, ("a",)),
    ],
    ids=["text", "empty text", "None", "list", "none", "set"],
)
def test_scopes_are_written_in_several_ways(scopes: Any, expected: tuple[str, ...]) -> None:
    """Scopes are a list, or one text with spaces between them."""
    assert record(scopes=scopes).scopes == expected


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no subject": ({"subject": ""}, "subject is ''"),
    "numeric subject": ({"subject": 5}, "subject is 5"),
    "key as digest": ({"digest": KEY}, "digest is a str of another form"),
    "upper-case digest": ({"digest": DIGEST.upper()}, "digest is a str"),
    "digest with a line feed": ({"digest": f"{DIGEST}\n"}, "digest is a str"),
    "bytes as digest": ({"digest": bytes.fromhex(DIGEST)}, "digest is a bytes"),
    "scope with a space": ({"scopes": ["a b"]}, "scopes is"),
    "two spaces": ({"scopes": "a  b"}, "scopes is"),
    "scope with a quote": ({"scopes": ['a"']}, "scopes is"),
    "numeric scope": ({"scopes": [1]}, "scopes is"),
    "number as scopes": ({"scopes": 1}, "scopes is"),
    "false as scopes": ({"scopes": False}, "scopes is"),
    "bytes as scopes": ({"scopes": b"a"}, "scopes is"),
    "mapping as scopes": ({"scopes": {"a": True}}, "scopes is"),
    "time without a zone": ({"expires_at": datetime(2030, 1, 1)}, "expires_at is"),  # noqa: DTZ001
    "time as text": ({"expires_at": "2030-01-01"}, "expires_at is"),
    "not a number": ({"expires_at": float("nan")}, "expires_at is nan"),
    "infinity": ({"expires_at": float("inf")}, "expires_at is inf"),
    "huge": ({"expires_at": 10**400}, "expires_at is 1000"),
    "boolean expiry": ({"expires_at": True}, "expires_at is True"),
    "number as flag": ({"revoked": 0}, "revoked is 0"),
    "text as flag": ({"revoked": "false"}, "revoked is 'false'"),
    "None as flag": ({"revoked": None}, "revoked is None"),
    "list of claims": ({"claims": ["tenant"]}, "claims is"),
    "numeric claim name": ({"claims": {1: 2}}, "claims is"),
    **{
        f"own claim {name}": ({"claims": {name: "x"}}, "claims is")
        for name in ("iss", "sub", "exp", "scope", "scp", "cnf")
    },
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_record_is_refused(options: dict[str, Any], said: str) -> None:
    """A record of another form can't be made. The error shows no key and no digest."""
    given = {"subject": "nightly-build", "digest": DIGEST, **options}
    with pytest.raises(ConfigurationError, match=said) as refused:
        APIKeyRecord(given.pop("subject"), **given)
    for secret in (KEY, DIGEST, DIGEST.upper()):
        assert secret not in str(refused.value)


def test_a_record_shows_no_digest() -> None:
    """``repr`` shows neither the digest nor further claims. The validator shows no record."""
    known = record(scopes="a", claims={"tenant": "acme"})

    assert repr(known) == (
        "APIKeyRecord(subject='nightly-build', scopes=('a',), expires_at=None, revoked=False)"
    )
    assert repr(APIKeyValidator([known])) == "APIKeyValidator(prefix='apikey', issuer='api-keys')"
    assert pickle.loads(pickle.dumps(known)) == known


class Callable1:
    """An object that is called like a function."""

    def __call__(self, digest: str) -> APIKeyRecord | None:
        return record() if digest == DIGEST else None


async def find(digest: str) -> APIKeyRecord | None:
    """Look a key up asynchronously."""
    return record()


REFUSED: dict[str, tuple[Any, str]] = {
    "None": (None, "records is a NoneType, expected APIKeyRecord objects in a list"),
    "text": (KEY, "records is a str, expected"),
    "number": (5, "records is a int, expected"),
    "list of texts": ([DIGEST], "records has a str, expected APIKeyRecord objects"),
    "mapping of dicts": ({DIGEST: {"sub": "x"}}, "records has a dict, expected APIKeyRecord"),
    "mapping of keys": ({KEY: record()}, "the record of 'nightly-build' under another name"),
    "mapping by subject": ({"nightly-build": record()}, "expected {record.digest: record}"),
    "same digest": ([record("a"), record("b")], "records of 'a' and 'b' have the same digest"),
    "async function": (find, "records is find, a class or an async function"),
    "class": (APIKeyRecord, "records is APIKeyRecord, a class or an async function"),
    "without arguments": (lambda: None, "must take one argument"),
    "two arguments": (lambda digest, request: None, "must take one argument"),
}


@pytest.mark.parametrize(("records", "said"), REFUSED.values(), ids=REFUSED)
def test_wrong_records_are_refused(records: Any, said: str) -> None:
    """What can't be looked up is refused when the validator is made. The error shows no key and no digest."""
    with pytest.raises(ConfigurationError, match=re.escape(said)) as refused:
        APIKeyValidator(records)
    for secret in (KEY, DIGEST):
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "records",
    [[], {}, Callable1(), dict[str, Any]().get, iter],
    ids=[
        "empty list",
        "empty mapping",
        "callable object",
        "builtin",
        "without a signature",
    ],
)
def test_other_records_are_accepted(
    records: list[Any] | Mapping[str, Any] | Callable[[str], Any],
) -> None:
    """An application may have no keys yet, and look them up by any callable object."""
    assert APIKeyValidator(records).prefix == "apikey"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"issuer": ""}, "issuer is ''"),
        ({"issuer": None}, "issuer is None"),
        ({"clock": 5}, "clock is 5"),
    ],
    ids=["no issuer", "None as issuer", "number as clock"],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    """An option of another type is refused when the validator is made."""
    with pytest.raises(ConfigurationError, match=said):
        APIKeyValidator([], **options)
