"""Compositions with which development tokens can't work."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    ConfigurationError,
    HeaderTokenExtractor,
    JWTValidator,
)
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.validators.caching import CachingValidator

from .development_kit import (
    AUTH,
    DEVELOPMENT,
    ROUTER,
    RULES,
    VALIDATOR,
    Careless,
    composed,
)


class Stricter(JWTValidator):
    """Checks more than its rules say."""


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "app": (lambda: DEVELOPMENT.added_to(Flask("app")), "is added to an Authenticator, not to"),
    "app authenticator": (
        lambda: DEVELOPMENT.added_to(AppAuthenticator(lambda _: AUTH)),  # type: ignore[arg-type]
        "For an AppAuthenticator, do that in the function that it calls",
    ),
    "default authenticator": (
        lambda: DEVELOPMENT.added_to(flask_jwtlib.default_authenticator),
        "the module's decorators always use default_authenticator",
    ),
    "twice": (lambda: DEVELOPMENT.added_to(composed()), "has DevelopmentTokens already"),
    "validator twice": (
        lambda: RULES.validator(DEVELOPMENT.validator(VALIDATOR)),
        "the validator has DevelopmentTokens already",
    ),
    "validator's class": (lambda: RULES.validator(Careless), "wraps a TokenValidator object"),
    "extractor's class": (
        lambda: DEVELOPMENT.extractor(HeaderTokenExtractor),
        "wraps a TokenExtractor object",
    ),
    "cookie only": (
        lambda: composed(extractor=CookieTokenExtractor()),
        "the extractor reads only Cookie: put yours and HeaderTokenExtractor",
    ),
    "router without rules": (
        lambda: composed(keys=None, validator=ROUTER),
        "can't be read from IssuerRouter: pass them",
    ),
    "subclass without rules": (
        lambda: composed(validator=CachingValidator(Stricter())),
        "can't be read from Stricter",
    ),
    "rules that are none": (lambda: DevelopmentTokens(rules=[3]), "3"),
}  # fmt: skip


@pytest.mark.parametrize(("compose", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_composition_is_an_error(compose: Callable[[], object], text: str) -> None:
    """What can't work is refused when it is composed, and the text says how to change it."""
    with pytest.raises(ConfigurationError) as refusal:
        compose()
    assert text in str(refusal.value)
