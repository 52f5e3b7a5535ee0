"""Parsing a JWS: the parts of a well-formed one, and the reason why each other text is refused."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import attrs
import pytest

from flask_jwtlib import BearerToken, UnverifiedHeader
from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import DEFAULT_MAX_SIZE, MAX_JSON_DEPTH, CompactJWS, read_json_object
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import base64url
from tests.kit import raises


def compact(header: Any = None, payload: bytes = b"{}", signature: bytes = b"signature") -> str:
    """Make a JWS of any header, payload and signature."""
    text = (
        header
        if isinstance(header, bytes)
        else json.dumps({"alg": "RS256", **(header or {})}).encode()
    )
    return ".".join(map(base64url, (text, payload, signature)))


def read(jws: CompactJWS) -> tuple[bytes, bytes]:
    """Read everything that is decoded lazily."""
    return jws.payload, jws.signature


def refusal(text: str, **options: Any) -> str:
    """Return the log message for a malformed text."""
    with pytest.raises(MalformedTokenError) as caught:
        read(CompactJWS(text, **options))
    assert caught.value.status == 401
    assert caught.value.error_code == "invalid_token"
    return error_text(caught.value)


def test_a_well_formed_jws_is_parsed() -> None:
    """Header, payload, signature and signing input come from the three segments."""
    token = compact({"kid": "k", "typ": "JWT", "x": [1]}, b"any bytes \xff", b"\x00\xff")

    jws = CompactJWS(token)

    assert jws.header == UnverifiedHeader("RS256", "k", "JWT")
    assert jws.header.parameters == {"alg": "RS256", "kid": "k", "typ": "JWT", "x": [1]}
    assert jws.payload == b"any bytes \xff"
    assert jws.signature == b"\x00\xff"
    assert jws.signing_input == token.rpartition(".")[0].encode()


def test_kid_and_typ_are_optional() -> None:
    """A header needs only an alg."""
    header = CompactJWS(compact()).header

    assert (header.kid, header.typ) == (None, None)


def test_the_header_is_read_only() -> None:
    """The verified header can't be changed."""
    header: Any = CompactJWS(compact()).header.parameters

    with pytest.raises(TypeError):
        header["alg"] = "none"


def test_headers_are_not_shared() -> None:
    """An app's change to a value in one token's header isn't seen in the next token's."""
    token = compact({"kid": "not shared", "list": [], "object": {}})
    parameters = CompactJWS(token).header.parameters
    try:
        parameters["list"].append("changed")
        parameters["object"]["changed"] = True
    except (AttributeError, TypeError):
        pass

    again = CompactJWS(token).header.parameters
    assert (len(again["list"]), len(again["object"])) == (0, 0)


def test_unverified_headers_use_no_memory() -> None:
    """Large headers of forged tokens are not kept."""
    large = [{f"m{member}": 0 for member in range(500)}, {"kid": "k" * 5000}, {"x": [{}] * 1500}]
    tokens = [compact({**large[number % 3], "n": number}) for number in range(200)]
    CompactJWS(tokens[0])

    tracemalloc.start()
    for token in tokens:
        CompactJWS(token)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 2_000_000


def test_more_headers_than_are_kept_are_read() -> None:
    """Each of a thousand headers is read correctly, the first time and again."""
    for _ in range(2):
        for number in range(1000):
            assert (
                CompactJWS(compact({"kid": f"one of many: {number}"})).header.kid
                == f"one of many: {number}"
            )


def test_claims_are_the_payload() -> None:
    """A JWT's claims are its payload, parsed on first access."""
    jws = CompactJWS(compact(payload=b' {"sub": "\\u00e9", "n": [1, 2.5, null, true]} '))

    assert jws.claims() == {"sub": "\u00e9", "n": [1, 2.5, None, True]}


def test_the_payload_is_parsed_lazily() -> None:
    """A JWS whose payload isn't JSON is well-formed, since its signature is checked first."""
    jws = CompactJWS(compact(payload=b"{"))

    with raises(MalformedTokenError, match="claims set is not strict JSON"):
        jws.claims()


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        pytest.param(b'{"sub": "a", "sub": "b"}', "a member is repeated", id="repeated-member"),
        pytest.param(b'{"n": 1e999}', "a number is out of range", id="number-out-of-range"),
        pytest.param(b'{"n": NaN}', "NaN is not a number of JSON", id="nan"),
    ],
)
def test_the_fault_of_loose_json_is_named(payload: bytes, fault: str) -> None:
    """JSON that some parsers accept is refused, and the log says what is wrong with it."""
    jws = CompactJWS(compact(payload=payload))

    with raises(MalformedTokenError, match=f"^the claims set is not strict JSON: {fault}$"):
        jws.claims()


@pytest.mark.parametrize("size", range(1, 8))
def test_segments_of_every_length_are_read(size: int) -> None:
    """The last base64url group of a segment may have two, three or four characters."""
    payload, signature = bytes(range(256 - size, 256)), b"\xff" * size

    jws = CompactJWS(compact(payload=payload, signature=signature))

    assert (jws.payload, jws.signature) == (payload, signature)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "1 parts", id="nothing"),
        pytest.param("abc", "1 parts", id="one-part"),
        pytest.param("a.b", "2 parts", id="two-parts"),
        pytest.param("a.b.c.d", "4 parts", id="four-parts"),
        pytest.param("a.b.c.d.e", "encrypted", id="five-parts"),
        pytest.param("a.b.c.d.e.f", "6 parts", id="six-parts"),
        pytest.param("..", "no signature", id="dots"),
        pytest.param(compact().rpartition(".")[0] + ".", "no signature", id="no-signature"),
        pytest.param(compact() + "=", "not canonical base64url", id="padding"),
        pytest.param(compact() + "\n", "not canonical base64url", id="newline"),
        pytest.param(" " + compact(), "not canonical base64url", id="space"),
        pytest.param(compact() + "\u00e9", "not canonical base64url", id="non-ascii"),
        pytest.param(compact() + "\ud800", "not canonical base64url", id="surrogate"),
        pytest.param("a+/.bbbb.cccc", "not canonical base64url", id="standard-alphabet"),
        pytest.param(
            compact(payload=b"x").replace("eA", "eB"),
            "payload is not canonical",
            id="stray-bits-of-4",
        ),
        pytest.param(
            compact(payload=b"xy").replace("eHk", "eHl"),
            "payload is not canonical",
            id="stray-bits-of-2",
        ),
        pytest.param(
            f"{compact().split('.')[0]}.AAAAA.AAAA", "payload is not canonical", id="length-4n+1"
        ),
        pytest.param(
            f"{compact()}A" if len(compact()) % 4 == 0 else f"{compact().rpartition('.')[0]}.AAAAA",
            "signature is not",
            id="signature-4n+1",
        ),
        pytest.param("AAAAA.e30.AAAA", "header is not canonical", id="header-4n+1"),
        pytest.param(compact(b"[]"), "header is not one JSON object", id="header-array"),
        pytest.param(compact(b"{"), "header is not strict JSON", id="header-broken"),
        pytest.param(compact(b"{}"), "alg is not a string", id="no-alg"),
        pytest.param(compact({"alg": None}), "alg is not a string", id="alg-null"),
        pytest.param(compact({"alg": ["RS256"]}), "alg is not a string", id="alg-array"),
        pytest.param(compact({"kid": 1}), "kid is not a string", id="kid-number"),
        pytest.param(compact({"kid": None}), "kid is not a string", id="kid-null"),
        pytest.param(compact({"typ": {}}), "typ is not a string", id="typ-object"),
        pytest.param(compact({"typ": None}), "typ is not a string", id="typ-null"),
        pytest.param(compact({"crit": []}), "not supported: crit", id="crit"),
        pytest.param(compact({"b64": True}), "not supported: crit, b64", id="b64"),
        pytest.param(compact({"zip": "DEF"}), "not supported", id="zip"),
        pytest.param(compact({"enc": "A128GCM"}), "not supported", id="enc"),
    ],
)
def test_the_error_says_what_is_wrong(text: str, reason: str) -> None:
    """Each malformed text has a reason for the log, and a description without any of the text."""
    assert reason in refusal(text)


def test_size_is_counted_in_characters() -> None:
    """A token may have 8192 characters by default, and one more is refused."""
    assert DEFAULT_MAX_SIZE == 8192
    token = compact(payload=b"x" * 100)

    assert CompactJWS(token, len(token)).payload == b"x" * 100
    assert str(len(token)) in refusal(token, max_size=len(token) - 1)


def test_size_is_checked_first() -> None:
    """A text that is too long is not parsed at all."""
    reason = refusal("\ud800" * 9000)
    assert reason == "the token is too large: it has 9000 characters, and max_size is 8192"


def test_the_description_says_that_a_token_is_too_large() -> None:
    """The refusal's description says so, without a number."""
    with pytest.raises(MalformedTokenError) as caught:
        CompactJWS("a" * 9000)
    assert caught.value.description == "The access token is too large"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"a":1}', id="plain"),
        pytest.param(b' \t\r\n{ "a" : 1 } ', id="white-space"),
        pytest.param(b"{}", id="empty"),
        pytest.param('{"\u00e9":"\U0001f600"}'.encode(), id="utf-8"),
        pytest.param(b'{"a":"\\ud83d\\ude00"}', id="escaped-pair"),
        pytest.param(b'{"a":"\\u0000"}', id="escaped-nul"),
        pytest.param(b'{"a":"\\\\ud800"}', id="escaped-backslash"),
        pytest.param(b'{"a":{"a":{"a":1}}}', id="same-name-on-other-levels"),
        pytest.param(b'{"a":[{"b":1},{"b":1}]}', id="same-name-in-siblings"),
        pytest.param(b'{"a":1e308,"b":-1e308,"c":1e-999}', id="floats"),
        pytest.param(b'{"a":%b}' % (b"9" * 400), id="long-integer"),
        pytest.param(b'{"a":[%b]}' % b",".join([b"[]"] * 500), id="wide"),
        pytest.param(b'{"a":"%b"}' % (b"[{" * 500), id="quoted-brackets"),
        pytest.param(b'{"a":"\\"%b"}' % (b"[" * 500), id="brackets-behind-a-quoted-quote"),
    ],
)
def test_strict_json_equals_json(text: bytes) -> None:
    """Strict JSON is parsed as ``json.loads`` parses it."""
    assert read_json_object(text, "text") == json.loads(text)


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_depth_is_bounded(brackets: tuple[bytes, bytes]) -> None:
    """Objects and arrays may be nested 32 levels deep, including the outermost object."""
    opening, closing = brackets

    def nested(levels: int) -> bytes:
        return b'{"x":%b1%b}' % (opening * (levels - 1), closing * (levels - 1))

    assert read_json_object(nested(MAX_JSON_DEPTH), "text")
    with raises(MalformedTokenError, match="nested more than 32 levels"):
        read_json_object(nested(MAX_JSON_DEPTH + 1), "text")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(b'{"a":1,"a":1}', "not strict JSON", id="duplicate"),
        pytest.param(b'{"a":1,"\\u0061":2}', "not strict JSON", id="duplicate-escaped"),
        pytest.param(b'{"a":NaN}', "not strict JSON", id="nan"),
        pytest.param(b'{"a":1e999}', "not strict JSON", id="infinite"),
        pytest.param(b'{"a":"\xff"}', "not strict JSON", id="no-utf-8"),
        pytest.param(b'{"a":"\\udfff"}', "not strict JSON", id="surrogate"),
        pytest.param(b"\xef\xbb\xbf{}", "not strict JSON", id="byte-order-mark"),
        pytest.param(b"{}{}", "not one JSON object", id="trailing-text"),
        pytest.param(b"", "not strict JSON", id="nothing"),
        pytest.param(b"[]", "not one JSON object", id="array"),
        pytest.param(b'"{}"', "not one JSON object", id="string"),
        pytest.param(b"null", "not one JSON object", id="null"),
    ],
)
def test_json_that_is_not_strict_is_refused(text: bytes, reason: str) -> None:
    """The error names what was read and what was expected, and never quotes the text."""
    with raises(MalformedTokenError, match=f"the thing is {reason}") as caught:
        read_json_object(text, "thing")

    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_error_does_not_quote_the_text() -> None:
    """The JSON decoder's message, which can hold parts of the text, is not passed on."""
    with pytest.raises(MalformedTokenError) as caught:
        read_json_object(b'{"a":secretsecret}', "text")

    assert "secret" not in error_text(caught.value) + repr(caught.value)


def test_a_token_is_parsed_once() -> None:
    """However many strategies parse a token, they share the result."""
    token = BearerToken(compact(payload=b'{"sub": "alice"}'))

    assert CompactJWS.of(token) is CompactJWS.of(token, 8000)
    assert CompactJWS.of(token).claims() == {"sub": "alice"}


def test_a_parsed_token_is_not_shared() -> None:
    """An equal token, or a copy with another text, is parsed separately."""
    token = BearerToken(compact(payload=b'{"sub": "alice"}'))
    read = CompactJWS.of(token)

    assert CompactJWS.of(attrs.evolve(token)) is not read
    other = attrs.evolve(token, value=compact(payload=b'{"sub": "bob"}'))
    assert CompactJWS.of(other).claims() == {"sub": "bob"}
    assert token == attrs.evolve(token)
    assert "parsed" not in repr(token)


def test_a_parsed_token_is_compared_with_a_smaller_size() -> None:
    """Each strategy applies its own max_size."""
    token = BearerToken(compact())
    CompactJWS.of(token)

    with raises(MalformedTokenError, match="too large"):
        CompactJWS.of(token, 10)


@pytest.mark.parametrize(
    ("payload", "issuer"),
    [
        pytest.param(b'{"iss": "https://idp.example"}', "https://idp.example", id="string"),
        pytest.param(b"{}", None, id="absent"),
        pytest.param(b'{"iss": null}', None, id="null"),
        pytest.param(b'{"iss": ["https://idp.example"]}', None, id="array"),
        pytest.param(b'{"iss": 7}', None, id="number"),
    ],
)
def test_one_claim_can_be_read_before_verification(payload: bytes, issuer: str | None) -> None:
    """``unverified_claim`` returns a claim that is a string; otherwise None."""
    jws = CompactJWS(compact(payload=payload))

    assert jws.unverified("iss") == issuer
    assert jws.unverified("iss") == issuer


def test_reading_a_claim_does_not_share_the_claims() -> None:
    """Each caller gets its own claims, which others can't change."""
    jws = CompactJWS(compact(payload=b'{"iss": "a", "roles": ["user"]}'))
    jws.unverified("iss")
    first = jws.claims()
    first["roles"].append("admin")

    assert jws.claims() == {"iss": "a", "roles": ["user"]}
    assert jws.unverified("iss") == "a"


def test_reading_a_claim_of_a_malformed_payload_is_refused() -> None:
    """It raises the same error as reading all claims."""
    with raises(MalformedTokenError, match="claims set"):
        CompactJWS(compact(payload=b'{"iss": "a", "iss": "b"}')).unverified("iss")


def test_depth_is_measured_in_little_memory() -> None:
    """A long string costs no more memory than its own length."""
    payload = b'{"a": "' + rb"[\"{" * 250_000 + b'", "b": ' + b"[" * 20 + b"]" * 20 + b"}"
    assert read_json_object(payload * 1, "text")
    tracemalloc.start()
    try:
        with raises(MalformedTokenError, match="deep"):
            read_json_object(
                payload.replace(b"[" * 20, b"[" * 40).replace(b"]" * 20, b"]" * 40), "text"
            )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(payload)


def test_backslashes_do_not_change_the_depth() -> None:
    """Only brackets outside of strings count."""
    with raises(MalformedTokenError, match="deep"):
        read_json_object(b'{"a": ' + rb"\x" + b"[" * 40 + b"]" * 40 + b"}", "text")
