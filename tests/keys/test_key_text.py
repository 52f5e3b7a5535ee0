"""How text that may be a key is read."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import ConfigurationError
from flask_jwtlib.keys import _text as _key_text


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
    assert refusal.value.__context__ is None
