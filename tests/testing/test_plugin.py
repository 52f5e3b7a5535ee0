"""The pytest plugin, as another project's tests use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import AppAuthenticator, Authenticator, JWTValidator
from flask_jwtlib.testing import TokenIssuer, plugin

pytest_plugins = ["pytester"]


def test_the_plugin_is_registered() -> None:
    """The installed package registers the plugin with pytest."""
    (found,) = entry_points(group="pytest11", name="flask_jwtlib")

    assert found.load() is plugin


def test_the_issuer_is_session_scoped(
    token_issuer: TokenIssuer, request: pytest.FixtureRequest
) -> None:
    """``token_issuer`` signs with RS256, and its key is made once."""
    assert token_issuer.algorithm == "RS256"
    assert request.getfixturevalue("token_issuer") is token_issuer


def test_another_projects_tests_are_isolated(pytester: pytest.Pytester) -> None:
    """``flask_jwtlib_defaults`` restores the module API between two tests of a project."""
    pytester.makepyfile(
        """
        import flask_jwtlib
        import pytest

        pytestmark = pytest.mark.usefixtures("flask_jwtlib_defaults")

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(turn, token_issuer):
            assert flask_jwtlib.JWT_ALGO == "RS256"
            flask_jwtlib.JWT_ALGO = "ES256"
            flask_jwtlib.set_permanent_verification_key(token_issuer.public_pem)
        """
    )

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)

    assert flask_jwtlib.JWT_ALGO == "RS256"


def test_lent_keys_come_back(pytester: pytest.Pytester) -> None:
    """``lend`` lends keys to a module's Authenticator for one test, also if the test fails."""
    pytester.makepyfile(
        """
        import pytest
        from flask import Flask
        from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator
        from flask_jwtlib.testing import TokenIssuer

        rules = [Issuer("https://login.example"), Audience("api")]
        own = TokenIssuer("https://login.example", claims={"aud": "api"})
        auth = Authenticator(keys=own.public_pem, validator=JWTValidator(rules=rules))
        app = Flask(__name__)
        auth.protect(app)
        app.add_url_rule("/", view_func=lambda: "welcome")

        @pytest.fixture
        def issuer(lend):
            return lend(auth)

        def status(issuer):
            return app.test_client().get("/", headers=issuer.auth(sub="ada")).status_code

        def test_lent(issuer):
            assert (status(issuer), status(own)) == (200, 401)
            assert False, "on purpose"

        def test_given(lend):
            given = TokenIssuer("https://login.example", claims={"aud": "api"})
            assert lend(auth, given) is given
            assert (status(given), status(own)) == (200, 401)

        def test_returned():
            assert status(own) == 200
        """
    )

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: on purpose*"])


def test_keys_are_lent_in_one_app(app: Flask, lend: Callable[..., TokenIssuer]) -> None:
    """``lend`` passes ``app`` on, for an ``AppAuthenticator`` outside of an app context."""
    own = TokenIssuer(algorithm="ES256")
    auth = AppAuthenticator(
        lambda _: Authenticator(
            keys=own.verification_key, validator=JWTValidator(algorithms="ES256")
        )
    )
    auth.init_app(app)

    issuer = lend(auth, app=app)

    assert auth.verify(issuer.token("ada"), app=app).subject == "ada"


@pytest.mark.parametrize(
    "module",
    ["flask_jwtlib.testing.contracts", "flask_jwtlib.cli", "flask_jwtlib_strategies", "hypothesis"],
)
def test_it_imports_only_the_core(module: str) -> None:
    """Loading the plugin, as every pytest run does, imports nothing beyond the core."""
    program = f"import sys, flask_jwtlib.testing.plugin; sys.exit({module!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_importing_it_causes_no_warning() -> None:
    """A project whose warnings are errors can load the plugin."""
    program = "import flask_jwtlib.testing.plugin"

    assert (
        subprocess.run([sys.executable, "-W", "error", "-c", program], check=False).returncode == 0
    )
