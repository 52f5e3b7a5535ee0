"""What an Authenticator keeps about refusals, for each app, endpoint and method."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, ConfigurationError, FailureHandler, Scope
from flask_jwtlib._authenticator import refusing
from flask_jwtlib.testing import TokenIssuer


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """Make an Authenticator."""
    return Authenticator(keys=issuer.public_pem)


def serve(auth: Authenticator, **scopes: str) -> Any:
    """Return a client of an app with a view for each scope, by its endpoint."""
    app = Flask(__name__)
    for endpoint, scope in scopes.items():
        view = auth.requires_authentication(rules=[Scope(scope)])(lambda: "in")
        app.add_url_rule(f"/{endpoint}", endpoint, view, methods=["GET", "POST"])
    return app.test_client()


def challenge(client: Any, path: str, method: str = "GET") -> str:
    """Return the challenge of a refused request."""
    return str(client.open(path, method=method).headers["WWW-Authenticate"])


def test_apps_endpoints_and_methods_are_kept_apart(auth: Authenticator) -> None:
    """Two apps with endpoints of the same name, and two endpoints of one app, are told their own scopes."""
    first, second = serve(auth, it="a", other="b"), serve(auth, it="c")
    for _ in range(2):
        assert challenge(first, "/it") == 'Bearer scope="a"'
        assert challenge(second, "/it") == 'Bearer scope="c"'
        assert challenge(first, "/other", "POST") == 'Bearer scope="b"'


def test_a_view_that_is_replaced_is_told_anew(auth: Authenticator) -> None:
    """The scopes of a view that is registered in another one's place are its own."""
    client = serve(auth, it="a")
    assert challenge(client, "/it") == 'Bearer scope="a"'
    replaced = auth.requires_authentication(rules=[Scope("b")])(lambda: "in")
    client.application.view_functions["it"] = replaced
    assert challenge(client, "/it") == 'Bearer scope="b"'


def test_a_client_cannot_make_it_keep_more(
    auth: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept has a bound, since clients choose methods. Beyond it, refusals are the same."""
    monkeypatch.setattr(refusing, "_MOST_CONTEXTS", 1)
    client = serve(auth, it="a", other="b")
    for _ in range(2):
        assert challenge(client, "/it") == 'Bearer scope="a"'
        assert challenge(client, "/other") == 'Bearer scope="b"'
    assert len(auth.pipeline_source().current()._contexts) == 1


def test_invented_methods_of_an_unknown_path_are_kept_once(auth: Authenticator) -> None:
    """A client can't fill the memory with methods that no view has."""
    app = Flask(__name__)
    auth.protect(app)
    for method in ("GET", "A", "B", "C" * 1000):
        assert app.test_client().open("/nothing", method=method).status_code == 401
    assert len(auth.pipeline_source().current()._contexts) == 1


def test_a_realm_that_is_no_text_is_left_out(issuer: TokenIssuer) -> None:
    """A failure handler of the application may use the name ``realm`` for something else."""

    class Handler(FailureHandler):
        realm = 42

        def deny(self, error: Any) -> Any:
            return {"error": str(error)}, error.status

        def anonymous(self, error: Any) -> None:
            pass

    auth = Authenticator(keys=issuer.public_pem, failure_handler=Handler())
    assert challenge(serve(auth, it="a"), "/it") == 'Bearer scope="a"'


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("api.example/metadata", id="no scheme"),
        pytest.param('https://api.example/"x', id="quote"),
        pytest.param("https://api.example/ x", id="space"),
        pytest.param("https://api.example/\n", id="line break"),
        pytest.param(b"https://api.example/", id="bytes"),
    ],
)
def test_a_wrong_metadata_url_is_a_wrong_composition(issuer: TokenIssuer, url: Any) -> None:
    """``resource_metadata`` is a URL that a challenge can show."""
    with pytest.raises(ConfigurationError, match="expected an https URL"):
        Authenticator(keys=issuer.public_pem, resource_metadata=url)
