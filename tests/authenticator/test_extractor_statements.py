"""What an extractor states about its schemes and the headers that it reads is checked when composing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import (
    Authenticator,
    BearerTokenExtractor,
    ConfigurationError,
    HeaderTokenExtractor,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.interfaces import challenges_of, vary_of
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor

KEY = TokenIssuer().verification_key


class Stating(HeaderTokenExtractor):
    """An extractor with these statements."""

    __slots__ = ("challenges", "vary")

    def __init__(self, **stated: Any) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, stated.get(name))


BAD_CHALLENGES: dict[str, Any] = {
    "nothing": (),
    "empty list": [],
    "text": "Bearer",
    "one challenge": Challenge("Bearer"),
    "texts": ("Bearer",),
    "mixed": (Challenge("Bearer"), "DPoP"),
    "class": Challenge,
    "generator": (Challenge(name) for name in ("Bearer",)),
    "number": 1,
    "twice": (Challenge("Bearer"), Challenge("bearer", realm="a")),
    "scheme with a space": (Challenge("My Scheme"),),
    "scheme with a line break": (Challenge("Own\r\nSet-Cookie: a"),),
    "empty scheme": (Challenge(""),),
    "scheme of another type": (Challenge(7),),  # type: ignore[arg-type]
    "parameter with a space": (Challenge("Own", **{"al gs": "a"}),),
    "value of another type": (Challenge("Own", algs=["ES256"]),),  # type: ignore[arg-type]
}
BAD_VARY: dict[str, Any] = {
    "text": "Cookie",
    "empty name": ("",),
    "list in one name": ("Cookie, Authorization",),
    "line break": ("Cookie\r\nX: a",),
    "number": (1,),
    "mixed": ("Cookie", None),
    "set": {"Cookie"},
}
COMPOSITIONS: dict[str, Callable[[Any], object]] = {
    "alone": lambda extractor: Authenticator(keys=KEY, extractor=extractor),
    "composite": lambda extractor: CompositeTokenExtractor(HeaderTokenExtractor(), extractor),
    "evolved": lambda extractor: Authenticator(keys=KEY).evolve(extractor=extractor),
}


@pytest.mark.parametrize("compose", COMPOSITIONS.values(), ids=COMPOSITIONS)
@pytest.mark.parametrize("challenges", BAD_CHALLENGES.values(), ids=BAD_CHALLENGES)
def test_wrong_challenges_are_refused(challenges: Any, compose: Callable[[Any], object]) -> None:
    """Challenges are one or several well-formed ``Challenge`` objects, each with another scheme."""
    extractor = Stating()
    object.__setattr__(extractor, "challenges", challenges)

    with pytest.raises(
        ConfigurationError, match=r"Stating\.challenges is (?s:.*)expected one or several"
    ):
        compose(extractor)


@pytest.mark.parametrize("compose", COMPOSITIONS.values(), ids=COMPOSITIONS)
@pytest.mark.parametrize("vary", BAD_VARY.values(), ids=BAD_VARY)
def test_a_wrong_vary_is_refused(vary: Any, compose: Callable[[Any], object]) -> None:
    """``vary`` has names of headers in a tuple."""
    with pytest.raises(
        ConfigurationError, match=r"Stating\.vary is .*expected the names of request headers"
    ):
        compose(Stating(vary=vary))


@pytest.mark.parametrize(
    ("extractor", "schemes", "vary"),
    [
        (HeaderTokenExtractor(), ["Bearer"], ("Authorization",)),
        (FormTokenExtractor(), ["Bearer"], ()),
        (QueryTokenExtractor(), ["Bearer"], ()),
        (BearerTokenExtractor(), ["Bearer"], ("Authorization",)),
        (BearerTokenExtractor(header=False), ["Bearer"], ()),
        (object(), ["Bearer"], None),
        (Stating(), ["Bearer"], None),
        (
            Stating(challenges=[Challenge("A"), Challenge("B", a="")], vary=["X-A"]),
            ["A", "B"],
            ("X-A",),
        ),
        (Stating(vary=("*",)), ["Bearer"], ("*",)),
        (
            CompositeTokenExtractor(HeaderTokenExtractor(), QueryTokenExtractor()),
            ["Bearer"],
            ("Authorization",),
        ),
        (
            CompositeTokenExtractor(Stating(vary=("cookie",)), Stating(vary=("Cookie",))),
            ["Bearer"],
            ("Cookie",),
        ),
        (CompositeTokenExtractor(Stating(), HeaderTokenExtractor()), ["Bearer"], None),
    ],
    ids=[
        "header",
        "form",
        "query",
        "bearer",
        "no header",
        "silent",
        "None",
        "lists",
        "star",
        "composite",
        "case",
        "silent member",
    ],
)
def test_statements_are_read(
    extractor: Any, schemes: list[str], vary: tuple[str, ...] | None
) -> None:
    """An extractor that states nothing has the challenge of Bearer, and nothing is known of what it reads."""
    assert [challenge.scheme for challenge in challenges_of(extractor)] == schemes
    assert vary_of(extractor) == vary
    assert type(challenges_of(extractor)) is tuple
