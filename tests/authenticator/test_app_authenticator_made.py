"""How an ``AppAuthenticator`` makes the ``Authenticator`` of an app."""

from __future__ import annotations

from copy import copy, deepcopy
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    ConfigurationError,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, bearer
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator

ISSUER = TokenIssuer()


@pytest.fixture
def late() -> AppAuthenticator:
    """An authenticator that makes another one for each app."""
    return AppAuthenticator(lambda _: Authenticator(keys=ISSUER.verification_key))


def test_the_authenticator_of_an_app(late: AppAuthenticator) -> None:
    """``authenticator()`` returns what ``make`` made for an app, once."""
    apps = [Flask(name, root_path=".") for name in ("one", "two")]
    for app in apps:
        late.init_app(app)
    found = [late.authenticator(app) for app in apps]

    assert found[0] is not found[1]
    assert [late.authenticator(app) for app in apps] == found
    with apps[1].app_context():
        assert late.authenticator() is found[1]


def test_an_app_without_an_authenticator(late: AppAuthenticator, app: Flask) -> None:
    """What the audit lists for an app before ``init_app`` refuses every token, and says what to call."""
    with pytest.raises(VerificationUnavailable) as error:
        late.authenticator_in(app).verify(ISSUER.token())
    assert "call auth.init_app(app)" in error.value.log_message


def test_init_app_twice_is_refused(late: AppAuthenticator, app: Flask) -> None:
    """A second ``init_app`` for the same app is a mistake, and the first one's settings stay."""
    late.init_app(app)
    made = late.authenticator(app)

    with pytest.raises(ConfigurationError, match="was given to init_app already"):
        late.init_app(app)
    assert late.authenticator(app) is made


@pytest.mark.parametrize(
    "returned",
    [
        pytest.param(None, id="None"),
        pytest.param(Authenticator, id="class"),
        pytest.param(AppAuthenticator(lambda _: pytest.fail("called")), id="another one"),
        pytest.param("auth", id="text"),
    ],
)
def test_what_make_may_not_return(app: Flask, returned: Any) -> None:
    """``init_app`` refuses what isn't an Authenticator, and may be called again once that is mended."""
    results = [returned, Authenticator(keys=ISSUER.verification_key)]
    auth = AppAuthenticator(lambda _: results.pop(0))

    with pytest.raises(ConfigurationError, match="expected an Authenticator"):
        auth.init_app(app)
    auth.init_app(app)
    assert auth.verify(ISSUER.token(), app=app)


def test_make_must_be_a_function() -> None:
    """A ready-made Authenticator isn't a function: the error says what is expected."""
    wrong: Any = Authenticator(keys=ISSUER.verification_key)
    with pytest.raises(ConfigurationError, match="takes a function that makes an Authenticator"):
        AppAuthenticator(wrong)


def test_an_error_of_make_is_the_apps(app: Flask) -> None:
    """An error in ``make`` isn't hidden: the app doesn't start."""

    def make(app: Flask) -> Authenticator:
        raise LookupError("no such setting")

    with pytest.raises(LookupError, match="no such setting"):
        AppAuthenticator(make).init_app(app)


def test_configured_authenticator_is_a_make(idp: IdentityProvider) -> None:
    """The catalogue's ``configured_authenticator`` reads each app's own settings."""
    issuer = idp.add_key(kid="key-1")
    auth = AppAuthenticator(configured_authenticator)
    view = auth.requires_authentication(lambda: str(current_principal.subject))
    clients: list[FlaskClient] = []
    for audience in "one", "two":
        app = Flask(audience, root_path=".")
        app.config.update(
            JWTLIB_ISSUER=idp.issuer_url,
            JWTLIB_AUDIENCE=audience,
            JWTLIB_ALLOW_HTTP_ON_LOOPBACK=True,
        )
        app.add_url_rule("/", "view", view)
        auth.init_app(app)
        clients.append(app.test_client())

    token = issuer.token("alice", aud="one")
    assert clients[0].get("/", headers=bearer(token)).text == "alice"
    assert clients[1].get("/", headers=bearer(token)).status_code == 401


def test_an_app_authenticator_is_shared(late: AppAuthenticator) -> None:
    """A copy is the object itself, so that a copied composition finds its app's settings."""
    assert copy(late) is late
    assert deepcopy(late) is late
