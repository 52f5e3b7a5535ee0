"""Reading text that may be a key."""

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
def test_text_that_is_not_json_is_not_quoted(text: Any) -> None:
    """Text that may be a key isn't quoted in the error if it isn't JSON."""
    with pytest.raises(ConfigurationError) as refusal:
        _key_text.parse_json(text)

    assert str(refusal.value) == "this text is not JSON"
    assert refusal.value.__context__ is None
