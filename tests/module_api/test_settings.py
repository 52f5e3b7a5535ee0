"""The settings: algorithms, audience, issuer, leeway, size and subjects, read for each request."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jose.constants import ALGORITHMS

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.kit import raises

ISSUER = "https://issuer.example"


def _status(client: FlaskClient, token: str) -> int:
    return client.get("/required", headers=bearer(token)).status_code


def test_the_settings_have_their_documented_defaults() -> None:
    """RS256, five minutes, no audience, any issuer, no leeway, 8192 characters, text subjects."""
    assert flask_jwtlib.JWT_ALGO == "RS256"
    assert flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT == 300
    assert flask_jwtlib.JWT_AUDIENCE is None
    assert flask_jwtlib.JWT_ISSUER is None
    assert flask_jwtlib.JWT_LEEWAY == 0
    assert flask_jwtlib.JWT_MAX_SIZE == 8192
    assert flask_jwtlib.JWT_NUMERIC_SUBJECT is False


@pytest.mark.parametrize(
    "setting",
    [["RS256", "RS512"], ("RS512", "RS256"), {"RS256", "RS512"}, frozenset({"RS256", "RS512"})],
    ids=["list", "tuple", "set", "frozenset"],
)
def test_several_algorithms_may_be_accepted(
    trusting: FlaskClient, issuer: TokenIssuer, setting: Any
) -> None:
    """A collection accepts each of its members and nothing else."""
    flask_jwtlib.JWT_ALGO = setting
    for algorithm, status in (("RS256", 200), ("RS512", 200), ("RS384", 401), ("PS256", 401)):
        signer = TokenIssuer(algorithm=algorithm, private_key=issuer.private_key)
        assert _status(trusting, signer.token()) == status


def test_a_list_that_is_changed_in_place_takes_effect(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """Appending to the assigned list, or removing from it, changes the next request."""
    accepted = ["RS256"]
    flask_jwtlib.JWT_ALGO = accepted
    rs512 = TokenIssuer(algorithm="RS512", private_key=issuer.private_key)
    assert _status(trusting, rs512.token()) == 401
    accepted.append("RS512")
    assert _status(trusting, rs512.token()) == 200
    accepted.remove("RS256")
    assert _status(trusting, issuer.token()) == 401


def test_python_joses_constants_are_algorithms(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """``jose.constants.ALGORITHMS.RS512``, as existing apps assign it, is accepted."""
    flask_jwtlib.JWT_ALGO = ALGORITHMS.RS512
    signer = TokenIssuer(algorithm="RS512", private_key=issuer.private_key)
    assert _status(trusting, signer.token()) == 200


def test_by_default_a_token_with_an_audience_is_refused(
    trusting: FlaskClient, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A real issuer's token is refused; a warning names the setting and the token's audience."""
    response = trusting.get("/required", headers=bearer(issuer.token(aud="https://api.example")))
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    [record] = [record for record in caplog.records if record.name == "flask_jwtlib"]
    assert record.levelno == logging.WARNING
    assert "JWT_AUDIENCE" in record.getMessage()
    assert "https://api.example" in record.getMessage()
    assert "JWT_AUDIENCE" not in response.headers["WWW-Authenticate"] + response.text


@pytest.mark.parametrize("ours", ["api", ["api"], ("old-api", "api")], ids=["str", "list", "tuple"])
def test_a_token_for_our_audience_is_accepted(
    trusting: FlaskClient, issuer: TokenIssuer, ours: Any
) -> None:
    """With an audience assigned, a token must name it, alone or among others."""
    flask_jwtlib.JWT_AUDIENCE = ours
    assert _status(trusting, issuer.token(aud="api")) == 200
    assert _status(trusting, issuer.token(aud=["someone", "api"])) == 200
    assert _status(trusting, issuer.token(aud="someone")) == 401
    assert _status(trusting, issuer.token(aud=["someone", "ap"])) == 401
    assert _status(trusting, issuer.token(aud=[])) == 401
    assert _status(trusting, issuer.token()) == 401


def test_the_audience_may_change_at_run_time(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """Assigning it, another one, and None takes effect with the next request each time."""
    token = issuer.token(aud="api")
    for audience, status in (
        ("api", 200),
        ("another", 401),
        (None, 401),
        (["another", "api"], 200),
    ):
        flask_jwtlib.JWT_AUDIENCE = audience
        assert _status(trusting, token) == status


@pytest.mark.parametrize(
    "accepted", [ISSUER, [ISSUER], ("https://old.example", ISSUER)], ids=["str", "list", "tuple"]
)
def test_only_tokens_of_our_issuer_are_accepted(
    trusting: FlaskClient, issuer: TokenIssuer, accepted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With an issuer assigned, ``iss`` must equal it exactly; the log names both."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    flask_jwtlib.JWT_ISSUER = accepted
    assert _status(trusting, issuer.token()) == 200
    assert _status(trusting, issuer.token(iss=ISSUER + "/")) == 401
    assert f"'{ISSUER}/'" in caplog.text
    assert f"'{ISSUER}'" in caplog.text
    assert _status(trusting, issuer.token(iss=ISSUER.upper())) == 401
    assert _status(trusting, issuer.token(iss=None)) == 401


def test_by_default_the_issuer_is_not_checked(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """Without a configured issuer, any or no ``iss`` passes if the key verifies the token."""
    assert _status(trusting, issuer.token(iss="https://whoever.example")) == 200
    assert _status(trusting, issuer.token(iss=None)) == 200
    flask_jwtlib.JWT_ISSUER = ISSUER
    assert _status(trusting, issuer.token(iss=None)) == 401
    flask_jwtlib.JWT_ISSUER = None
    assert _status(trusting, issuer.token(iss=None)) == 200


@pytest.mark.parametrize("leeway", [60, 60.5], ids=["int", "float"])
def test_leeway_allows_for_clocks_that_differ(
    trusting: FlaskClient, issuer: TokenIssuer, leeway: float
) -> None:
    """A token that expired, or becomes valid, within the leeway is accepted; without leeway it is not."""
    now = int(time.time())
    barely = [issuer.token(exp=now - 20), issuer.token(nbf=now + 20)]
    clearly = [issuer.token(exp=now - 300), issuer.token(nbf=now + 300)]
    assert [_status(trusting, token) for token in barely] == [401, 401]
    flask_jwtlib.JWT_LEEWAY = leeway
    assert [_status(trusting, token) for token in barely] == [200, 200]
    assert [_status(trusting, token) for token in clearly] == [401, 401]
    flask_jwtlib.JWT_LEEWAY = 0
    assert [_status(trusting, token) for token in barely] == [401, 401]


def test_the_size_of_tokens_is_a_setting(
    trusting: FlaskClient, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    """A token over 8192 characters is too large unless JWT_MAX_SIZE is raised."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    large = issuer.token(groups=[f"group-{n:04}" for n in range(650)])
    response = trusting.get("/required", headers=bearer(large))
    assert response.status_code == 401
    assert "The access token is too large" in response.headers["WWW-Authenticate"]
    [record] = [record for record in caplog.records if record.name == "flask_jwtlib"]
    for text in ("too large", str(len(large)), "8192", "max_size"):
        assert text in record.getMessage()
    flask_jwtlib.JWT_MAX_SIZE = len(large)
    assert trusting.get("/required", headers=bearer(large)).status_code == 200
    assert _status(trusting, issuer.token()) == 200
    flask_jwtlib.JWT_MAX_SIZE = len(large) - 1
    assert _status(trusting, large) == 401


def test_the_size_applies_to_tokens_in_forms(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """The limit for forms, twice the size of a token, follows the setting at once, up and down."""
    form = {"access_token": issuer.token(pad="x" * 12_000)}
    assert trusting.post("/required", data=form).status_code == 401
    for size, status in ((20_000, 200), (8192, 401), (20_000, 200)):
        flask_jwtlib.JWT_MAX_SIZE = size
        assert trusting.post("/required", data=form).status_code == status


def test_the_size_applies_to_unverified_claims(app: Flask, issuer: TokenIssuer) -> None:
    """``get_json_token(verify=False)`` reads a token of the configured size, and no larger one."""
    large = issuer.token(pad="x" * 9000)
    with app.test_request_context(headers=bearer(large)):
        with pytest.raises(flask_jwtlib.errors.MalformedTokenError, match="too large"):
            flask_jwtlib.get_json_token(verify=False)
        flask_jwtlib.JWT_MAX_SIZE = 20_000
        assert flask_jwtlib.get_json_token(verify=False)["sub"] == "alice"
        flask_jwtlib.JWT_MAX_SIZE = -1
        with raises(flask_jwtlib.VerificationUnavailable, match="JWT_MAX_SIZE is -1"):
            flask_jwtlib.get_json_token(verify=False)


def test_the_size_applies_to_forms(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """A form of the configured size is searched for a token, and a longer one is not."""
    large = {"access_token": issuer.token(pad="x" * 15_000)}
    assert len(large["access_token"]) > 2 * 8192

    def challenge() -> str:
        return trusting.post("/required", data=large).headers.get("WWW-Authenticate", "")

    assert challenge() == "Bearer"
    flask_jwtlib.JWT_MAX_SIZE = len(large["access_token"])
    assert trusting.post("/required", data=large).status_code == 200
    flask_jwtlib.JWT_MAX_SIZE = 8192
    assert challenge() == "Bearer"


def test_a_custom_check_gets_a_subject_that_is_text(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """Even without the default check, the claims and the view have text."""
    flask_jwtlib.check_token = lambda token: flask_jwtlib.get_json_token(verify=False)["sub"] == 42
    flask_jwtlib.JWT_NUMERIC_SUBJECT = True
    response = trusting.get("/required", headers=bearer(issuer.token(sub=42)))
    assert response.json is not None
    assert response.json["json_token"]["sub"] == "42"


@pytest.mark.parametrize("check", ["default", "own"])
def test_a_numeric_subject_is_a_setting(
    trusting: FlaskClient, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture, check: str
) -> None:
    """Refused by default, with a log line that names the setting; with it accepted as text."""
    caplog.set_level(logging.INFO, "flask_jwtlib")
    if check == "own":
        flask_jwtlib.check_token = lambda token: (
            flask_jwtlib._DEFAULT_CHECK_TOKEN(token)
            and flask_jwtlib.get_json_token()["sub"] == "42"
        )
    token = issuer.token(sub=42)
    assert _status(trusting, token) == 401
    assert "JWT_NUMERIC_SUBJECT" in caplog.text
    flask_jwtlib.JWT_NUMERIC_SUBJECT = True
    response = trusting.get("/required", headers=bearer(token))
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["json_token"]["sub"] == "42"
    for subject in (True, 42.0, [42], {"id": 42}):
        assert _status(trusting, issuer.token(sub=subject)) == 401
    assert _status(trusting, issuer.token("42")) == 200
    flask_jwtlib.JWT_NUMERIC_SUBJECT = False
    assert _status(trusting, token) == 401


def test_a_numeric_subject_is_the_principals_subject_as_text(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """``current_principal.subject`` is a str, whatever the issuer wrote."""
    flask_jwtlib.JWT_NUMERIC_SUBJECT = True

    @app.get("/subject")
    @flask_jwtlib.requires_authentication
    def subject() -> dict[str, Any]:
        return {"subject": flask_jwtlib.current_principal.subject}

    assert trusting.get("/subject", headers=bearer(issuer.token(sub=42))).json == {"subject": "42"}


@pytest.mark.parametrize("route", ["/required", "/optional"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("JWT_ALGO", "none"),
        ("JWT_ALGO", "rs256"),
        ("JWT_ALGO", ["RS256", "none"]),
        ("JWT_ALGO", ""),
        ("JWT_ALGO", []),
        ("JWT_ALGO", None),
        ("JWT_ALGO", 256),
        ("JWT_AUDIENCE", ""),
        ("JWT_AUDIENCE", [7]),
        ("JWT_AUDIENCE", []),
        ("JWT_AUDIENCE", {"x": 1}),
        ("JWT_ISSUER", [""]),
        ("JWT_ISSUER", []),
        ("JWT_ISSUER", iter(["https://issuer.example"])),
        ("JWT_LEEWAY", "60"),
        ("JWT_LEEWAY", -1),
        ("JWT_LEEWAY", float("nan")),
        ("JWT_LEEWAY", float("inf")),
        ("JWT_LEEWAY", None),
        ("JWT_MAX_SIZE", "16384"),
        ("JWT_MAX_SIZE", 0),
        ("JWT_MAX_SIZE", -1),
        ("JWT_MAX_SIZE", 16384.0),
        ("JWT_MAX_SIZE", True),
        ("JWT_MAX_SIZE", None),
        ("JWT_NUMERIC_SUBJECT", 1),
        ("JWT_NUMERIC_SUBJECT", "true"),
        ("JWT_NUMERIC_SUBJECT", None),
    ],
    ids=lambda value: (
        value if isinstance(value, str) and value.isupper() else repr(value).partition(" at ")[0]
    ),
)
def test_a_wrong_setting_is_a_503(
    trusting: FlaskClient,
    issuer: TokenIssuer,
    caplog: pytest.LogCaptureFixture,
    setting: str,
    value: Any,
    route: str,
) -> None:
    """Every token is a 503, with an error in the log and nothing of it in the response."""
    setattr(flask_jwtlib, setting, value)
    response = trusting.get(route, headers=bearer(issuer.token()))
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    assert "setting of flask_jwtlib is wrong" in caplog.text
    assert "setting" not in response.text
