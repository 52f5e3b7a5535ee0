"""``docs/explain.svg``, the picture of ``flask jwtlib explain`` in the README."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/explain.svg"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def script() -> Any:
    """The script that draws it."""
    spec = spec_from_file_location("explain_picture", ROOT / "docs/explain_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_what_the_command_prints(script: Any) -> None:
    """It is drawn again, and compared. If this fails, run ``make pictures``."""
    assert PICTURE.read_text(encoding="utf-8") == script.picture(), "run: make pictures"


def test_the_page_has_the_same_as_text(script: Any) -> None:
    """The documentation's page shows what the command prints."""
    text = (ROOT / "docs/explain.rst").read_text(encoding="utf-8")

    assert script.SHOWN in text
    assert text == script.page(), "run: make pictures"


def test_the_picture_has_every_word_of_the_output(script: Any) -> None:
    """No text is lost between the terminal and the picture."""
    drawn = [text.text or "" for text in ET.parse(PICTURE).iter(f"{SVG}text")]

    words = " ".join(drawn).split()
    assert words[:4] == ["$", "flask", "jwtlib", "explain"]
    assert (
        words[-len(click.unstyle(script.printed()).split()) :]
        == click.unstyle(script.printed()).split()
    )


def test_the_picture_is_light_and_dark_and_loads_nothing() -> None:
    """Each colour has one for a dark page, and neither fonts nor anything else come from elsewhere."""
    text = PICTURE.read_text(encoding="utf-8")
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    dark = dark.partition("</style>")[0]

    coloured = set(re.findall(r"^(\S+) \{ .*fill: #", light, re.MULTILINE))
    assert coloured == set(re.findall(r"^(\S+) \{ .*fill: #", dark, re.MULTILINE))
    assert len(coloured) > 4
    assert not re.search(r"url\(|@import|@font-face|href|<script|<image|foreignObject", text)
    assert re.findall(r"https?://[\w.]+", text.partition("<rect")[0]) == ["http://www.w3.org"]


def test_the_picture_shows_a_cause_and_a_cure(script: Any) -> None:
    """It is about a Keycloak without an audience mapper."""
    output = click.unstyle(script.printed())

    assert "\nCause: " in output
    assert "\nCure: In Keycloak's admin console" in output
    assert "✗  claims     Audience(" in output


def test_the_readme_shows_the_picture() -> None:
    """With a text for those who don't see it."""
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")

    assert re.search(r"^\.\. image:: docs/explain\.svg\n   :alt: \S+", readme, re.MULTILINE)
