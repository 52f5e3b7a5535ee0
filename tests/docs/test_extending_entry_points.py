"""Every program in ``docs/extending.rst`` about sockets, workers and factories does what its text says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import AuthenticationError, ConfigurationError, JWTValidator, Scope
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, bearer

from .program_kit import no_keys

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/extending.rst"


class TestWorkers:
    def test_a_job_names_its_caller(
        self, run: Run, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The worker runs the job of a good token, without Flask, and logs why it refuses another."""
        run_job = run(DOCUMENT, "def run(job)")["run"]
        assert run_job({"id": 1, "token": issuer.token("alice")}) == "1 for alice"
        with caplog.at_level(logging.WARNING):
            assert run_job({"id": 2, "token": issuer.token("alice", exp=1)}) is None
            assert run_job({"id": 3, "token": "x"}) is None
        assert "job 2 waited until its token expired" in caplog.text
        assert "job 3 is refused: " in caplog.text

    def test_a_job_waits_for_the_keys(self, run: Run, issuer: TokenIssuer) -> None:
        """While the keys are unavailable, the worker raises, so that the job is tried again."""
        program = run(DOCUMENT, "def run(job)")
        program["auth"] = program["auth"].evolve(keys=no_keys)
        with pytest.raises(flask_jwtlib.VerificationUnavailable):
            program["run"]({"id": 3, "token": issuer.token("alice")})

    def test_a_bound_token_is_refused(self, run: Run, issuer: TokenIssuer) -> None:
        """A text proves no possession."""
        auth = run(DOCUMENT, "def run(job)")["auth"]
        with pytest.raises(AuthenticationError):
            auth.verify(issuer.token("alice", cnf={"jkt": "x"}))


class TestFactories:
    def test_each_app_has_its_settings(self, run: Run) -> None:
        """Two apps share a blueprint that was decorated at import, and each accepts its own issuer."""
        with IdentityProvider() as one, IdentityProvider() as two:
            program = run(DOCUMENT, "AppAuthenticator(configured_authenticator)")
            issuers = [idp.add_key(kid="key-1") for idp in (one, two)]
            clients = [
                program["create_app"](
                    JWTLIB_ISSUER=idp.issuer_url,
                    JWTLIB_AUDIENCE="reports",
                    JWTLIB_ALLOW_HTTP_ON_LOOPBACK=True,
                ).test_client()
                for idp in (one, two)
            ]
            for issuer, client, other in zip(issuers, clients, reversed(clients), strict=True):
                good = bearer(issuer.token("alice", aud="reports", scope="reports:read"))
                assert client.get("/reports", headers=good).json == {"reader": "alice"}
                assert other.get("/reports", headers=good).status_code == 401
                poor = bearer(issuer.token("alice", aud="reports"))
                assert client.get("/reports", headers=poor).status_code == 403
                assert client.get("/static/x").status_code == 404
                assert client.get("/no/such/path").status_code == 401

    def test_an_app_without_settings_is_a_503(
        self, run: Run, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Until ``init_app`` was called for an app, its views respond with 503, and the log says why."""
        program = run(DOCUMENT, "AppAuthenticator(configured_authenticator)")
        app = Flask("forgotten")
        app.register_blueprint(program["reports"])
        assert app.test_client().get("/reports").status_code == 503
        assert "auth.init_app(app)" in caplog.text

    def test_an_app_is_named_outside_of_a_context(self, run: Run) -> None:
        """``verify`` outside of an app context is told the app."""
        program = run(DOCUMENT, "AppAuthenticator(configured_authenticator)")
        with IdentityProvider() as idp:
            issuer = idp.add_key(kid="key-1")
            app = program["create_app"](
                JWTLIB_ISSUER=idp.issuer_url,
                JWTLIB_AUDIENCE="reports",
                JWTLIB_ALLOW_HTTP_ON_LOOPBACK=True,
            )
            token = issuer.token("alice", aud="reports")
            assert program["auth"].verify(token, app=app).subject == "alice"
            assert program["auth"].authenticator(app).verify(token).subject == "alice"
            with pytest.raises(RuntimeError):
                program["auth"].verify(token)

    def test_a_function_reads_other_settings(self, run: Run, issuer: TokenIssuer) -> None:
        """The program's ``make`` reads the key and the audience of the app."""
        auth = run(DOCUMENT, "AppAuthenticator(make)")["auth"]
        app = Flask("reports")
        app.config.update(REPORTS_PUBLIC_KEY=issuer.public_pem, REPORTS_AUDIENCE="reports")
        auth.init_app(app)
        assert auth.verify(issuer.token("alice", aud="reports"), app=app).subject == "alice"
        with pytest.raises(AuthenticationError):
            auth.verify(issuer.token("alice", aud="payroll"), app=app)


def test_a_validator_takes_no_policies() -> None:
    """As the text says, a policy among a validator's rules is an error that says where it belongs."""
    with pytest.raises(ConfigurationError, match="polic"):
        JWTValidator(rules=[Scope("a")])
