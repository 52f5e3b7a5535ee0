"""``flask jwtlib api-key``: a new key and its digest."""

from __future__ import annotations

import json
import logging
import re

import pytest
from click.testing import CliRunner

from flask_jwtlib.cli import jwtlib
from flask_jwtlib_strategies.validators.api_keys import api_key_digest


def run(*arguments: str) -> str:
    """Run ``flask jwtlib api-key``, without any app, and return what it prints."""
    result = CliRunner().invoke(jwtlib, ["api-key", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_prints_a_key_and_its_digest(caplog: pytest.LogCaptureFixture) -> None:
    """Each run prints another key, and the digest of that key. Nothing is logged."""
    with caplog.at_level(logging.DEBUG):
        outputs = {run() for _ in range(3)}

    assert len(outputs) == 3
    assert not caplog.records
    for output in outputs:
        found = re.fullmatch("Key:     (apikey_[0-9A-Za-z]{36})\nDigest:  ([0-9a-f]{64})\n", output)
        assert found
        assert api_key_digest(found[1]) == found[2]


def test_it_prints_json() -> None:
    """``--json`` prints both for a program, and ``--prefix`` sets the beginning of the key."""
    printed = json.loads(run("--json", "--prefix", "acme_live"))

    assert printed["key"].startswith("acme_live_")
    assert printed == {"key": printed["key"], "digest": api_key_digest(printed["key"])}


def test_a_wrong_prefix_is_a_usage_error() -> None:
    """A prefix that isn't a name exits with 2 and prints no key."""
    result = CliRunner().invoke(jwtlib, ["api-key", "--prefix", "acme-live"])

    assert result.exit_code == 2
    assert "the prefix is 'acme-live', expected at most 40 ASCII letters" in result.output
    assert "Digest" not in result.output
