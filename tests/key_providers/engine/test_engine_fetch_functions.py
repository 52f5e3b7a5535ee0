"""Which functions fetch keys, how they are called, and what they may return."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import ConfigurationError, KeySet, TTLKeyProvider, VerificationUnavailable
from flask_jwtlib.key_providers import FetchedKeys
from flask_jwtlib.testing import TokenIssuer


async def _fetch_asynchronously() -> object:
    return None


@pytest.mark.parametrize("fetch", [None, "url", {"keys": []}], ids=["None", "str", "dict"])
def test_a_fetch_that_is_not_callable_is_refused(fetch: Any) -> None:
    """A URL or a key in place of the function raises, and the message doesn't show a secret."""
    with pytest.raises(ConfigurationError, match="fetch must be a function") as refusal:
        TTLKeyProvider(fetch)
    assert "url" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fetch", "message"),
    [
        pytest.param(_fetch_asynchronously, "async", id="async"),
        pytest.param(lambda header: header, "needs header", id="argument"),
        pytest.param(lambda one, *, two: None, "needs one, two", id="arguments"),
        pytest.param(lambda kid, /: None, "needs kid", id="positional kid"),
    ],
)
def test_a_fetch_with_required_arguments_or_async_is_refused(fetch: Any, message: str) -> None:
    """An async function, or one with required arguments, raises when the provider is made."""
    with pytest.raises(ConfigurationError, match=message):
        TTLKeyProvider(fetch)


def test_a_fetch_without_a_signature_is_called_without_arguments(clock: Any) -> None:
    """If Python can't tell a callable's parameters, it is called, and its failure is an outage."""
    provider: Any = TTLKeyProvider(min, clock=clock)

    with pytest.raises(VerificationUnavailable):
        provider.key_set()


def _take_nothing() -> Any:
    return {}


def _take_anything(*args: Any, **kwargs: Any) -> Any:
    return {"args": args, **kwargs}


def _take_kid(kid: str | None) -> Any:
    return {"kid": kid}


def _take_kid_by_name(*, kid: str | None = "left out") -> Any:
    return {"kid": kid}


def _take_kid_by_place(kid: str | None = "left out", /) -> Any:
    return {"kid": kid}


def _take_kids(*kid: str | None) -> Any:
    return {"kid": kid}


def _take_more(other: int = 1, kid: str | None = "left out") -> Any:
    return {"kid": kid, "other": other}


@pytest.mark.parametrize(
    ("fetch", "arguments"),
    [
        pytest.param(_take_nothing, {}, id="none"),
        pytest.param(_take_anything, {"args": ()}, id="any"),
        pytest.param(_take_kid, {"kid": None}, id="kid"),
        pytest.param(_take_kid_by_name, {"kid": None}, id="kid by name"),
        pytest.param(_take_kid_by_place, {"kid": "left out"}, id="kid by place"),
        pytest.param(_take_kids, {"kid": ()}, id="all arguments named kid"),
        pytest.param(_take_more, {"kid": None, "other": 1}, id="kid and other"),
    ],
)
def test_a_fetch_gets_the_kid_if_it_has_such_a_parameter(
    issuer: TokenIssuer, clock: Any, fetch: Callable[..., Any], arguments: dict[str, Any]
) -> None:
    """It is called without arguments, or with ``kid=`` if it has a parameter of that name."""
    called: list[Any] = []

    class Fetch:
        __signature__ = inspect.signature(fetch)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            called.append(fetch(*args, **kwargs))
            return issuer.verification_key

    TTLKeyProvider(Fetch(), clock=clock).warm_up()

    assert called == [arguments]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda issuer: issuer.public_pem, id="PEM"),
        pytest.param(lambda issuer: issuer.public_pem.encode(), id="bytes"),
        pytest.param(lambda issuer: [issuer.public_pem], id="list"),
        pytest.param(lambda issuer: iter([issuer.public_pem]), id="iterator"),
        pytest.param(lambda issuer: issuer.jwk, id="JWK"),
        pytest.param(lambda issuer: issuer.jwks, id="JWK set"),
        pytest.param(lambda issuer: issuer.verification_key, id="VerificationKey"),
        pytest.param(lambda issuer: KeySet([issuer.verification_key]), id="KeySet"),
        pytest.param(lambda issuer: FetchedKeys(issuer.jwks), id="FetchedKeys"),
    ],
)
def test_a_fetch_may_return_keys_in_any_form(
    issuer: TokenIssuer, make_source: Any, clock: Any, by: Any, make: Callable[..., Any]
) -> None:
    """A fetch may return keys in any form that ``KeySet.of`` accepts."""
    provider = TTLKeyProvider(make_source(make(issuer)), clock=clock)

    (only,) = provider.keys_for(by("key-1"))
    assert only.verify("RS256", b"x", issuer.sign(b"x"))
