"""Every program in ``docs/migration.rst`` does what the text around it says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app, g, has_request_context, request
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib.errors import MalformedCredentialsError
from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import (
    API,
    client_of,
)

Run = Callable[[str, str], dict[str, Any]]
Reach = Callable[..., TokenIssuer]

ROOT = Path(__file__).parents[2]


class TestMigration:
    DOCUMENT = "docs/migration.rst"

    @pytest.fixture
    def client(self, issuer: TokenIssuer) -> FlaskClient:
        """A client of an app on the module API, with the issuer's key and a route for all methods."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        app = Flask("old")
        app.testing = True

        @app.route("/", methods=["GET", "POST"])
        @flask_jwtlib.requires_authentication
        def index() -> str:
            return "in"

        return app.test_client()

    def test_an_old_application_runs(self, run: Run, issuer: TokenIssuer) -> None:
        """The application of the first program fetches its key and asks its own ``check_token``."""
        client = client_of(run(self.DOCUMENT, "tenant_is_acme"))
        ours = issuer.token("alice", tenant="acme")
        response = client.get("/me", headers=bearer(ours))
        assert response.json is not None
        assert response.json["sub"] == "alice"
        theirs = issuer.token("alice", tenant="rivals")
        assert client.get("/me", headers=bearer(theirs)).status_code == 401
        expired = issuer.token("alice", tenant="acme", exp=1)
        assert client.get("/me", headers=bearer(expired)).status_code == 401

    def test_an_audience_must_be_set(
        self,
        run: Run,
        issuer: TokenIssuer,
        client: FlaskClient,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A token with ``aud`` is refused; the log names the setting that accepts it."""
        headers = bearer(issuer.token(aud=API))
        assert client.get("/", headers=headers).status_code == 401
        assert "JWT_AUDIENCE" in caplog.text
        run(self.DOCUMENT, "# or a list of several")
        assert client.get("/", headers=headers).status_code == 200
        assert client.get("/", headers=bearer(issuer.token())).status_code == 401

    def test_clocks_may_differ(self, run: Run, client: FlaskClient) -> None:
        """With ten seconds of leeway, a token that expired a moment ago is accepted."""
        issuer = TokenIssuer(lifetime=0)
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        headers = bearer(issuer.token())
        assert client.get("/", headers=headers).status_code == 401
        run(self.DOCUMENT, "JWT_LEEWAY = 10")
        assert client.get("/", headers=headers).status_code == 200
        assert client.get("/", headers=bearer(issuer.token(exp=1))).status_code == 401

    def test_tokens_may_be_large(self, run: Run, issuer: TokenIssuer, client: FlaskClient) -> None:
        """A token of more than 8192 characters is refused until the setting is raised."""
        headers = bearer(issuer.token(groups=["a-group"] * 800))
        assert client.get("/", headers=headers).status_code == 401
        run(self.DOCUMENT, "JWT_MAX_SIZE")
        assert client.get("/", headers=headers).status_code == 200

    def test_a_subject_may_be_a_number(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """A whole number is refused until the setting converts it to text; a fraction always is."""
        headers = bearer(issuer.token(sub=42))
        assert client.get("/", headers=headers).status_code == 401
        run(self.DOCUMENT, "JWT_NUMERIC_SUBJECT")
        assert client.get("/", headers=headers).status_code == 200
        assert client.get("/", headers=bearer(issuer.token(sub=4.2))).status_code == 401

    def test_the_form_may_be_sent_with_get(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """One assignment reads a form with GET again."""
        form = {"access_token": issuer.token()}
        assert client.post("/", data=form).status_code == 200
        assert client.get("/", data=form).status_code == 401
        run(self.DOCUMENT, "by_get")
        assert client.get("/", data=form).status_code == 200
        assert client.post("/", data=form).status_code == 200
        assert client.get("/").status_code == 401

    def test_two_tokens_may_be_sent(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """With one assignment the header takes precedence, and other locations are used without one."""
        token = issuer.token()
        twice = {"headers": bearer(token), "query_string": {"access_token": token}}
        assert client.get("/", **twice).status_code == 401
        run(self.DOCUMENT, "def header_first")
        assert client.get("/", **twice).status_code == 200
        assert client.get("/", query_string={"access_token": token}).status_code == 200

    def test_the_query_may_be_turned_off(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """One assignment reads only the header."""
        token = issuer.token()
        assert client.get("/", query_string={"access_token": token}).status_code == 200
        run(self.DOCUMENT, "def header_only")
        assert client.get("/", query_string={"access_token": token}).status_code == 401
        assert client.get("/", headers=bearer(token)).status_code == 200

    def test_two_algorithms_may_be_accepted(self, run: Run, client: FlaskClient) -> None:
        """A list of algorithms accepts the keys of both."""
        newer = TokenIssuer(algorithm="ES256")
        run(self.DOCUMENT, '["RS256", "ES256"]')
        flask_jwtlib.set_permanent_verification_key(newer.jwks)
        assert client.get("/", headers=bearer(newer.token())).status_code == 200

    def test_weak_key_warnings_can_be_silenced(self, run: Run, client: FlaskClient) -> None:
        """A short secret causes a warning, and the filter silences it."""
        flask_jwtlib.JWT_ALGO = "HS256"
        flask_jwtlib.set_permanent_verification_key("short")
        weak = TokenIssuer(algorithm="HS256", private_key=b"short")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(self.DOCUMENT, "filterwarnings")
            assert client.get("/", headers=bearer(weak.token())).status_code == 200
        flask_jwtlib.set_permanent_verification_key("other")
        other = TokenIssuer(algorithm="HS256", private_key=b"other")
        with pytest.warns(flask_jwtlib.errors.InsecureKeyWarning):
            client.get("/", headers=bearer(other.token()))

    @pytest.mark.parametrize("setting", ["JWT_AUDIENCE", "JWT_ISSUER", "JWT_ALGO"])
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param([], id="empty-list"),
            pytest.param("", id="empty-text"),
            pytest.param(5, id="number"),
            pytest.param(iter(["RS256"]), id="iterator"),
        ],
    )
    def test_an_invalid_setting_is_a_503(
        self,
        client: FlaskClient,
        issuer: TokenIssuer,
        setting: str,
        value: object,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The request gets a 503, and the log names the setting."""
        monkeypatch.setattr(flask_jwtlib, setting, value)
        assert client.get("/", headers=bearer(issuer.token(aud=API))).status_code == 503
        assert "a setting of flask_jwtlib is wrong" in caplog.text

    @pytest.mark.parametrize("kind", [list, tuple, set])
    def test_a_setting_may_have_several_values(
        self, client: FlaskClient, issuer: TokenIssuer, kind: Callable[[list[str]], Any]
    ) -> None:
        """Lists, tuples and sets are equivalent for the three settings."""
        flask_jwtlib.JWT_AUDIENCE = kind([API, "https://old.example"])
        flask_jwtlib.JWT_ISSUER = kind([issuer.issuer])
        flask_jwtlib.JWT_ALGO = kind(["RS256", "ES256"])
        assert client.get("/", headers=bearer(issuer.token(aud=API))).status_code == 200
        assert client.get("/", headers=bearer(issuer.token(aud="me"))).status_code == 401

    def test_an_invalid_token_is_not_on_g(self, issuer: TokenIssuer) -> None:
        """On an optional route both names are None, while the functions still use the token."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        app = Flask("old")
        expired = issuer.token(exp=1)

        @app.get("/")
        @flask_jwtlib.optional_authentication
        def index() -> str:
            assert (g.authenticated, g.raw_token, g.json_token) == (False, None, None)
            assert flask_jwtlib.get_token() == expired
            with pytest.raises(flask_jwtlib.errors.ExpiredTokenError):
                flask_jwtlib.get_json_token()
            return "in"

        app.testing = True
        assert app.test_client().get("/", headers=bearer(expired)).text == "in"

    def test_callbacks_that_return_invalid_values_refuse(
        self, client: FlaskClient, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """None from a failure callback is the default refusal; an invalid type is a 503."""
        headers = bearer(issuer.token())
        with monkeypatch.context() as patch:
            patch.setattr(flask_jwtlib, "requires_authentication_failure_callback", lambda: None)
            assert client.get("/").status_code == 401

        async def yes(token: str) -> bool:
            return True

        with monkeypatch.context() as patch:
            patch.setattr(flask_jwtlib, "check_token", yes)
            assert client.get("/", headers=headers).status_code == 503
        with monkeypatch.context() as patch:
            patch.setattr(flask_jwtlib, "get_token", lambda: 5)
            assert client.get("/", headers=headers).status_code == 503
        assert client.get("/", headers=headers).status_code == 200

    def test_an_outage_is_not_a_refusal(self, client: FlaskClient, issuer: TokenIssuer) -> None:
        """Unavailable keys are a 503, and the failure callback is not called."""

        def fail() -> str:
            raise OSError("no key server")

        def refuse() -> str:
            raise AssertionError("the caller was refused")

        flask_jwtlib.set_permanent_verification_key(None)
        flask_jwtlib.retrieve_verification_key = fail
        flask_jwtlib.requires_authentication_failure_callback = refuse
        response = client.get("/", headers=bearer(issuer.token()))
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1

    def test_the_key_is_fetched_outside_of_the_request(
        self, client: FlaskClient, issuer: TokenIssuer
    ) -> None:
        """The callback has the app and no request, and is not called with a permanent key."""
        seen: list[tuple[str, bool]] = []

        def key() -> str:
            seen.append((current_app.name, has_request_context()))
            return issuer.public_pem

        flask_jwtlib.retrieve_verification_key = key
        headers = bearer(issuer.token(header={"kid": "any"}))
        assert client.get("/", headers=headers).status_code == 200
        assert seen == []
        flask_jwtlib.set_permanent_verification_key(None)
        for _ in range(2):
            assert client.get("/", headers=headers).status_code == 200
        assert seen == [("old", False)]

    def test_a_set_is_fetched_again_for_an_unknown_key(self, client: FlaskClient) -> None:
        """A callback that returns a JWK set is called again for a token with another ``kid``."""
        issuers = [TokenIssuer(kid=kid) for kid in ("key-1", "key-2")]
        responses = [json.dumps(issuer.jwks) for issuer in issuers]
        flask_jwtlib.set_permanent_verification_key(None)
        flask_jwtlib.retrieve_verification_key = lambda: responses.pop(0)
        for issuer in issuers:
            assert client.get("/", headers=bearer(issuer.token())).status_code == 200
        assert responses == []

    def test_two_tokens_are_a_401(self, issuer: TokenIssuer, client: FlaskClient) -> None:
        """``get_token()`` raises an error of its own, which is a 401."""
        token = issuer.token()
        query = {"access_token": token}
        with (
            client.application.test_request_context("/", headers=bearer(token), query_string=query),
            pytest.raises(MalformedCredentialsError),
        ):
            flask_jwtlib.get_token()
        assert client.get("/", headers=bearer(token), query_string=query).status_code == 401

    def test_an_own_get_token_makes_responses_private(
        self, issuer: TokenIssuer, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody knows what a replaced ``get_token`` reads, so no shared cache may keep a response."""
        headers = bearer(issuer.token())
        shared = client.get("/", headers=headers)
        assert shared.headers["Vary"] == "Authorization"
        assert not shared.cache_control.private

        def from_a_header_of_our_own() -> str | None:
            return request.headers.get("X-Token")

        monkeypatch.setattr(flask_jwtlib, "get_token", from_a_header_of_our_own)
        headers = {"X-Token": issuer.token()}
        for sent in (headers, {}):
            assert client.get("/", headers=sent).cache_control.private

    def test_bound_tokens_are_refused(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """A token with ``cnf`` is refused, except by the variant that names what a proxy checks."""
        headers = bearer(issuer.token("alice", cnf={"x5t#S256": "checked by the proxy"}))
        assert client.get("/", headers=headers).status_code == 401
        variant = client_of(run(self.DOCUMENT, "confirmed_elsewhere"))
        assert variant.get("/me", headers=headers).json == {"subject": "alice"}
        other = bearer(issuer.token("alice", cnf={"jkt": "x"}))
        assert variant.get("/me", headers=other).status_code == 401
        with client.application.test_request_context("/", headers=headers):
            assert not flask_jwtlib.check_token(flask_jwtlib.get_token() or "")
            with pytest.raises(flask_jwtlib.AuthenticationError):
                flask_jwtlib.get_json_token()

    @pytest.mark.parametrize("assigned", [True, False])
    def test_an_assignment_authenticates_nobody(
        self, issuer: TokenIssuer, client: FlaskClient, assigned: bool
    ) -> None:
        """``is_authenticated()`` is about the decision, whatever the app assigns to ``g.authenticated``."""

        def view() -> str:
            g.authenticated = assigned
            return str(flask_jwtlib.is_authenticated())

        app = client.application
        app.add_url_rule("/bare", view_func=view)
        app.add_url_rule("/decorated", "decorated", flask_jwtlib.requires_authentication(view))
        assert client.get("/bare").text == "False"
        assert client.get("/decorated", headers=bearer(issuer.token())).text == "True"

    def test_both_apis_work_together(self, run: Run, issuer: TokenIssuer) -> None:
        """The last program's routes, on the module API and an Authenticator, accept the same token."""
        client = client_of(run(self.DOCUMENT, "def before"))
        for path in ("/before", "/after"):
            response = client.get(path, headers=bearer(issuer.token("alice", aud=API)))
            assert response.json == {"subject": "alice"}
            assert client.get(path).status_code == 401
