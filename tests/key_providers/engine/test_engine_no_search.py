"""Tokens that cause no search for their key."""

from __future__ import annotations

from typing import Any

import pytest

from flask_jwtlib import BearerToken, InvalidTokenError, JWTValidator, TTLKeyProvider
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    MalformedTokenError,
    UnknownKeyError,
)
from flask_jwtlib.testing import TokenIssuer, base64url

from .kit import found


def test_a_key_without_a_kid_causes_no_search(
    make_source: Any, clock: Any, by: Any, issuer: TokenIssuer
) -> None:
    """If the provider's key has no kid, no token's kid is unknown."""
    source = make_source(issuer.public_pem)
    provider = TTLKeyProvider(source, clock=clock)
    for number in range(50):
        assert len(provider.keys_for(by(f"made-up-{number}"))) == 1

    assert source.fetches == 1


KID = {"kid": "unheard-of"}


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        pytest.param(lambda ours, _: ours.token(header={"kid": None}), None, id="no kid"),
        pytest.param(
            lambda ours, theirs: theirs.token(header={"kid": None}), BadSignatureError, id="forged"
        ),
        pytest.param(lambda ours, theirs: theirs.token(), BadSignatureError, id="forged, our kid"),
        pytest.param(
            lambda ours, _: ours.token(header={"alg": "HS256", **KID}),
            AlgorithmError,
            id="algorithm not allowed",
        ),
        pytest.param(
            lambda ours, _: ours.token(header={"alg": "none", **KID}), AlgorithmError, id="none"
        ),
        pytest.param(
            lambda ours, _: ours.token(header={"alg": "PS256"}),
            UnknownKeyError,
            id="algorithm not the key's",
        ),
        pytest.param(
            lambda ours, _: ours.token(header=KID, padding="x" * 10_000),
            MalformedTokenError,
            id="too large",
        ),
        pytest.param(
            lambda ours, _: ours.token(header={"crit": ["exp"], **KID}),
            InvalidTokenError,
            id="critical extension",
        ),
        pytest.param(lambda *_: "a.b.c", MalformedTokenError, id="garbage"),
        pytest.param(
            lambda ours, _: f"{base64url(b'{}')}.{base64url(b'{}')}.x", InvalidTokenError, id="bare"
        ),
    ],
)
def test_tokens_refused_for_other_reasons_cause_no_fetch(
    source: Any,
    clock: Any,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    make: Any,
    refusal: type[Exception] | None,
) -> None:
    """A token without a kid, with a wrong algorithm, badly signed or too large causes no fetch."""
    source.result = issuer.jwks
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    validator = JWTValidator(algorithms=["RS256", "PS256"])
    token = BearerToken(make(issuer, other_issuer))

    if refusal is None:
        assert validator.validate(token, provider)["sub"] == "alice"
    else:
        with pytest.raises(refusal):
            validator.validate(token, provider)
    assert source.fetches == 1


@pytest.mark.parametrize("parameter", ["jku", "x5u", "jwk", "x5c"])
def test_keys_and_key_urls_in_a_token_are_ignored(
    source: Any,
    clock: Any,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
    parameter: str,
) -> None:
    """A key in a token's header, or a URL of one, is neither used nor fetched."""
    source.result = issuer.jwks
    provider = TTLKeyProvider(source, clock=clock)
    provider.warm_up()
    values: dict[str, Any] = {
        "jku": "http://127.0.0.1:9/keys",
        "x5u": "http://127.0.0.1:9/cert",
        "jwk": other_issuer.jwk,
        "x5c": ["MIIB"],
    }

    def connect(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setattr("socket.socket.connect", connect)
    header = {parameter: values[parameter]}
    validator = JWTValidator(algorithms=["RS256"])

    with pytest.raises(BadSignatureError):
        validator.validate(BearerToken(other_issuer.token(header=header)), provider)
    assert validator.validate(BearerToken(issuer.token(header=header)), provider)["sub"] == "alice"
    assert source.fetches == 1


def test_the_first_fetch_gets_the_kid_and_finds_it(
    source: Any,
    provider: TTLKeyProvider,
    by: Any,
) -> None:
    """A cold provider fetches once, with the token's kid."""
    assert found(provider, by("a")) == ["a"]
    assert source.kids == ["a"]


def test_the_first_fetch_proves_absence(
    source: Any, provider: TTLKeyProvider, by: Any, clock: Any
) -> None:
    """A fetch that began after the token came is not repeated for that token."""
    assert found(provider, by("b")) == []
    assert found(provider, by("b")) == []
    assert source.kids == ["b"]

    clock.move(5)
    assert found(provider, by("b")) == []
    assert source.kids == ["b", "b"]


def test_a_fetch_of_all_keys_at_expiry_proves_absence(
    source: Any, key: Any, by: Any, clock: Any
) -> None:
    """A fetch of all keys is not repeated for an unknown kid; one with a ``kid`` parameter is."""
    fetches: list[None] = []

    def all_keys() -> Any:
        fetches.append(None)
        return [key("a")]

    provider = TTLKeyProvider(all_keys, clock=clock)
    with_kid = TTLKeyProvider(source, clock=clock)
    for each in (provider, with_kid):
        each.warm_up()
    clock.move(300)
    for each in (provider, with_kid):
        assert found(each, by("b")) == []

    assert len(fetches) == 2
    assert source.kids == [None, None, "b"]
