"""The application's look-up of API keys: what it may return, and where it is our fault."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort

from flask_jwtlib import (
    Authenticator,
    Claims,
    ConfigurationError,
    Role,
    Scope,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.validators.api_keys import APIKeyRecord, APIKeyValidator
from tests.kit import raises

from .api_keys_kit import DIGEST, KEY, NOW, OTHER_KEY, record, validate


class Row:
    """A row of a database that looks like a record."""

    subject, digest, scopes, revoked = "mallory", DIGEST, (), False


UNUSABLE: dict[str, object] = {
    "true": True,
    "false": False,
    "empty text": "",
    "text": "nightly-build",
    "empty dict": {},
    "dict": {"sub": "nightly-build"},
    "row": Row(),
    "list": [record()],
    "class": APIKeyRecord,
    "claims": Claims({"sub": "mallory"}, checked_at=NOW),
    "zero": 0,
}


@pytest.mark.parametrize("returned", UNUSABLE.values(), ids=UNUSABLE)
def test_a_look_up_that_returns_something_else_is_our_fault(returned: object) -> None:
    """A record of another form is a 503, and never a pass."""
    with raises(VerificationUnavailable, match=r"look-up of an API key returned a \w+, expected"):
        validate(lambda _: returned)


def test_the_record_of_another_key_is_our_fault() -> None:
    """A look-up that compares less than the whole digest lets nobody in as somebody else."""
    with raises(VerificationUnavailable, match="returned the record of another API key"):
        validate(lambda _: record("admin", OTHER_KEY))


RAISED: dict[str, Exception] = {
    "connection": ConnectionError("the database is down"),
    "with the digest": RuntimeError(f"SELECT * FROM keys WHERE digest = '{DIGEST}'"),
    "key": KeyError(DIGEST),
    "wrong record": ConfigurationError("digest is wrong"),
    "timeout": TimeoutError(),
    "stop": StopIteration(),
}


@pytest.mark.parametrize("error", RAISED.values(), ids=RAISED)
def test_a_look_up_that_raises_is_our_fault(error: Exception) -> None:
    """The error names the exception's class only. It has neither its text nor the exception itself."""

    def down(digest: str) -> APIKeyRecord | None:
        raise error

    with raises(VerificationUnavailable, match=f"raised {type(error).__name__}$") as unavailable:
        validate(down)
    assert unavailable.value.__cause__ is None
    assert unavailable.value.__context__ is None


def test_a_look_up_that_aborts_is_our_fault() -> None:
    """``first_or_404`` and ``abort`` in the function don't respond to the client."""
    with raises(VerificationUnavailable, match="raised NotFound"):
        validate(lambda _: abort(404))


@pytest.mark.parametrize(
    "error",
    [ForbiddenError("the tenant is locked"), VerificationUnavailable("busy", retry_after=9)],
    ids=["refusal", "outage"],
)
def test_a_look_up_may_refuse(error: Exception) -> None:
    """A refusal that the function raises is that of the request."""

    def refuse(digest: str) -> APIKeyRecord | None:
        raise error

    with pytest.raises(type(error)) as raised:
        validate(refuse)
    assert raised.value is error


def down(digest: str) -> APIKeyRecord | None:
    """Stand for a function whose database is down."""
    raise VerificationUnavailable("busy", retry_after=9) from RuntimeError(digest)


def test_a_refusal_loses_its_cause() -> None:
    """The text of a database's error, which may have the digest, isn't kept for the log."""
    with raises(VerificationUnavailable, match="busy") as unavailable:
        validate(down)
    assert unavailable.value.retry_after == 9
    assert unavailable.value.__cause__ is None
    assert unavailable.value.__context__ is None


@pytest.fixture
def secure(app: Flask) -> Callable[[Any], Any]:
    """Return a function that makes a client of an app which accepts API keys only."""

    def secure(records: Any, *rules: Any) -> Any:
        auth = Authenticator(extractor=APIKeyExtractor(), validator=APIKeyValidator(records))

        @app.get("/")
        @auth.requires_authentication(rules=rules)
        def me() -> str:
            return f"{current_principal.subject} of {current_principal.claims.issuer}"

        return app.test_client()

    return secure


def test_an_app_may_accept_api_keys_only(secure: Callable[..., Any]) -> None:
    """An Authenticator without ``keys=`` accepts keys, and policies judge their claims."""
    clerk = {"roles": ["clerk"]}
    records = [record(scopes="read mail", claims=clerk), record("b", OTHER_KEY, claims=clerk)]
    client = secure(records, Scope("read"), Role("clerk", at="roles"))

    assert client.get("/", headers={"X-API-Key": KEY}).text == "nightly-build of api-keys"
    refused = client.get("/", headers={"X-API-Key": OTHER_KEY})
    assert refused.status_code == 403
    assert refused.headers["WWW-Authenticate"] == (
        'ApiKey error="insufficient_scope", '
        'error_description="The access token lacks a required scope", scope="read"'
    )


@pytest.mark.parametrize(
    ("key", "records", "status", "challenge"),
    [
        pytest.param(None, [], 401, "ApiKey", id="absent"),
        pytest.param("x", [], 401, "The API key is malformed", id="malformed"),
        pytest.param(KEY, [], 401, "The API key is unknown", id="unknown"),
        pytest.param(KEY, [record(revoked=True)], 401, "The API key is revoked", id="revoked"),
        pytest.param(KEY, [record(expires_at=1)], 401, "The API key expired", id="expired"),
        pytest.param(KEY, lambda _: 1 / 0, 503, None, id="function-raises"),
        pytest.param(KEY, down, 503, None, id="function-refuses"),
        pytest.param(KEY, lambda _: {"sub": "x"}, 503, None, id="wrong-shape"),
    ],
)
def test_nothing_secret_is_logged(
    secure: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    key: str | None,
    records: Any,
    status: int,
    challenge: str | None,
) -> None:
    """A refusal has the challenge ``ApiKey``. Neither log nor response has the key or its digest."""
    client = secure(records)

    with caplog.at_level(logging.DEBUG):
        response = client.get("/", headers={} if key is None else {"X-API-Key": key})

    assert response.status_code == status
    shown = response.headers.get("WWW-Authenticate")
    assert shown is None if challenge is None else shown.startswith("ApiKey")
    assert challenge is None or challenge in shown
    assert caplog.records
    for text in (caplog.text, response.text, str(response.headers)):
        assert KEY not in text
        assert DIGEST not in text
