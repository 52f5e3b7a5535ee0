"""The examination ends in time and raises nothing, whatever providers and strategies do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, current_app

from flask_jwtlib import Authenticator
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.doctor import Finding, _examination, examine
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import PATIENCE

from .kit import Expected, bad, check, findings_about, oidc, protected, with_keys


def test_a_provider_that_never_ends() -> None:
    """The examination doesn't wait for it beyond its time, and reports what it has found so far."""
    release = threading.Event()

    def fetch() -> str:
        release.wait(PATIENCE)
        return ""

    begun = time.monotonic()
    try:
        findings = findings_about(with_keys(fetch), timeout=0.3)
    finally:
        release.set()
    assert time.monotonic() - begun < PATIENCE / 2
    text, cure = "it didn't end within 0.3 s", "Lower fetch_timeout of the key providers"
    check(findings, Expected("examination", "FAIL", text, cure))


def test_many_issuers_are_asked_side_by_side(idp: IdentityProvider) -> None:
    """Slow issuers don't delay each other."""
    idp.add_key(kid="a")
    idp.behave(delay=0.2)
    trusted = [
        TrustedIssuer(
            f"https://{n}.example",
            keys=JWKSKeyProvider(f"{idp.jwks_url}?{n}", allow_http_on_loopback=True),
            audience="api",
        )
        for n in range(8)
    ]
    findings = findings_about(Authenticator(validator=IssuerRouter(*trusted)))
    assert idp.peak > 1
    assert not bad(findings)


def test_requests_are_bounded_by_the_time_that_is_left(idp: IdentityProvider) -> None:
    """A provider's own timeout may be longer than the examination."""
    idp.behave(hang=True)
    keys = OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True, fetch_timeout=PATIENCE)
    begun = time.monotonic()
    findings_about(with_keys(keys), timeout=0.3)
    assert time.monotonic() - begun < PATIENCE / 2


def test_without_threads(idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no threads can be started, the caller examines all providers itself."""
    idp.add_key(kid="a")
    monkeypatch.setattr(_examination, "start_thread", lambda *_: False)
    assert not bad(findings_about(oidc(idp.issuer_url)))


def test_a_strategy_that_raises() -> None:
    """An error in a strategy of the app is a finding, and shows no text that may be a secret."""

    class Broken:
        @property
        def warm_up(self) -> Callable[[], None]:
            raise RuntimeError("SECRET")

        def keys_for(self, header: Any) -> Any:
            return ()

    findings = findings_about(with_keys(Broken()))
    check(findings, Expected("examination", "FAIL", "it raised RuntimeError", "Look at the code"))
    assert "SECRET" not in str(findings)


@pytest.mark.parametrize("given", ["the app", "a proxy", "nothing"])
def test_which_app(given: str, issuer: TokenIssuer) -> None:
    """By default the current app is examined; ``current_app`` itself can be passed, too."""
    app = protected(with_keys(issuer.public_pem))
    with app.app_context():
        arguments: Any = {"the app": [app], "a proxy": [current_app], "nothing": []}[given]
        findings = examine(*arguments)
    assert findings[0].subject == "app api"
    assert not bad(findings)


def test_a_finding_is_safe_for_a_terminal() -> None:
    """Its texts are escaped, cut and without the secrets of URLs, whatever is passed."""
    hostile = "\x1b[2J\nOK https://u:SECRET@a/?k=SECRET " + "x" * 10_000
    finding = Finding("OK", hostile, hostile, hostile, hostile)
    for text in (finding.subject, finding.check, finding.text, finding.cure):
        assert text.isprintable()
        assert "SECRET" not in text
        assert len(text) <= 1000


def test_the_examined_app_is_not_changed(idp: IdentityProvider) -> None:
    """Requests are handled afterwards as before, with the keys that were fetched."""
    issuer = idp.add_key(kid="a")
    app: Flask = protected(oidc(idp.issuer_url))
    app.get("/")(lambda: "seen")
    before = dict(app.config)
    examine(app, timeout=PATIENCE)
    assert dict(app.config) == before
    header = {"Authorization": f"Bearer {issuer.token(aud='api')}"}
    assert app.test_client().get("/", headers=header).status_code == 200
