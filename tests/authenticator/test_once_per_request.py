from __future__ import annotations

import functools
import json
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import werkzeug.sansio.request
from flask import Flask, Request, g

import flask_jwtlib
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    KeyProvider,
    Scope,
    StaticKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    current_principal,
)
from flask_jwtlib.jws import _base64url
from flask_jwtlib.keys._key_index import KeyIndex
from flask_jwtlib.testing import TokenIssuer, bearer

Count = Counter[str]


class CountingExtractor:
    """The default extractor, with its calls counted."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self.inner = BearerTokenExtractor()

    def extract(self, request: Any) -> BearerToken | None:
        self.count["extraction"] += 1
        return self.inner.extract(request)


class CountingProvider:
    """A static provider, with its calls counted."""

    def __init__(self, count: Count, key: VerificationKey) -> None:
        self.count = count
        self.inner = StaticKeyProvider(key)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        self.count["key lookup"] += 1
        return self.inner.keys_for(header)


def counted(count: Count, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Count a function's calls."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        count[what] += 1
        return function(*args, **kwargs)

    return call


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Counts a request's expensive steps: parsing and signature checks."""
    count: Count = Counter()
    monkeypatch.setattr(
        json.JSONDecoder, "raw_decode", counted(count, "JSON parse", json.JSONDecoder.raw_decode)
    )
    monkeypatch.setattr(
        _base64url, "a2b_base64", counted(count, "base64 decode", _base64url.a2b_base64)
    )
    monkeypatch.setattr(
        Request,
        "make_form_data_parser",
        counted(count, "form parse", Request.make_form_data_parser),
    )
    monkeypatch.setattr(
        werkzeug.sansio.request,
        "parse_qsl",
        counted(count, "query parse", werkzeug.sansio.request.parse_qsl),
    )
    monkeypatch.setattr(
        VerificationKey, "verify", counted(count, "signature check", VerificationKey.verify)
    )
    monkeypatch.setattr(
        VerificationKey,
        "__attrs_post_init__",
        counted(count, "key parse", VerificationKey.__attrs_post_init__),
    )
    monkeypatch.setattr(KeyIndex, "of", staticmethod(counted(count, "key set", KeyIndex.of)))
    return count


@pytest.fixture
def counting(count: Count, issuer: TokenIssuer) -> Authenticator:
    """An Authenticator whose strategies count their calls, not including its construction."""
    auth = Authenticator(
        keys=CountingProvider(count, issuer.verification_key), extractor=CountingExtractor(count)
    )
    count.clear()
    return auth


ONCE = {"extraction": 1, "key lookup": 1, "signature check": 1}


def assert_decided(count: Count, times: int = 1) -> None:
    """Assert that nothing was done twice, and no key, form or query was parsed."""
    assert 1 <= count.pop("JSON parse") <= 2 * times
    assert 2 <= count.pop("base64 decode") <= 3 * times
    assert count == dict.fromkeys(ONCE, times)


@pytest.fixture
def unseen(issuer: TokenIssuer) -> str:
    """A token of Alice's with a header that was not read before."""
    return issuer.token("alice", header={"nonce": secrets.token_hex(8)}, scope="api")


@pytest.mark.parametrize("decorator", ["requires_authentication", "optional_authentication"])
def test_the_cost_of_an_accepted_request(
    app: Flask, count: Count, counting: Authenticator, unseen: str, decorator: str
) -> None:
    """One extraction, one key lookup, no key parse, one signature check, at most two JSON parses."""
    app.add_url_rule("/", "view", getattr(counting, decorator)(lambda: current_principal.subject))
    client = app.test_client()

    for _ in range(3):
        count.clear()
        assert client.get("/", headers=bearer(unseen)).text == "alice"
        assert_decided(count)


def test_a_request_is_decided_once(
    app: Flask, count: Count, counting: Authenticator, unseen: str
) -> None:
    """Default-deny, guards, stacked decorators, nested views and authenticate() share one decision."""
    counting.protect(app)
    app.before_request(counting.guard(rules=[Scope("api")]))

    @counting.requires_authentication
    def nested() -> str:
        return current_principal.subject or ""

    @app.get("/")
    @counting.requires_authentication(rules=[Scope("api")])
    @counting.optional_authentication
    def view() -> str:
        return nested() + (counting.authenticate().subject or "")

    response = app.test_client().get("/", headers=bearer(unseen))

    assert response.text == "alicealice"
    assert_decided(count)


def test_a_refusal_is_decided_once(
    app: Flask, count: Count, counting: Authenticator, expired: str
) -> None:
    """A refused token is not verified again within its request."""

    @app.get("/")
    @counting.optional_authentication
    @counting.optional_authentication
    def view() -> str:
        return "anonymous" if not current_principal else "somebody"

    assert app.test_client().get("/", headers=bearer(expired)).text == "anonymous"
    assert_decided(count)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, {"extraction": 1}, id="none"),
        pytest.param({"Authorization": "Bearer !"}, {"extraction": 1}, id="malformed header"),
        pytest.param(bearer("garbage"), {"extraction": 1}, id="garbage"),
        pytest.param(bearer("eyJhbGciOiJub25lIn0.e30.AA"), {"extraction": 1}, id="alg none"),
    ],
)
def test_a_malformed_token_needs_no_key(
    app: Flask, count: Count, counting: Authenticator, headers: Any, expected: dict[str, int]
) -> None:
    """A token that is refused by its form causes no key lookup."""
    app.add_url_rule("/", "view", counting.requires_authentication(lambda: "in"))

    assert 400 <= app.test_client().get("/", headers=headers).status_code <= 401
    assert count.pop("JSON parse", 0) <= 1
    assert count.pop("base64 decode", 0) <= 1
    assert count == expected


@pytest.mark.parametrize(
    "header", [{"kid": "unknown"}, {"alg": "PS512"}], ids=["unknown kid", "wrong alg"]
)
def test_a_token_refused_by_its_header_is_not_decoded(
    app: Flask, count: Count, counting: Authenticator, issuer: TokenIssuer, header: dict[str, str]
) -> None:
    """Its payload is not decoded and its signature not checked."""
    app.add_url_rule("/", "view", counting.requires_authentication(lambda: "in"))
    token = issuer.token("alice", header={"nonce": secrets.token_hex(8)} | header)
    count.clear()

    assert app.test_client().get("/", headers=bearer(token)).status_code == 401
    assert (count["base64 decode"], count["JSON parse"], count["signature check"]) == (1, 1, 0)


def test_a_query_that_may_hold_a_token_is_parsed(
    app: Flask, count: Count, counting: Authenticator, token: str
) -> None:
    """A query is parsed if it may hold a token; a form's bytes are searched and never parsed."""
    auth = counting.evolve(extractor=BearerTokenExtractor())
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"), methods=["POST"])
    client = app.test_client()

    for place, expected in (("query_string", 1), ("data", 0)):
        count.clear()
        assert client.post("/", **{place: {"access_token": token}}).text == "in"
        assert (count["query parse"], count["form parse"]) == (expected, 0)
    for body in ({"json": {"a": 1}}, {"data": {"a": 1}}, {"data": "a=%20"}):
        count.clear()
        form = {} if "json" in body else {"content_type": "application/x-www-form-urlencoded"}
        assert client.post("/?page=2", **body, **form, headers=bearer(token)).text == "in"
        assert (count["query parse"], count["form parse"]) == (0, 0)


def test_the_claims_of_a_forged_token_are_not_parsed(
    app: Flask, count: Count, counting: Authenticator, other_issuer: TokenIssuer
) -> None:
    """The claims are read after the signature was verified, not before."""
    app.add_url_rule("/", "view", counting.requires_authentication(lambda: "in"))
    forged = other_issuer.token(header={"nonce": secrets.token_hex(8)})

    assert app.test_client().get("/", headers=bearer(forged)).status_code == 401
    assert count.pop("JSON parse", 0) <= 1
    assert count.pop("base64 decode") <= 2
    assert count == ONCE


def test_each_authenticator_decides_separately(
    app: Flask, count: Count, counting: Authenticator, token: str
) -> None:
    """Two Authenticators on one request share nothing: each one extracts and verifies."""

    @app.get("/")
    @counting.evolve().requires_authentication
    @counting.requires_authentication
    def view() -> str:
        return "in"

    assert app.test_client().get("/", headers=bearer(token)).text == "in"
    assert_decided(count, times=2)


def test_a_custom_validators_result_is_kept(app: Flask, issuer: TokenIssuer, token: str) -> None:
    """A custom validator runs once per request, and its mapping is published as one object."""

    class Validator:
        calls = 0

        def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
            self.calls += 1
            return {"sub": "own"}

    validator = Validator()
    auth = Authenticator(keys=issuer.verification_key, validator=validator)
    seen: list[Claims] = []

    def look() -> str:
        seen.append(g.json_token)
        return "in"

    view = auth.requires_authentication(auth.requires_authentication(look))
    app.add_url_rule("/", "view", view)
    auth.protect(app)

    assert app.test_client().get("/", headers=bearer(token)).text == "in"
    assert validator.calls == 1
    assert type(seen[0]) is Claims


@pytest.mark.parametrize("source", ["permanent", "retrieved"])
@pytest.mark.parametrize("decorator", ["requires_authentication", "optional_authentication"])
def test_the_module_api_decides_once(
    app: Flask, count: Count, issuer: TokenIssuer, unseen: str, source: str, decorator: str
) -> None:
    """The documented functions verify once per request, however often a view calls them."""
    fetches: list[int] = []
    default_get_token = flask_jwtlib.get_token
    default_verification_key = flask_jwtlib.verification_key

    def retrieve() -> str:
        fetches.append(1)
        return issuer.public_pem

    if source == "permanent":
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    else:
        flask_jwtlib.retrieve_verification_key = retrieve
    flask_jwtlib.get_token = counted(count, "extraction", default_get_token)
    flask_jwtlib.verification_key = counted(  # type: ignore[assignment]
        count, "key lookup", default_verification_key
    )

    @app.get("/")
    @getattr(flask_jwtlib, decorator)
    def view() -> str:
        claims = flask_jwtlib.get_json_token()
        assert flask_jwtlib.is_authenticated()
        assert claims == g.json_token
        return f"{claims['sub']} {current_principal.subject}"

    client = app.test_client()
    assert client.get("/", headers=bearer(issuer.token())).text == "alice alice"

    for _ in range(3):
        count.clear()
        assert client.get("/", headers=bearer(unseen)).text == "alice alice"
        assert_decided(count)
    assert len(fetches) == (source == "retrieved")
