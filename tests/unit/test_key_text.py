"""How text that may be a key is read."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, _key_text


@pytest.mark.parametrize(
    "secret",
    [
        b"",
        b"password",
        bytes(range(256)),
        b"\x30\x82\x01\x22" + bytes(290),
        b"\x30\x03\x02\x01\x05",
        b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        b"YQ==",
        b"\xff\xfe",
        b"my key: ssh and rsa",
        b"-----",
        b"{}",
        b'{"a": 1}',
        b"[1, 2]",
    ],
    ids=repr,
)
def test_a_secret_looks_like_nothing(secret: bytes) -> None:
    """Bytes that are no key of another kind are a secret, even if they begin like one."""
    assert not _key_text.looks_asymmetric(secret)


@pytest.mark.parametrize(
    "text",
    ["", "{", "\x00", b"\xff", "[" * 100_000, "nul"],
    ids=["empty", "brace", "nul", "ff", "deep", "nul-word"],
)
def test_what_is_no_json_is_not_quoted(text: Any) -> None:
    """Text that may be a key is not repeated where it is no JSON."""
    with pytest.raises(ConfigurationError) as refusal:
        _key_text.parse_json(text)

    assert str(refusal.value) == "this text is not JSON"
    assert refusal.value.__suppress_context__
