"""Every program in ``docs/extending.rst`` about refusals and views does what its text says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from flask_restful import Api, Resource

import flask_jwtlib
from flask_jwtlib import Scope
from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import client_behind, client_of, no_keys

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/extending.rst"


class TestCompanyErrors:
    def test_a_refusal_has_the_companys_body_and_all_headers(
        self, run: Run, issuer: TokenIssuer
    ) -> None:
        """The handler chooses the body. The challenge and the headers for caches are added."""
        auth = run(DOCUMENT, "class CompanyErrors")["auth"]
        client = client_behind(auth.requires_authentication(rules=[Scope("a", "b")]))
        none = client.get("/")
        assert (none.status_code, none.json) == (
            401,
            {
                "errorCode": "unauthenticated",
                "message": "Authentication is required",
                "scopes": ["a", "b"],
            },
        )
        assert none.headers["WWW-Authenticate"] == 'Bearer scope="a b"'
        assert none.headers["Vary"] == "Authorization"
        poor = client.get("/", headers=bearer(issuer.token("alice", scope="a")))
        assert poor.status_code == 403
        assert poor.json is not None
        assert poor.json["errorCode"] == "insufficient_scope"
        assert 'scope="a b"' in poor.headers["WWW-Authenticate"]

    def test_an_outage_has_the_same_format(self, run: Run, issuer: TokenIssuer) -> None:
        """A 503 has the company's body, too, and ``Retry-After``."""
        auth = run(DOCUMENT, "class CompanyErrors")["auth"].evolve(keys=no_keys)
        client = client_behind(auth.requires_authentication)
        response = client.get("/", headers=bearer(issuer.token("alice")))
        assert response.status_code == 503
        assert response.json is not None
        assert response.json["errorCode"] == "unavailable"
        assert int(response.headers["Retry-After"]) >= 1
        assert "WWW-Authenticate" not in response.headers

    def test_flask_restful_can_leave_errors_to_the_app(self, run: Run) -> None:
        """With the text's ``AppApi`` a refused resource has the app's format; with ``Api`` it has not."""
        app_api = run(DOCUMENT, "class AppApi(Api)")["AppApi"]
        bodies: list[object] = []
        for kind in (app_api, Api):
            program = run("docs/refusals.rst", "RaisingHandler()")
            resource = type("Reports", (Resource,), {"get": lambda self: "in"})
            resource.method_decorators = [program["auth"].requires_authentication]
            kind(program["app"]).add_resource(resource, "/reports")
            program["app"].before_request_funcs.clear()
            response = client_of(program).get("/reports")
            assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
            bodies.append(response.json)
        message = {"message": "Authentication is required"}
        assert bodies == [{"code": "missing-token", **message}, message]


class TestViews:
    def test_an_application_calls_authenticate(self, run: Run, issuer: TokenIssuer) -> None:
        """A refusal by ``authenticate()`` or by a policy in a view is the response of a decorator."""
        client = client_of(run(DOCUMENT, "auth.authenticate()"))
        assert client.get("/files/public-1").text == "public-1 for everyone"
        none = client.get("/files/1")
        assert (none.status_code, none.headers["WWW-Authenticate"]) == (401, "Bearer")
        headers = bearer(issuer.token("alice"))
        assert client.get("/files/1", headers=headers).text == "1 for alice"
        poor = client.get("/files/secret-1", headers=headers)
        assert poor.status_code == 403
        assert 'scope="files:secret"' in poor.headers["WWW-Authenticate"]
        rich = bearer(issuer.token("alice", scope="files:secret"))
        assert client.get("/files/secret-1", headers=rich).text == "secret-1 for alice"
        forged = client.get("/files/1", headers=bearer(TokenIssuer().token("alice")))
        assert forged.status_code == 401
        assert 'error="invalid_token"' in forged.headers["WWW-Authenticate"]

    def test_an_outage_in_authenticate_is_a_503(self, run: Run, issuer: TokenIssuer) -> None:
        """Without keys the response is a 503."""
        program = run(DOCUMENT, "auth.authenticate()")
        program["auth"] = program["auth"].evolve(keys=no_keys)
        response = client_of(program).get("/files/1", headers=bearer(issuer.token()))
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1

    def test_the_module_functions_raise_the_same_refusals(self, issuer: TokenIssuer) -> None:
        """``get_json_token()`` in a bare view needs no error handler."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        app = Flask("bare")
        app.add_url_rule("/me", view_func=lambda: flask_jwtlib.get_json_token()["sub"])
        client = app.test_client()
        token = issuer.token("alice")
        assert client.get("/me", headers=bearer(token)).text == "alice"
        none = client.get("/me")
        assert (none.status_code, none.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert client.get(f"/me?access_token={token}", headers=bearer(token)).status_code == 401

    def test_an_apps_handler_for_everything_turns_them_into_its_own_response(
        self, run: Run, issuer: TokenIssuer
    ) -> None:
        """As the text warns, ``errorhandler(Exception)`` turns raised refusals into a 200, and no others."""
        program = run(DOCUMENT, "auth.authenticate()")
        app: Flask = program["app"]
        app.register_error_handler(Exception, lambda error: "hidden")
        app.add_url_rule(
            "/decorated", view_func=program["auth"].requires_authentication(lambda: "in")
        )
        client = client_of(program)
        assert client.get("/files/1").status_code == 200
        assert client.get("/decorated").status_code == 401

    def test_trapped_refusals_are_a_500(self, run: Run) -> None:
        """As the text warns, ``TRAP_HTTP_EXCEPTIONS`` makes a raised refusal a 500."""
        program = run(DOCUMENT, "auth.authenticate()")
        app: Flask = program["app"]
        app.config["TRAP_HTTP_EXCEPTIONS"] = True
        assert app.test_client().get("/files/1").status_code == 500

    def test_a_misspelled_claim_in_a_view_is_a_500(self, issuer: TokenIssuer) -> None:
        """As the text says, an absent claim that a view reads is a ``KeyError``, and no refusal."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        app = Flask("misspelled")

        @app.get("/")
        @flask_jwtlib.requires_authentication
        def index() -> str:
            return str(g.json_token["tennant"])

        headers = bearer(issuer.token(tenant="acme"))
        assert app.test_client().get("/", headers=headers).status_code == 500
        app.testing = True
        with pytest.raises(KeyError):
            app.test_client().get("/", headers=headers)
