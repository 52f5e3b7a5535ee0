"""The pytest plugin, as another project's tests use it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import flask_jwtlib
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
