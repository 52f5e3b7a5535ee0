"""Properties that hold for every input, tested with Hypothesis."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flask_jwtlib import (
    AuthenticationError,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    InvalidTokenError,
    JWTValidator,
    StaticKeyProvider,
)
from flask_jwtlib.claim_rules import Expiry, IssuedAt, NotBefore
from flask_jwtlib.errors import ClaimError, InvalidRequestError, MalformedTokenError
from flask_jwtlib.extractors import HeaderTokenExtractor, QueryTokenExtractor
from flask_jwtlib.jws import CompactJWS, read_json_object
from flask_jwtlib.log_text import error_text, quoted
from flask_jwtlib.testing import TokenIssuer, base64url

bounded = settings(max_examples=200, database=None)

NOW = 1_700_000_000
SECRET = b"a secret for tests alone, long enough for each of the three hashes..."
ISSUERS = {
    "RS256": TokenIssuer(clock=lambda: NOW),
    "ES256": TokenIssuer(algorithm="ES256", clock=lambda: NOW),
    "HS256": TokenIssuer(algorithm="HS256", private_key=SECRET, clock=lambda: NOW),
    "EdDSA": TokenIssuer(algorithm="EdDSA", clock=lambda: NOW),
}
KEYS = {name: StaticKeyProvider(issuer.verification_key) for name, issuer in ISSUERS.items()}
VALIDATORS = {name: JWTValidator(algorithms=name, clock=lambda: NOW) for name in ISSUERS}
GOOD = {name: issuer.token() for name, issuer in ISSUERS.items()}

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
characters = st.characters(codec=None)
latin_1 = st.text(st.characters(max_codepoint=255))
token_like = st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,5}", fullmatch=True)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(characters, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(characters, max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.sampled_from(
    ["alg", "kid", "typ", "crit", "b64", "zip", "enc", "jwk", "jku", "x5c", "cty"]
)
claim_names = st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp"])


def validated(algorithm: str, token: str) -> Claims | None:
    """Return the validated claims, or None for a refusal. Other errors propagate."""
    try:
        return VALIDATORS[algorithm].validate(BearerToken(token), KEYS[algorithm])
    except InvalidTokenError as refusal:
        error = refusal
    assert error_text(error).isprintable()
    assert len(token) < 16 or token not in error_text(error) + str(error) + repr(error)
    return None


def as_json(value: Any) -> bytes:
    """Return JSON as an attacker writes it: with NaN, and with surrogates unescaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@bounded
@given(st.text(characters) | token_like)
@example("..")
@example("\ud800.\ud800.\ud800")
@example("eyJhbGciOiJub25lIn0.e30.")
def test_a_text_is_a_jws_or_malformed(text: str) -> None:
    """Parsing any text as a JWS returns a ``CompactJWS`` or raises ``MalformedTokenError``."""
    try:
        jws = CompactJWS(text)
        read = jws.header.alg, jws.payload, jws.signature
    except MalformedTokenError:
        return
    assert list(map(type, read)) == [str, bytes, bytes]


@bounded
@given(st.text(characters) | token_like)
def test_no_unsigned_text_is_accepted(text: str) -> None:
    """Any unsigned text is refused, and only by an ``AuthenticationError``."""
    assert [validated(algorithm, text) for algorithm in ISSUERS] == [None] * len(ISSUERS)


@bounded
@given(st.binary(max_size=200) | json_values.map(as_json))
@example(b"")
@example(b"\xff")
@example(b'{"a":' * 2000)
@example(b'{"a":1e999}')
@example(b'{"a":"\\ud800"}')
def test_bytes_are_a_json_object_or_malformed(data: bytes) -> None:
    """Strict parsing returns the same as lenient parsing, or raises ``MalformedTokenError``."""
    try:
        value = read_json_object(data, "text")
    except MalformedTokenError:
        return
    assert value == json.loads(data)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@bounded
@given(header=st.dictionaries(names | st.text(characters, max_size=5), json_values, max_size=5))
def test_signed_headers(header: dict[str, Any]) -> None:
    """With any header, the signed token is accepted or refused by an ``AuthenticationError``."""
    for algorithm, issuer in ISSUERS.items():
        for alg in ({"alg": algorithm}, {}):
            claims = validated(
                algorithm, issuer.compact(as_json({**header, **alg}), b'{"sub":"alice"}')
            )
            assert claims is None or claims == {"sub": "alice"}
            if {"crit", "b64", "zip", "enc"} & header.keys() or not alg:
                assert claims is None


@bounded
@given(
    payload=st.dictionaries(claim_names | st.text(characters, max_size=5), json_values, max_size=6)
    | json_values
)
def test_signed_claims(payload: Any) -> None:
    """With any claims set, the signed token is accepted or refused by an ``AuthenticationError``."""
    for algorithm in ("HS256", "EdDSA"):
        claims = validated(
            algorithm,
            ISSUERS[algorithm].compact(b'{"alg":"%b"}' % algorithm.encode(), as_json(payload)),
        )
        if claims is not None:
            assert claims == payload
            assert "aud" not in claims
            assert type(claims.get("sub", "")) is str
            assert all(type(scope) is str for scope in claims.scopes)
            assert claims.get("exp", math.inf) > NOW >= claims.get("nbf", -math.inf)


@bounded
@given(data=st.binary(max_size=300))
def test_signed_bytes(data: bytes) -> None:
    """Signed bytes as header or claims raise nothing but ``AuthenticationError``, either."""
    issuer = ISSUERS["HS256"]
    validated("HS256", issuer.compact(data, b"{}"))
    validated("HS256", issuer.compact(b'{"alg":"HS256"}', data))


# One change of a text: where, how many characters are removed, and what is inserted.
changes = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 3),
        st.text(st.sampled_from(BASE64URL + ".=+/ \n\t%,\x00\xe9\u200b"), max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("algorithm", list(ISSUERS))
@bounded
@given(changes=changes)
def test_no_other_text_is_the_same_token(
    algorithm: str, changes: list[tuple[int, int, str]]
) -> None:
    """However a valid token is changed: if the result is accepted, it is the very same text."""
    token = GOOD[algorithm]
    for position, removed, added in changes:
        at = position % (len(token) + 1)
        token = token[:at] + added + token[at + removed :]

    assert (validated(algorithm, token) is not None) == (token == GOOD[algorithm])


@pytest.mark.parametrize("algorithm", list(ISSUERS))
def test_no_similar_text_is_the_same_token(algorithm: str) -> None:
    """With one of its last characters replaced, a token is refused."""
    for end, character in ((end, character) for end in range(1, 4) for character in BASE64URL):
        text = GOOD[algorithm]
        changed = text[: len(text) - end] + character + text[len(text) - end + 1 :]

        assert (validated(algorithm, changed) is not None) == (changed == text)


@bounded
@given(st.text(BASE64URL + "=+/ \n", max_size=30), st.text(BASE64URL, max_size=30))
def test_a_segment_has_one_spelling(payload: str, signature: str) -> None:
    """Encoding what was read from a segment returns the segment: no two texts are read alike."""
    header = base64url(b'{"alg":"HS256"}')
    try:
        jws = CompactJWS(f"{header}.{payload}.{signature}")
        read = jws.payload, jws.signature
    except MalformedTokenError:
        return
    assert tuple(map(base64url, read)) == (payload, signature)
    assert jws.signing_input == f"{header}.{payload}".encode()


dates = st.integers() | st.integers(NOW - 5, NOW + 5) | st.floats() | st.floats(NOW - 5, NOW + 5)


@bounded
@given(date=dates, leeway=st.integers(0, 10))
@example(date=NOW, leeway=0)
@example(date=float(NOW), leeway=0)
@example(date=math.nan, leeway=0)
@example(date=math.inf, leeway=0)
@example(date=-math.inf, leeway=0)
@example(date=10**400, leeway=0)
@example(date=10**300, leeway=0)
@example(date=2**63 - 1, leeway=0)
@example(date=True, leeway=0)
def test_numeric_dates(date: float, leeway: int) -> None:
    """Exp must be a number beyond now - leeway; nbf and iat must not be beyond now + leeway."""
    try:
        valid = not isinstance(date, bool) and math.isfinite(date)
    except OverflowError:
        valid = False

    def accepts(rule: Any, claim: str) -> bool:
        try:
            rule(Claims({claim: date}, checked_at=NOW))
        except ClaimError:
            return False
        return True

    assert accepts(Expiry(leeway), "exp") == (valid and date > NOW - leeway)
    assert accepts(NotBefore(leeway), "nbf") == (valid and date <= NOW + leeway)
    assert accepts(IssuedAt(leeway=leeway), "iat") == (valid and date <= NOW + leeway)


APP = Flask("properties")
authorizations = latin_1 | st.tuples(
    st.sampled_from(["Bearer", "bearer", "BEARER", "Basic", "Bearer "]),
    st.sampled_from([" ", "  ", "\t", ""]),
    latin_1,
).map("".join)
queries = latin_1 | st.lists(
    st.tuples(
        st.sampled_from(["access_token", "%61ccess_token", "access%5Ftoken", "x", "", "\xff"]),
        st.sampled_from(["=", "", "=="]),
        latin_1,
    ).map("".join),
    max_size=4,
).map("&".join)


def extracted(**environ: Any) -> BearerToken | None:
    """Return the request's token, or None, also if the extractor refuses."""
    with APP.test_request_context("/", environ_overrides=environ) as context:
        try:
            token = BearerTokenExtractor().extract(context.request)
        except InvalidRequestError:
            return None
    assert token is None or (token.value and token.value.isascii() and token.value.isprintable())
    return token


@bounded
@given(value=authorizations)
def test_authorization_headers(value: str) -> None:
    """Any Authorization header has a token, has none, or is malformed; the token is part of the header."""
    token = extracted(HTTP_AUTHORIZATION=value)

    assert token is None or value.rpartition(" ")[2] == token.value
    assert token is None or value[:7].lower() == "bearer "


@bounded
@given(text=queries)
@example("access_token=x&y=\xff")
def test_query_strings(text: str) -> None:
    """Any query string has a token, has none, or is malformed."""
    extracted(QUERY_STRING=text)


@bounded
@given(
    authorization=authorizations,
    query=queries,
    body=st.binary(max_size=50) | queries.map(lambda q: q.encode("latin-1")),
)
def test_requests(authorization: str, query: str, body: bytes) -> None:
    """Any header, query and form together have one token, have none, or are malformed."""
    with APP.test_request_context(
        "/",
        method="POST",
        data=body,
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"HTTP_AUTHORIZATION": authorization, "QUERY_STRING": query},
    ) as context:
        alone = []
        for extractor in (HeaderTokenExtractor(), QueryTokenExtractor()):
            try:
                alone.append(extractor.extract(context.request) is not None)
            except InvalidRequestError:
                alone.append(True)
        try:
            token = BearerTokenExtractor().extract(context.request)
        except InvalidRequestError:
            return
    assert token is None or sum(alone) <= 1


@bounded
@given(value=json_values)
def test_quoting(value: object) -> None:
    """A value is logged in printable ASCII and at a limited length."""
    text = quoted(value)

    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 120


@bounded
@given(value=st.text(characters))
def test_refusals_are_authentication_errors(value: str) -> None:
    """A bearer token of any text is refused by an ``AuthenticationError``, as the interface requires."""
    with pytest.raises(AuthenticationError):
        VALIDATORS["RS256"].validate(BearerToken(value), KEYS["RS256"])
