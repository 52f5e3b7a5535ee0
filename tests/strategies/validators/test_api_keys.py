"""``APIKeyValidator``: which keys it accepts, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    InvalidTokenError,
    KeyProvider,
    TokenValidator,
)
from flask_jwtlib.errors import ExpiredTokenError, MalformedTokenError
from flask_jwtlib.key_providers import NoKeyProvider
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.contracts import TokenValidatorContract
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from tests.kit import raises

from .api_keys_kit import DIGEST, KEY, NOW, OTHER_KEY, record, validate


class TestAPIKeyValidatorContract(TokenValidatorContract):
    uses_keys = False
    records: dict[str, APIKeyRecord] = {}  # noqa: RUF012 - shared by all of the contract's tests

    def make_validator(self) -> TokenValidator:
        return APIKeyValidator(self.records)

    def make_keys(self) -> KeyProvider:
        return NoKeyProvider()

    def key(self, subject: str, **options: Any) -> BearerToken:
        key = generate_api_key()
        self.records[api_key_digest(key)] = record(subject, key, **options)
        return BearerToken(key, scheme="ApiKey")

    def good_token(self, subject: str) -> BearerToken:
        return self.key(subject)

    def expired_token(self) -> BearerToken:
        return self.key("alice", expires_at=1)

    def forged_token(self) -> BearerToken:
        return BearerToken(generate_api_key(), scheme="ApiKey")


SOURCES: dict[str, Callable[[APIKeyRecord], Any]] = {
    "list": lambda one: [one],
    "generator": lambda one: (each for each in [one]),
    "mapping": lambda one: {one.digest: one},
    "function": lambda one: lambda digest: one if digest == one.digest else None,
    "method": lambda one: {one.digest: one}.get,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_known_key_has_claims(source: Callable[[APIKeyRecord], Any]) -> None:
    """The claims have the record's subject, scopes and expiry, and an issuer of their own."""
    known = record(scopes=["reports:read", "mail"], expires_at=NOW + 1)

    claims = validate(source(known))

    assert claims == {
        "iss": "api-keys",
        "sub": "nightly-build",
        "scope": "reports:read mail",
        "exp": NOW + 1,
    }
    assert claims.scopes == {"reports:read", "mail"}
    assert (claims.checked_at, claims.expires_at, claims.header) == (NOW, NOW + 1, {})
    with raises(InvalidTokenError, match="no record of the API key"):
        validate(source(known), OTHER_KEY)


def test_a_record_needs_only_a_subject() -> None:
    """A key without scopes has the claim ``scope`` nonetheless, so that a policy knows that it has none."""
    assert validate([record()], issuer="urn:acme:keys") == {
        "iss": "urn:acme:keys",
        "sub": "nightly-build",
        "scope": "",
    }


def test_a_record_has_further_claims() -> None:
    """Claims of the application's own are added, and no request shares them with another."""
    records = [record(claims={"tenant": "acme", "roles": ["editor"]})]

    claims = validate(records)
    claims["roles"].append("admin")

    assert claims["tenant"] == "acme"
    assert validate(records)["roles"] == ["editor"]


EXPIRY = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "expires_at",
    [
        EXPIRY,
        EXPIRY.astimezone(timezone(timedelta(hours=5))),
        EXPIRY.timestamp(),
        int(EXPIRY.timestamp()),
    ],
    ids=["UTC", "another zone", "float", "int"],
)
def test_a_key_expires(expires_at: Any) -> None:
    """A key is refused from its expiry on, however that is written."""
    expiry, records = EXPIRY.timestamp(), [record(expires_at=expires_at)]

    assert validate(records, clock=lambda: expiry - 1).expires_at == expiry
    for late in (0, 60):
        with raises(ExpiredTokenError, match="of 'nightly-build' expired") as refused:
            validate(records, clock=partial(float, expiry + late))
        assert str(refused.value) == "The API key expired"


def test_a_key_is_revoked() -> None:
    """A revoked key is refused, and the log says whose it was."""
    with raises(InvalidTokenError, match="the API key of 'nightly-build' is revoked") as refused:
        validate([record(revoked=True, expires_at=NOW - 1)])
    assert str(refused.value) == "The API key is revoked"


def test_a_mapping_is_read_for_each_request() -> None:
    """What an application adds to the mapping, replaces in it or deletes from it counts at once."""
    records: dict[str, APIKeyRecord] = {}
    validator = APIKeyValidator(records)

    def accepted() -> bool:
        try:
            return bool(validator.validate(BearerToken(KEY, scheme="ApiKey"), NoKeyProvider()))
        except InvalidTokenError:
            return False

    assert not accepted()
    records[DIGEST] = record()
    assert accepted()
    records[DIGEST] = record(revoked=True)
    assert not accepted()
    records[DIGEST] = record()
    assert accepted()
    del records[DIGEST]
    assert not accepted()


MALFORMED: dict[str, str] = {
    "empty": "",
    "prefix alone": "apikey_",
    "without a prefix": KEY.removeprefix("apikey_"),
    "another prefix": KEY.replace("apikey", "other2"),
    "prefix in upper case": KEY.replace("apikey", "APIKEY"),
    "one more character": f"{KEY}0",
    "one less": KEY[:-1],
    "line feed": f"{KEY}\n",
    "line feed in its place": f"{KEY[:-1]}\n",
    "space before": f" {KEY}",
    "joined by a comma": f"{KEY}, {KEY}",
    "checksum of another": KEY[:-6] + OTHER_KEY[-6:],
    "random part of another": OTHER_KEY[:-6] + KEY[-6:],
    "digest": DIGEST,
    "hyphens": "apikey_" + "-" * 36,
    "full-width digits": "apikey_" + "\uff11" * 36,
    "emoji": "apikey_" + "\U0001f511" * 36,
    "half a surrogate pair": "apikey_" + "\ud800" * 36,
    "zeros": "apikey_" + "0" * 36,
    "long": "apikey_" + "0" * 1_000_000,
    "JWT": TokenIssuer(algorithm="HS256").token(),
    "SQL": "apikey_' OR '1'='1' --0000000000000000000000",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_key_is_refused_without_a_look_up(text: str) -> None:
    """What isn't a key with the right checksum is refused before the function is called."""
    looked_up: list[str] = []
    with raises(MalformedTokenError, match="is not an API key with the prefix 'apikey'") as refused:
        validate(looked_up.append, text)
    assert not looked_up
    assert str(refused.value) == "The API key is malformed"


def test_keys_of_another_prefix_are_refused() -> None:
    """A validator accepts the keys of its prefix only, such as those of its environment."""
    test_key = generate_api_key("acme_test")
    records = [record(key=test_key)]

    assert validate(records, test_key, prefix="acme_test").subject == "nightly-build"
    with raises(MalformedTokenError, match="prefix 'acme_live'"):
        validate(records, test_key, prefix="acme_live")
    assert APIKeyValidator([], prefix="acme_test").max_size == len(test_key)


@pytest.mark.parametrize("scheme", ["Bearer", "Cookie", "X-API-Key", "ApiKeys", ""])
def test_a_key_that_was_sent_by_another_scheme_is_refused(scheme: str) -> None:
    """A bearer token may be in a URL, which is kept in logs, and a cookie is sent by other sites' pages."""
    token = BearerToken(KEY, scheme=scheme)

    with raises(InvalidTokenError, match="expected ApiKey"):
        APIKeyValidator([record()]).validate(token, NoKeyProvider())


def test_the_default_extractor_accepts_no_key() -> None:
    """An Authenticator whose extractor was forgotten refuses keys, in whichever place of a bearer token."""
    auth = Authenticator(validator=APIKeyValidator([record()]))
    app = Flask(__name__)
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/", query_string={"access_token": KEY}).status_code == 401
    assert client.get("/", headers={"Authorization": f"Bearer {KEY}"}).status_code == 401


def test_verify_accepts_the_text_of_a_key() -> None:
    """A key that arrives in a message is verified without a scheme."""
    auth = Authenticator(extractor=APIKeyExtractor(), validator=APIKeyValidator([record()]))

    assert auth.verify(KEY).subject == "nightly-build"
