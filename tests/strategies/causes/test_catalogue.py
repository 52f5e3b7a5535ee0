"""Each cause of the catalogue is found in its situation, and names its cure."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from flask_jwtlib.explain._causes import catalogue

from . import (
    audience_situations,
    credential_situations,
    form_situations,
    issuer_situations,
    key_situations,
    permission_situations,
)
from .situation_kit import Situation, World

LONGEST_WORD = 40
DOCUMENT = Path(__file__).parents[3] / "docs" / "causes.rst"
SITUATIONS = [
    *form_situations.SITUATIONS,
    *issuer_situations.SITUATIONS,
    *audience_situations.SITUATIONS,
    *key_situations.SITUATIONS,
    *permission_situations.SITUATIONS,
    *credential_situations.SITUATIONS,
]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_cause_and_its_cure_are_found(situation: Situation, world: World) -> None:
    """The first cause is that of the situation, and its cure says what to do.

    Cause and cure are a sentence in one line each, and show nothing of the token's text.
    """
    token = situation.token(world)
    explanation = situation.explained(world, token)
    assert explanation.cause is not None
    assert (explanation.cause.name, explanation.outcome) == (situation.cause, "refused")
    assert situation.cure in explanation.cause.cure
    assert situation.text in explanation.cause.text
    parts = [part for part in re.split(r"[^\w-]+", token) if len(part) > LONGEST_WORD]
    for cause in (explanation.cause, *explanation.other_causes):
        for text in (cause.text, cause.cure):
            check_sentence(text)
            assert not any(part in text for part in parts)


def check_sentence(text: str) -> None:
    """Check that a text is one sentence in one line."""
    assert text.isprintable()
    assert text.endswith(".")
    assert not re.search(r"[a-z)\]'][.] [A-Z]", text)
    assert len(text) <= 600


def test_each_cause_has_a_situation() -> None:
    """No cause is in the catalogue without a test of its situation."""
    tested = {situation.cause for situation in SITUATIONS}
    assert {finder.name for finder in catalogue()} == tested


def test_names_are_unique() -> None:
    """Each cause has a name of its own, in the form that programs expect."""
    counted = Counter(finder.name for finder in catalogue())
    assert max(counted.values()) == 1
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in counted)


def test_a_valid_token_has_no_cause(world: World) -> None:
    """An accepted token has neither a cause nor other causes."""
    explanation = Situation("", lambda world: world.token(), "").explained(world)
    assert (explanation.outcome, explanation.cause, explanation.other_causes) == (
        "accepted",
        None,
        (),
    )


def documented_cures(world: World) -> dict[str, str]:
    """Return the cure of each cause's first situation, by the cause's name, as the documentation shows it."""
    cures: dict[str, str] = {}
    for situation in SITUATIONS:
        if situation.cause not in cures:
            cause = situation.explained(world).cause
            assert cause is not None
            cure = re.sub(r"`([^`]+)`", r"``\1``", cause.cure)
            cures[situation.cause] = cure.replace(world.idp.url, "https://login.example")
    return cures


def test_each_cause_is_documented(world: World) -> None:
    """``docs/causes.rst`` lists each cause in the order of the catalogue, with its situation and its cure."""
    cures = documented_cures(world)
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    rows = re.findall(r"\* - ``(\S+)`` - (.*?) - (.*?)(?= \* - ``| [A-Z][\w, ]+ -{4}|$)", text)
    assert rows == [
        (finder.name, " ".join(finder.situation.split()), cures[finder.name])
        for finder in catalogue()
    ]
