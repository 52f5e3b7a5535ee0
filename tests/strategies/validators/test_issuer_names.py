"""Which iss values select a trusted issuer."""

from __future__ import annotations

import pytest

from flask_jwtlib import (
    InvalidTokenError,
)
from flask_jwtlib.errors import (
    ClaimError,
    MalformedTokenError,
    WrongIssuerError,
)
from tests.kit import raises

from .issuers_kit import (
    A_URL,
    B_URL,
    A,
    B,
    router_of,
    token_of,
    verify,
)


@pytest.mark.parametrize(
    "iss",
    [
        f"{A_URL}/",
        f"{A_URL}/b",
        f"{A_URL}.",
        f"{A_URL}:443",
        f"{A_URL}?",
        f"{A_URL}#",
        f"{A_URL}@stranger.example",
        f"{A_URL}.stranger.example",
        f" {A_URL}",
        f"{A_URL} ",
        f"{A_URL}\n",
        f"{A_URL}\x00",
        f"{A_URL}\u200b",
        A_URL[:-1],
        A_URL.upper(),
        A_URL.title(),
        A_URL.replace("https", "http"),
        A_URL.replace("a.", "%61."),
        A_URL.replace("a", "\u0430"),
        A_URL.replace("a", "\uff41"),
        A_URL.replace("e", "e\u0301"),
        A_URL.removeprefix("https://"),
        f"{A_URL},{B_URL}",
        f"{A_URL} {B_URL}",
        "",
        "*",
        ".*",
        "None",
        "__class__",
        "a" * 4000,
    ],
    ids=ascii,
)
def test_an_issuer_must_match_exactly(iss: str) -> None:
    """A token whose ``iss`` merely resembles its issuer's name is refused."""
    with raises(InvalidTokenError, match="iss is ") as caught:
        verify(router_of(A, B), token_of(A, iss=iss))

    assert type(caught.value) is WrongIssuerError
    assert caught.value.description == "The access token is from another issuer"


@pytest.mark.parametrize(
    "iss",
    [[A_URL], [A_URL, B_URL], {"": A_URL}, {A_URL: 1}, 1, 0.5, True, [], {}, [[A_URL]]],
    ids=ascii,
)
def test_an_issuer_must_be_a_string(iss: object) -> None:
    """An ``iss`` of another type, such as an array with a trusted issuer, is refused."""
    with raises(InvalidTokenError, match="missing or not a string"):
        verify(router_of(A, B), token_of(A, iss=iss))


@pytest.mark.parametrize(
    "payload",
    [
        '{"sub":"alice","aud":"api"}',
        '{"iss":null,"sub":"alice","aud":"api"}',
        '{"ISS":"https://a.example","aud":"api"}',
        '{" iss":"https://a.example","aud":"api"}',
        '{"act":{"iss":"https://a.example"},"aud":"api"}',
        "{}",
    ],
)
def test_a_token_without_an_issuer_is_refused(payload: str) -> None:
    """A token without ``iss`` is refused, even by a router of one issuer."""
    token = A.compact(b'{"alg":"RS256","kid":"a","iss":"https://a.example"}', payload.encode())

    with raises(InvalidTokenError, match="missing or not a string"):
        verify(router_of(A), token)


@pytest.mark.parametrize(
    "payload",
    [
        '{"iss":"https://a.example","iss":"https://b.example","aud":"api"}',
        '{"iss":"https://a.example","iss":"https://a.example","aud":"api"}',
        '{"iss":"https://a.example","\\u0069ss":"https://b.example","aud":"api"}',
        '{"iss":"https://a.example","aud":"api"',
        '{"iss":"https://a.example","aud":"api"}{}',
        '["https://a.example"]',
        '"https://a.example"',
        '{"iss":"https://a.example\\ud800","aud":"api"}',
        '{"iss":"https://a.example","a":' + "[" * 40 + "]" * 40 + "}",
        '{"iss":"https://a.example","exp":NaN}',
        "",
    ],
)
def test_an_ambiguous_claims_set_is_malformed(payload: str) -> None:
    """A duplicate ``iss``, or a payload that isn't a strict JSON object, is malformed."""
    with pytest.raises(MalformedTokenError):
        verify(router_of(A, B), A.compact(b'{"alg":"RS256","kid":"a"}', payload.encode()))


def test_an_escaped_issuer_is_the_same_issuer() -> None:
    """An ``iss`` with escaped characters selects its issuer, whose rules apply."""
    payload = '{"iss":"https:\\/\\/\\u0061.example","aud":"%s","exp":4102444800}'
    header = b'{"alg":"RS256","kid":"a"}'

    assert verify(router_of(A, B), A.compact(header, (payload % "api").encode())).issuer == A_URL
    with pytest.raises(ClaimError):
        verify(router_of(A, B), A.compact(header, (payload % "other").encode()))


def test_an_issuer_in_the_header_is_ignored() -> None:
    """An ``iss`` in the header (RFC 7519 §5.3) doesn't select an issuer."""
    router = router_of(A, B)
    header = {"iss": A_URL}

    assert verify(router, B.token(aud="api", header=header)).issuer == B_URL
    with raises(InvalidTokenError, match="missing"):
        verify(router, A.token(aud="api", iss=None, header=header))
