"""Development tokens with other strategies, and with only a half of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    HeaderTokenExtractor,
    KeyProvider,
    TokenValidator,
)
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .development_kit import (
    AUTH,
    DEVELOPMENT,
    EVERYWHERE,
    REAL,
    ROUTER,
    RULES,
    VALIDATOR,
    Careless,
    Served,
    composed,
    with_app,
)


class Remembering(TokenValidator):
    """Returns the claims that it has returned for this key before."""

    def __init__(self, validator: TokenValidator, key: Callable[[BearerToken], Any]) -> None:
        self.validator = validator
        self.key = key
        self.known: dict[Any, Claims] = {}

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        key = self.key(token)
        if key not in self.known:
            self.known[key] = self.validator.validate(token, keys)
        return self.known[key]


COMPOSED: dict[str, Callable[[], Authenticator]] = {
    "cache within": lambda: composed(validator=CachingValidator(VALIDATOR)),
    "cache around": lambda: composed().evolve(
        validator=CachingValidator(DEVELOPMENT.validator(VALIDATOR))
    ),
    "two caches": lambda: composed().evolve(
        validator=CachingValidator(DEVELOPMENT.validator(CachingValidator(VALIDATOR)))
    ),
    "router": lambda: composed(RULES, keys=None, validator=ROUTER),
    "cached router": lambda: composed(RULES, keys=None, validator=CachingValidator(ROUTER)),
    "by scheme": lambda: composed(RULES, validator=PerSchemeValidator({"Bearer": VALIDATOR})),
    "by scheme, around": lambda: composed().evolve(
        validator=PerSchemeValidator({"Bearer": DEVELOPMENT.validator(VALIDATOR)})
    ),
    "several places": lambda: composed(extractor=EVERYWHERE),
    "within several places": lambda: composed().evolve(
        extractor=CompositeTokenExtractor(
            DEVELOPMENT.extractor(HeaderTokenExtractor()), CookieTokenExtractor()
        )
    ),
    "double submit around": lambda: DoubleSubmit().added_to(composed(extractor=EVERYWHERE)),
    "double submit within": lambda: RULES.added_to(
        DoubleSubmit().added_to(AUTH.evolve(extractor=EVERYWHERE))
    ),
}


@pytest.mark.parametrize("compose", COMPOSED.values(), ids=COMPOSED)
def test_they_work_with_other_strategies(
    served: Served, compose: Callable[[], Authenticator]
) -> None:
    """Local requests in debug mode are accepted, all others refused, the first time and later."""
    app = with_app(compose(), served)
    for _ in range(2):
        assert app.get().text == "ada"
        assert app.get(REAL).text == "alice"
        assert app.get(REMOTE_ADDR="10.0.0.1").status_code == 401
        assert app.get(HTTP_HOST="evil.example").status_code == 401
        assert app.get(HTTP_FORWARDED="for=127.0.0.1").status_code == 401
        assert app.get(served.forged().token("ada", aud="other")).status_code == 401
        app.app.debug = False
        assert app.get().status_code == 401
        assert app.get(REAL).text == "alice"
        app.app.debug = True


@pytest.mark.parametrize(
    "key",
    [lambda token: token, lambda token: token.value],
    ids=["by the token with its evidence", "by the text"],
)
def test_a_careless_cache_opens_nothing(served: Served, key: Callable[[BearerToken], Any]) -> None:
    """A cache that returns what it returned before doesn't skip the check: claims belong to one origin."""
    auth = composed()
    app = with_app(auth.evolve(validator=Remembering(auth.validator, key)), served)

    assert app.get().text == "ada"
    assert app.get().text == "ada"
    assert app.get(REMOTE_ADDR="10.0.0.1").status_code in (401, 503)
    assert app.get(HTTP_HOST="evil.example").status_code in (401, 503)
    assert app.get(HTTP_VIA="1.1 proxy").status_code in (401, 503)
    app.app.debug = False
    assert app.get().status_code in (401, 503)


def test_the_extractor_alone_is_closed(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Without its validator, the token is unknown; a validator that accepts everything gives a 503."""
    extractor = DEVELOPMENT.extractor(AUTH.extractor)
    app = with_app(AUTH.evolve(extractor=extractor), served)
    assert app.get().status_code == 401
    assert app.get(REAL).text == "alice"

    careless = with_app(AUTH.evolve(extractor=extractor, validator=Careless()), served)
    assert careless.get().status_code == 503
    assert "attached RequestOrigin to the token, and no validator has checked it" in caplog.text
    assert careless.get(REAL).text == "anybody"


def test_the_validator_alone_is_closed(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Without its extractor, nothing says where the token came from."""
    app = with_app(AUTH.evolve(validator=DEVELOPMENT.validator(VALIDATOR)), served)
    assert app.get().status_code == 401
    assert "no extractor says where it came from" in caplog.text
    assert app.get(REAL).text == "alice"
