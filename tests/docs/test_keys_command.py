"""``docs/keys.rst`` shows what ``flask jwtlib keys`` prints."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

from flask import Flask

from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator

TEXT = (Path(__file__).parents[2] / "docs/keys.rst").read_text(encoding="utf-8")


def test_the_table_is_shown() -> None:
    """The app has one provider, which is served."""
    (shown,) = re.findall(r"jwtlib keys\n((?:    .+\n)+)", TEXT)
    app = Flask("app")
    with IdentityProvider() as provider:
        provider.add_key(kid="2026-01")
        url = provider.issuer_url
        oidc_authenticator(url, "api", allow_http_on_loopback=True).protect(app)
        result = app.test_cli_runner().invoke(jwtlib, ["keys"])
    assert result.exit_code == 0
    assert result.output == dedent(shown)
