"""Reading a JWS: what a well-formed one says, and what each other text is refused as."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import attrs
import pytest

from flask_jwtlib import BearerToken, UnverifiedHeader
from flask_jwtlib.errors import MalformedTokenError
from flask_jwtlib.jws import DEFAULT_MAX_SIZE, MAX_JSON_DEPTH, CompactJWS, read_json_object
from flask_jwtlib.testing import base64url


def compact(header: Any = None, payload: bytes = b"{}", signature: bytes = b"signature") -> str:
    """A JWS of any header, payload and signature."""
    text = (
        header
        if isinstance(header, bytes)
        else json.dumps({"alg": "RS256", **(header or {})}).encode()
    )
    return ".".join(map(base64url, (text, payload, signature)))


def read(jws: CompactJWS) -> tuple[bytes, bytes]:
    """All that is decoded only when it is asked for."""
    return jws.payload, jws.signature


def refusal(text: str, **options: Any) -> str:
    """What the log would say of a malformed text."""
    with pytest.raises(MalformedTokenError) as caught:
        read(CompactJWS(text, **options))
    assert caught.value.status == 401
    assert caught.value.code == "invalid_token"
    return str(caught.value)


def test_a_well_formed_jws_is_taken_apart() -> None:
    """Header, payload, signature and signing input are those of the three segments."""
    token = compact({"kid": "k", "typ": "JWT", "x": [1]}, b"any bytes \xff", b"\x00\xff")

    jws = CompactJWS(token)

    assert jws.header == UnverifiedHeader("RS256", "k", "JWT")
    assert jws.header.parameters == {"alg": "RS256", "kid": "k", "typ": "JWT", "x": [1]}
    assert jws.payload == b"any bytes \xff"
    assert jws.signature == b"\x00\xff"
    assert jws.signing_input == token.rpartition(".")[0].encode()


def test_kid_and_typ_may_be_absent() -> None:
    """A header needs an alg and nothing else."""
    header = CompactJWS(compact()).header

    assert (header.kid, header.typ) == (None, None)


def test_the_header_is_read_only() -> None:
    """What was verified can't be changed afterwards."""
    header: Any = CompactJWS(compact()).header.parameters

    with pytest.raises(TypeError):
        header["alg"] = "none"


def test_headers_are_not_shared() -> None:
    """What an app does to a value within one token's header is not seen in the next token's."""
    token = compact({"kid": "not shared", "list": [], "object": {}})
    parameters = CompactJWS(token).header.parameters
    try:
        parameters["list"].append("changed")
        parameters["object"]["changed"] = True
    except (AttributeError, TypeError):
        pass

    again = CompactJWS(token).header.parameters
    assert (len(again["list"]), len(again["object"])) == (0, 0)


def test_invented_headers_hold_no_memory() -> None:
    """However many tokens with large headers a stranger sends, none of them is kept."""
    large = [{f"m{member}": 0 for member in range(500)}, {"kid": "k" * 5000}, {"x": [{}] * 1500}]
    tokens = [compact({**large[number % 3], "n": number}) for number in range(600)]
    CompactJWS(tokens[0])

    tracemalloc.start()
    for token in tokens:
        CompactJWS(token)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 2_000_000


def test_more_headers_than_are_kept_are_read() -> None:
    """Each of a thousand headers is read for itself, at first and again."""
    for _ in range(2):
        for number in range(1000):
            assert (
                CompactJWS(compact({"kid": f"one of many: {number}"})).header.kid
                == f"one of many: {number}"
            )


def test_claims_are_the_payload() -> None:
    """The payload of a JWT is its claims, parsed when they are asked for."""
    jws = CompactJWS(compact(payload=b' {"sub": "\\u00e9", "n": [1, 2.5, null, true]} '))

    assert jws.claims() == {"sub": "\u00e9", "n": [1, 2.5, None, True]}


def test_the_payload_is_not_looked_at_before_it_is_asked_for() -> None:
    """A JWS whose payload is no JSON is well-formed: its signature comes first."""
    jws = CompactJWS(compact(payload=b"{"))

    with pytest.raises(MalformedTokenError, match="claims set is not strict JSON"):
        jws.claims()


@pytest.mark.parametrize("size", range(1, 8))
def test_segments_of_every_length_are_read(size: int) -> None:
    """Segments end with one, two or three characters, or with none, beyond groups of four."""
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
def test_the_refusal_says_what_is_wrong(text: str, reason: str) -> None:
    """Each malformed text is refused with a reason for the log, and a description that repeats none of it."""
    assert reason in refusal(text)


def test_size_is_counted_in_characters() -> None:
    """A token may have 8192 characters by default, and one more is refused."""
    assert DEFAULT_MAX_SIZE == 8192
    token = compact(payload=b"x" * 100)

    assert CompactJWS(token, len(token)).payload == b"x" * 100
    assert str(len(token)) in refusal(token, max_size=len(token) - 1)


def test_size_comes_first() -> None:
    """A text that is too long is not read at all, whatever it is."""
    reason = refusal("\ud800" * 9000)
    assert reason == "the token is too large: it has 9000 characters, and max_size is 8192"


def test_a_client_reads_that_its_token_is_too_large() -> None:
    """The size is no secret: the refusal's description says it, and no number."""
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
def test_strict_json_is_json(text: bytes) -> None:
    """What is strict JSON means what it means to everybody."""
    assert read_json_object(text, "text") == json.loads(text)


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_depth_is_bounded(brackets: tuple[bytes, bytes]) -> None:
    """Objects and arrays may be nested 32 levels deep, the outermost object being the first."""
    opening, closing = brackets

    def nested(levels: int) -> bytes:
        return b'{"x":%b1%b}' % (opening * (levels - 1), closing * (levels - 1))

    assert read_json_object(nested(MAX_JSON_DEPTH), "text")
    with pytest.raises(MalformedTokenError, match="nested more than 32 levels"):
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
def test_what_is_no_strict_json_is_refused(text: bytes, reason: str) -> None:
    """The refusal names what was read and what it is not, and never quotes it."""
    with pytest.raises(MalformedTokenError, match=f"the thing is {reason}") as caught:
        read_json_object(text, "thing")

    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_refusal_does_not_quote_the_text() -> None:
    """The JSON decoder's message, which can hold what it read, is not passed on."""
    with pytest.raises(MalformedTokenError) as caught:
        read_json_object(b'{"a":secretsecret}', "text")

    assert "secret" not in str(caught.value) + repr(caught.value)


def test_a_token_is_read_once() -> None:
    """However many strategies look at a token, they share what was read of it."""
    token = BearerToken(compact(payload=b'{"sub": "alice"}'))

    assert CompactJWS.of(token) is CompactJWS.of(token, 8000)
    assert CompactJWS.of(token).claims() == {"sub": "alice"}


def test_what_was_read_belongs_to_one_token() -> None:
    """An equal token, or a copy with another text, is read for itself."""
    token = BearerToken(compact(payload=b'{"sub": "alice"}'))
    read = CompactJWS.of(token)

    assert CompactJWS.of(attrs.evolve(token)) is not read
    other = attrs.evolve(token, value=compact(payload=b'{"sub": "bob"}'))
    assert CompactJWS.of(other).claims() == {"sub": "bob"}
    assert token == attrs.evolve(token)
    assert "parsed" not in repr(token)


def test_a_token_that_was_read_is_still_held_against_a_smaller_size() -> None:
    """The size that each strategy allows is its own."""
    token = BearerToken(compact())
    CompactJWS.of(token)

    with pytest.raises(MalformedTokenError, match="too large"):
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
def test_one_claim_may_be_looked_at_before_verification(payload: bytes, issuer: str | None) -> None:
    """A claim that is a string is answered as it stands; anything else is None."""
    jws = CompactJWS(compact(payload=payload))

    assert jws.unverified("iss") == issuer
    assert jws.unverified("iss") == issuer


def test_a_look_at_a_claim_leaves_the_claims_alone() -> None:
    """Each caller gets claims of its own, which others can't alter."""
    jws = CompactJWS(compact(payload=b'{"iss": "a", "roles": ["user"]}'))
    jws.unverified("iss")
    first = jws.claims()
    first["roles"].append("admin")

    assert jws.claims() == {"iss": "a", "roles": ["user"]}
    assert jws.unverified("iss") == "a"


def test_a_look_at_a_claim_of_a_damaged_payload_is_refused() -> None:
    """It is as malformed as it is when all claims are read."""
    with pytest.raises(MalformedTokenError, match="claims set"):
        CompactJWS(compact(payload=b'{"iss": "a", "iss": "b"}')).unverified("iss")


def test_depth_is_measured_in_little_memory() -> None:
    """A long string costs no more than its own length: a sender may choose it."""
    payload = b'{"a": "' + rb"[\"{" * 250_000 + b'", "b": ' + b"[" * 20 + b"]" * 20 + b"}"
    assert read_json_object(payload * 1, "text")
    tracemalloc.start()
    try:
        with pytest.raises(MalformedTokenError, match="deep"):
            read_json_object(
                payload.replace(b"[" * 20, b"[" * 40).replace(b"]" * 20, b"]" * 40), "text"
            )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(payload)


def test_what_is_no_json_is_no_deeper_for_its_backslashes() -> None:
    """Brackets count outside of strings, whatever stands beside them."""
    with pytest.raises(MalformedTokenError, match="deep"):
        read_json_object(b'{"a": ' + rb"\x" + b"[" * 40 + b"]" * 40 + b"}", "text")
