"""``issue_development_token`` in code, and ``explain`` for development tokens."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, JWTValidator
from flask_jwtlib.claim_rules import Client, MaxLifetime, TokenType, TokenUse
from flask_jwtlib.explain import explain
from flask_jwtlib.interfaces import request_arguments_of
from flask_jwtlib.testing import lend_keys
from flask_jwtlib_strategies.development._key_file import key_file_of
from flask_jwtlib_strategies.development.issue import LONGEST_LIFETIME, issue_development_token
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .development_kit import (
    AUDIENCE,
    AUTH,
    DEVELOPMENT,
    ISSUER,
    VALIDATOR,
    Served,
    app_of,
    claims_in,
    composed,
)


def test_it_needs_no_context(served: Served) -> None:
    """It returns the token, its claims and the file of its key. ``repr`` shows no token."""
    before = int(time.time())
    issued = issue_development_token(served.app, lifetime=60)

    assert served.get(issued.value).text == "developer"
    assert issued.claims == claims_in(issued.value)
    assert issued.claims["exp"] - issued.claims["iat"] == 60
    assert issued.claims["iat"] >= before
    assert issued.key_file == served.key_file
    assert issued.value not in repr(issued)


@pytest.mark.parametrize("lifetime", [0, -1, 1.5, True, "60", LONGEST_LIFETIME + 1], ids=repr)
def test_a_wrong_lifetime_is_an_error(served: Served, lifetime: Any) -> None:
    """It is a whole number of seconds, at most a day."""
    with pytest.raises(ConfigurationError, match="expected a number of seconds from 1 to 86400"):
        issue_development_token(served.app, lifetime=lifetime)
    longest = issue_development_token(served.app, lifetime=LONGEST_LIFETIME)
    assert served.get(longest.value).text == "developer"


def test_it_has_what_rules_require(state: None) -> None:
    """Rules that say which client or use they expect are satisfied. A claim that is given counts first."""
    rules = [Client("web", "cli"), TokenUse("access"), TokenType("at+jwt"), MaxLifetime(3600)]
    app = app_of(composed(validator=JWTValidator(rules=rules)))
    issued = issue_development_token(app)
    assert Served(app, issued.value, issued.key_file).get().text == "developer"
    assert issued.claims["client_id"] == "web"
    assert issued.claims["token_use"] == "access"
    assert "aud" not in issued.claims
    assert issue_development_token(app, claims={"client_id": "cli"}).claims["client_id"] == "cli"


def test_lent_keys_replace_only_the_real_ones(served: Served) -> None:
    """In a test with lent keys, development tokens are what they are without."""
    auth = composed()
    app = Served(app_of(auth), served.token, served.key_file)
    with lend_keys(auth) as issuer:
        assert app.get(issuer.token("alice")).text == "alice"
        assert app.get(issuer.token("alice", iss=served.issuer)).status_code == 401
        assert app.get().text == "ada"
        assert app.get(REMOTE_ADDR="10.0.0.1").status_code == 401


def test_validators_by_scheme_are_looked_into(state: None) -> None:
    """A composition may have the development tokens of one scheme only."""
    validator = PerSchemeValidator({"Bearer": DEVELOPMENT.validator(VALIDATOR)})
    app = app_of(AUTH.evolve(extractor=DEVELOPMENT.extractor(AUTH.extractor), validator=validator))
    served = Served(app, issue_development_token(app, "ada").value, key_file_of(app))
    assert served.get().text == "ada"


def test_two_tokens_differ(served: Served) -> None:
    """Each has a ``jti`` of its own."""
    issued = {issue_development_token(served.app).claims["jti"] for _ in range(3)}
    assert len(issued) == 3


def test_explain_follows_them(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A development token is explained by its own rules and key, as of a local request."""
    auth = composed()
    caplog.clear()
    explained = explain(auth, served.token, app=served.app)
    assert explained.outcome == "accepted"
    assert explained.verified
    assert explained.claims["sub"] == "ada"
    assert not caplog.records

    served.app.debug = False
    try:
        refused = explain(auth, served.token, app=served.app)
    finally:
        served.app.debug = True
    assert refused.outcome == "refused"
    assert "app.debug is off" in str(refused.error and refused.error.log_message)
    other = explain(auth, ISSUER.token("alice", aud=AUDIENCE), app=served.app)
    assert other.outcome == "accepted"


def test_explain_needs_an_extractor_that_describes_itself(served: Served) -> None:
    """With an extractor that can't, a text comes from nowhere."""

    class Silent:
        def extract(self, request: Any) -> Any:
            return None

    assert request_arguments_of(composed(extractor=Silent()).extractor, served.token) is None
    explained = explain(composed(extractor=Silent()), served.token, app=app_of(composed()))
    assert explained.outcome == "refused"
