"""Signed double-submit tokens: requests that are refused without one, and tokens that don't count."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient
from itsdangerous import Signer, TimestampSigner, URLSafeSerializer, URLSafeTimedSerializer

from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from tests.conftest import Clock

from .double_submit_kit import (
    ISSUER,
    OURS,
    PATHS,
    SECRET_KEY,
    claims_of,
    client_of,
    composed,
    cookie,
    csrf,
    made,
    statuses,
)

SALT = "flask_jwtlib_strategies.csrf.double_submit"
GOOD = made(claims_of())
OWNER, STAMP, SIGNATURE = GOOD.split(".")


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    """A client of the usual app."""
    return client_of(composed())


def signed(value: str, **how: Any) -> str:
    """Return a value with a time and a signature, by default as the app signs it."""
    how = {"salt": SALT, "key_derivation": "hmac", "digest_method": hashlib.sha256} | how
    return TimestampSigner(how.pop("key", SECRET_KEY), **how).sign(value).decode()


def test_the_right_token_passes(client: FlaskClient) -> None:
    """The token for the caller passes by every unsafe method, in the header and in a form."""
    ours = cookie(ISSUER.token())
    assert signed(OWNER).split(".")[0] == OWNER
    assert statuses(client, ours | csrf(GOOD)) == {200}
    for path in PATHS:
        assert client.post(path, headers=ours, data={"csrf_token": GOOD}).text == "alice"


def test_safe_methods_need_no_token(client: FlaskClient) -> None:
    """GET, HEAD and OPTIONS pass without, and with a wrong one."""
    ours = cookie(ISSUER.token())
    for path in PATHS:
        assert client.get(path, headers=ours).text == "alice"
        assert client.get(path, headers=ours | csrf("wrong")).text == "alice"
        assert client.head(path, headers=ours).status_code == 200


def test_a_websocket_handshake_needs_a_token(client: FlaskClient) -> None:
    """A GET that opens a WebSocket is no safe request."""
    ours = cookie(ISSUER.token()) | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for path in PATHS:
        assert client.get(path, headers=ours).status_code == 403
        assert client.get(path, headers=ours | csrf(GOOD)).status_code == 200


REFUSED: dict[str, str] = {
    "empty": "",
    "space": " ",
    "random": "4f8c1b5e",
    "owner alone": OWNER,
    "without signature": f"{OWNER}.{STAMP}",
    "empty signature": f"{OWNER}.{STAMP}.",
    "without time": f"{OWNER}.{SIGNATURE}",
    "other owner": f"{'0' * 64}.{STAMP}.{SIGNATURE}",
    "other time": f"{OWNER}.{STAMP[::-1]}.{SIGNATURE}",
    "upper case": GOOD.upper(),
    "longer": f"{GOOD}x",
    "shorter": GOOD[:-1],
    "twice": f"{GOOD},{GOOD}",
    "twice with a space": f"{GOOD} {GOOD}",
    "in quotes": f'"{GOOD}"',
    "as Bearer": f"Bearer {GOOD}",
    "the access token": ISSUER.token(),
    "outside ASCII": "ä.ö.ü",
    "many dots": "." * 1000,
    "long": "a" * 10_000,
    "other key": signed(OWNER, key="another key"),
    "other salt": signed(OWNER, salt="session"),
    "other derivation": signed(OWNER, key_derivation="django-concat"),
    "other hash": signed(OWNER, digest_method=hashlib.sha1),
    "no time": Signer(SECRET_KEY, salt=SALT, key_derivation="hmac").sign(OWNER).decode(),
    "session of Flask": URLSafeTimedSerializer(SECRET_KEY, "cookie-session").dumps({"a": 1}),
    "token of a form library": URLSafeTimedSerializer(SECRET_KEY, "wtf-csrf-token").dumps("a" * 40),
    "serialized": str(URLSafeSerializer(SECRET_KEY, SALT).dumps(OWNER)),
    "nobody": signed(""),
    "signed subject": signed("alice"),
    "another user": made(claims_of("mallory")),
    "user of another issuer": made(claims_of() | {"iss": "https://evil.example"}),
    "user without issuer": made({"sub": "alice"}),
    "session with the user's name": made(claims_of(sid="alice")),
    "other session of the user": made(claims_of(sid="s2")),
    "other case of the user": made(claims_of("Alice")),
    "parts moved": made({"iss": ISSUER.issuer + "a", "sub": "lice"}),
}  # fmt: skip


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_a_wrong_token_is_refused(client: FlaskClient, value: str) -> None:
    """Nothing but a token of this app for this caller passes, in the header or in a form."""
    ours = cookie(ISSUER.token())
    in_header = ours | {"X-CSRF-Token": value.encode().decode("latin-1")}
    for path in PATHS:
        assert client.post(path, headers=in_header).status_code == 403
        assert client.post(path, headers=ours, data={"csrf_token": value}).status_code == 403


def test_a_missing_token_is_refused(client: FlaskClient) -> None:
    """The cross-site check alone isn't enough, with any unsafe method."""
    assert statuses(client, cookie(ISSUER.token())) == {403}


def test_the_token_alone_is_not_enough(client: FlaskClient) -> None:
    """A right token doesn't replace the cross-site check, nor the access token."""
    sibling = {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.app.example"}
    assert statuses(client, cookie(ISSUER.token()) | sibling | csrf(GOOD)) == {403}
    for path in ("/required", "/protected"):
        assert client.post(path, headers=OURS | csrf(GOOD)).status_code == 401


def test_a_planted_cookie_is_no_proof(client: FlaskClient) -> None:
    """A sibling domain can plant cookies of every other name: none of them counts."""
    planted = "".join(f"; {name}={GOOD}" for name in ("csrf_token", "X-CSRF-Token", "csrftoken"))
    headers = cookie(ISSUER.token())
    headers["Cookie"] += planted
    assert client.post("/required", headers=headers).status_code == 403
    assert client.post(f"/required?csrf_token={GOOD}", headers=headers).status_code == 403


def test_an_invalid_access_token_comes_first(client: FlaskClient) -> None:
    """An expired or forged access token is a 401, with or without a double-submit token."""
    for token in (ISSUER.token(exp=1), TokenIssuer().token(), "a.b.c"):
        for headers in ({}, csrf(GOOD), csrf("wrong")):
            assert client.post("/required", headers=cookie(token) | headers).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [{"sub": None}, {"sub": ""}, {"sid": 5}, {"sid": ""}, {"sid": ["s1"]}, {"sid": False}],
    ids=repr,
)
def test_a_token_without_a_subject_is_refused(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, claims: dict[str, Any]
) -> None:
    """Claims that name neither a session nor a user have nothing to compare with."""
    token = ISSUER.token(**claims) if "sub" not in claims else ISSUER.token(claims["sub"])
    response = client.post("/required", headers=cookie(token) | csrf(GOOD))
    assert response.status_code == 403
    assert "have neither sid nor sub" in caplog.text


def test_it_survives_the_renewal_of_the_access_token(client: FlaskClient) -> None:
    """A new access token of the same session, or else the same user, fits the old double-submit token."""
    for claims in ({}, {"sid": "s1"}):
        value = made(claims_of(**claims))
        for exp in (2_000_000_000, 2_000_000_001):
            headers = cookie(ISSUER.token(**claims, exp=exp, jti=str(exp))) | csrf(value)
            assert client.post("/required", headers=headers).status_code == 200


def test_a_session_has_a_token_of_its_own(client: FlaskClient) -> None:
    """With ``sid``, another session of the user has another token, and so has the user without one."""
    first, second = made(claims_of(sid="s1")), made(claims_of(sid="s2"))
    ours = cookie(ISSUER.token(sid="s1"))
    assert client.post("/required", headers=ours | csrf(first)).status_code == 200
    for other in (second, GOOD):
        assert client.post("/required", headers=ours | csrf(other)).status_code == 403


def test_an_old_token_is_refused(clock: Clock) -> None:
    """A token is valid for ``max_age`` seconds. One of a server whose clock is ahead is accepted."""
    options = DoubleSubmit(max_age=100, clock=clock)
    client, ours = client_of(composed(options)), cookie(ISSUER.token())
    value = made(claims_of(), options)

    def status() -> int:
        return client.post("/required", headers=ours | csrf(value)).status_code

    clock.move(-30)
    assert status() == 200
    clock.move(130)
    assert status() == 200
    clock.move(1)
    assert status() == 403


def test_secret_keys_rotate() -> None:
    """Tokens that were signed with a key in ``SECRET_KEY_FALLBACKS`` pass; new ones have the new key."""
    old, older = GOOD, made(claims_of(), SECRET_KEY="the key before that")
    rotated = {"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": [SECRET_KEY, "the key before that"]}
    new, ours = made(claims_of(), **rotated), cookie(ISSUER.token())

    def passing(**config: Any) -> list[bool]:
        client = client_of(composed(), **config)
        return [
            client.post("/required", headers=ours | csrf(value)).status_code == 200
            for value in (older, old, new)
        ]

    assert passing(**rotated) == [True, True, True]
    assert passing(SECRET_KEY="new") == [False, False, True]
    assert passing() == [False, True, False]
    assert passing(SECRET_KEY=SECRET_KEY.encode(), SECRET_KEY_FALLBACKS=()) == [False, True, False]


LOGGED = {
    "missing": ({}, "no double-submit token, expected one in the header X-CSRF-Token or the form field"),
    "forged": (csrf("wrong"), "is not signed with SECRET_KEY or SECRET_KEY_FALLBACKS"),
    "another user": (csrf(REFUSED["another user"]), "was made for another user or session"),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "said"), LOGGED.values(), ids=LOGGED)
def test_the_log_says_what_was_missing(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, headers: dict[str, str], said: str
) -> None:
    """A refusal is one warning that tells the developer what to send. It shows no token."""
    caplog.set_level(logging.INFO, logger="flask_jwtlib")
    response = client.post("/required", headers=cookie(ISSUER.token()) | headers)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert said in record.getMessage()
    assert "[POST required]" in record.getMessage()
    for text in (response.text, record.getMessage()):
        assert not any(
            part in text for part in (OWNER, SIGNATURE, SECRET_KEY, REFUSED["another user"])
        )
    assert "WWW-Authenticate" not in response.headers
