"""Hundreds of hostile tokens, each against apps of the arena: a table per group.

An entry makes its token for an app (``t``, see ``Target`` in conftest.py). If possible, the issuer itself
signs the token: then only parsing and claim rules can make the app refuse it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    ClaimError,
    MalformedTokenError,
    UnknownKeyError,
)
from flask_jwtlib.testing import TokenIssuer, base64url

Make = Callable[[Any], str]
Check = Callable[..., None]


# Faults in JSON text. An entry is given the members of a valid object, `"alg":"RS256",…`.
BAD_JSON: dict[str, Callable[[bytes], bytes]] = {
    "duplicate": lambda m: b"{%b,%b}" % (m, m),
    "duplicate-unknown": lambda m: b'{%b,"x":1,"x":1}' % m,
    "duplicate-escaped": lambda m: b'{%b,"x":1,"\\u0078":2}' % m,
    "duplicate-escaped-both": lambda m: b'{%b,"\\u0078":1,"x":2}' % m,
    "duplicate-empty-name": lambda m: b'{%b,"":1,"":2}' % m,
    "duplicate-nested": lambda m: b'{%b,"x":{"y":1,"y":2}}' % m,
    "duplicate-nested-in-array": lambda m: b'{%b,"x":[[{"y":1,"y":2}]]}' % m,
    "deep-arrays-33": lambda m: b'{%b,"x":%b%b}' % (m, b"[" * 32, b"]" * 32),
    "deep-objects-33": lambda m: b'{%b,"x":%b1%b}' % (m, b'{"y":' * 32, b"}" * 32),
    "deep-arrays-2000": lambda m: b'{%b,"x":%b%b}' % (m, b"[" * 2000, b"]" * 2000),
    "deep-unclosed-5000": lambda m: b'{%b,"x":%b' % (m, b"[" * 5000),
    "deep-objects-unclosed": lambda m: b'{%b,"x":%b' % (m, b'{"y":' * 900),
    "deep-behind-quoted-brackets": lambda m: (
        b'{%b,"x":["]]]]","\\"]]]]",%b%b]}' % (m, b"[" * 900, b"]" * 900)
    ),
    "deep-bare": lambda m: b"[" * 5000,
    "closing-before-opening": lambda m: b"]" * 2000 + b"[" * 2000,
    "nan": lambda m: b'{%b,"x":NaN}' % m,
    "infinity": lambda m: b'{%b,"x":Infinity}' % m,
    "minus-infinity": lambda m: b'{%b,"x":-Infinity}' % m,
    "float-overflow": lambda m: b'{%b,"x":1e999}' % m,
    "float-overflow-negative": lambda m: b'{%b,"x":-1e999}' % m,
    "float-overflow-nested": lambda m: b'{%b,"x":[{"y":1E+400}]}' % m,
    "integer-of-5000-digits": lambda m: b'{%b,"x":%b}' % (m, b"9" * 5000),
    "integer-of-5000-digits-negative": lambda m: b'{%b,"x":-%b}' % (m, b"9" * 5000),
    "hexadecimal": lambda m: b'{%b,"x":0x10}' % m,
    "leading-zero": lambda m: b'{%b,"x":01}' % m,
    "leading-plus": lambda m: b'{%b,"x":+1}' % m,
    "underscored-number": lambda m: b'{%b,"x":1_000}' % m,
    "bare-point": lambda m: b'{%b,"x":1.}' % m,
    "arabic-digits": lambda m: b'{%b,"x":\xd9\xa1}' % m,
    "surrogate-escaped-high": lambda m: b'{%b,"x":"\\ud800"}' % m,
    "surrogate-escaped-low": lambda m: b'{%b,"x":"\\udc00"}' % m,
    "surrogate-escaped-swapped": lambda m: b'{%b,"x":"\\udc00\\ud800"}' % m,
    "surrogate-escaped-name": lambda m: b'{%b,"\\ud800":1}' % m,
    "surrogate-escaped-nested": lambda m: b'{%b,"x":[{"y":["\\uDFFF"]}]}' % m,
    "surrogate-raw": lambda m: b'{%b,"x":"\xed\xa0\x80"}' % m,
    "byte-ff": lambda m: b'{%b,"x":"\xff"}' % m,
    "truncated-utf-8": lambda m: b'{%b,"x":"\xe2\x82"}' % m,
    "overlong-utf-8": lambda m: b'{%b,"x":"\xc0\xaf"}' % m,
    "beyond-unicode": lambda m: b'{%b,"x":"\xf4\x90\x80\x80"}' % m,
    "latin-1": lambda m: b'{%b,"x":"M\xfcller"}' % m,
    "utf-16": lambda m: b"{%b}".replace(b"%b", m).decode().encode("utf-16"),
    "utf-16-le": lambda m: (b"{%b}" % m).decode().encode("utf-16-le"),
    "utf-16-be": lambda m: (b"{%b}" % m).decode().encode("utf-16-be"),
    "utf-32": lambda m: (b"{%b}" % m).decode().encode("utf-32"),
    "utf-7": lambda m: b"+AHs-%b+AH0-" % m,
    "byte-order-mark": lambda m: b"\xef\xbb\xbf{%b}" % m,
    "trailing-text": lambda m: b"{%b}x" % m,
    "trailing-object": lambda m: b"{%b}{%b}" % (m, m),
    "trailing-nul": lambda m: b"{%b}\x00" % m,
    "trailing-brace": lambda m: b"{%b}}" % m,
    "leading-text": lambda m: b")]}'{%b}" % m,
    "leading-nul": lambda m: b"\x00{%b}" % m,
    "leading-form-feed": lambda m: b"\x0c{%b}" % m,
    "leading-no-break-space": lambda m: b"\xc2\xa0{%b}" % m,
    "trailing-comma": lambda m: b"{%b,}" % m,
    "leading-comma": lambda m: b"{,%b}" % m,
    "missing-colon": lambda m: b'{%b,"x" 1}' % m,
    "missing-value": lambda m: b'{%b,"x":}' % m,
    "missing-brace": lambda m: b"{%b" % m,
    "single-quotes": lambda m: (b"{%b}" % m).replace(b'"', b"'"),
    "no-quotes": lambda m: b"{%b,x:1}" % m,
    "comment": lambda m: b"{%b/**/}" % m,
    "line-comment": lambda m: b"{%b}//" % m,
    "python-none": lambda m: b'{%b,"x":None}' % m,
    "python-true": lambda m: b'{%b,"x":True}' % m,
    "javascript-undefined": lambda m: b'{%b,"x":undefined}' % m,
    "raw-newline-in-string": lambda m: b'{%b,"x":"a\nb"}' % m,
    "raw-tab-in-string": lambda m: b'{%b,"x":"a\tb"}' % m,
    "raw-nul-in-string": lambda m: b'{%b,"x":"a\x00b"}' % m,
    "bad-escape": lambda m: b'{%b,"x":"\\x41"}' % m,
    "truncated-escape": lambda m: b'{%b,"x":"\\u12"}' % m,
    "escape-with-sign": lambda m: b'{%b,"x":"\\u+123"}' % m,
    "unterminated-string": lambda m: b'{%b,"x":"' % m,
    "ends-in-backslash": lambda m: b'{%b,"x":"\\' % m,
    "array": lambda m: b"[{%b}]" % m,
    "string": lambda m: json.dumps((b"{%b}" % m).decode()).encode(),
    "number": lambda m: b"1",
    "null": lambda m: b"null",
    "true": lambda m: b"true",
    "white-space": lambda m: b" \t\r\n",
    "pairs": lambda m: b'[["alg","RS256"]]',
    "binary": lambda m: bytes(range(256)),
    "pickle": lambda m: b"\x80\x04}\x94.",
    "deflated": lambda m: b"x\x9c\xab\xaeN\xccIW\xb2R\n6\x02\x00\x12\x1d\x03\x10",
}


def _members(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()[1:-1]


def test_json_of_the_header(assert_tokens_refused: Check) -> None:
    """A header that isn't a strict JSON object in UTF-8 is refused, even if the issuer signed it."""
    assert_tokens_refused(
        {
            name: lambda t, spoil=spoil: t.signed(header=spoil(_members(t.header())))
            for name, spoil in BAD_JSON.items()
        },
        MalformedTokenError,
    )


def test_json_of_the_claims(assert_tokens_refused: Check) -> None:
    """A claims set that isn't a strict JSON object in UTF-8 is refused, even if the issuer signed it."""
    assert_tokens_refused(
        {
            name: lambda t, spoil=spoil: t.signed(payload=spoil(_members(t.payload())))
            for name, spoil in {**BAD_JSON, "empty": lambda m: b""}.items()
        },
        MalformedTokenError,
    )


NO_STRINGS: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "float": 1.5,
    "empty-array": [],
    "array-of-one": ["RS256"],
    "object": {"RS256": 1},
}
HEADERS: dict[str, dict[str, Any]] = {
    **{
        f"{name}-{kind}": {name: value}
        for name in ("alg", "kid", "typ")
        for kind, value in NO_STRINGS.items()
    },
    "alg-array-of-all": {"alg": ["RS256", "ES256", "HS256", "EdDSA", "none"]},
    "alg-object-with-str": {"alg": {"__str__": "RS256"}},
    **{
        f"{name}-{kind}": {name: value}
        for name in ("crit", "b64", "zip", "enc")
        for kind, value in {**NO_STRINGS, "false": False, "string": "x", "empty-string": ""}.items()
    },
    "crit-exp": {"crit": ["exp"], "exp": 9_999_999_999},
    "crit-unknown": {
        "crit": ["https://example.com/UNDEFINED"],
        "https://example.com/UNDEFINED": True,
    },
    "crit-names-absent": {"crit": ["absent"]},
    "crit-alg": {"crit": ["alg"]},
    "crit-twice": {"crit": ["exp", "exp"], "exp": 1},
    "crit-numbers": {"crit": [1]},
    "b64-with-crit": {"b64": False, "crit": ["b64"]},
    "b64-true-with-crit": {"b64": True, "crit": ["b64"]},
    "zip-deflate": {"zip": "DEF"},
    "enc-and-jwe-alg": {"alg": "RSA-OAEP", "enc": "A128GCM"},
    "dir": {"alg": "dir", "enc": "A128CBC-HS256"},
}


def test_header_parameters(assert_tokens_refused: Check) -> None:
    """A header parameter of the wrong type, or one that changes the parsing, is refused, even if signed."""
    assert_tokens_refused(
        {
            name: lambda t, more=more: t.signed(header=t.header(**more))
            for name, more in HEADERS.items()
        },
        MalformedTokenError,
    )


def test_headers_without_alg(assert_tokens_refused: Check) -> None:
    """A header whose alg is anywhere but in its place is refused."""
    assert_tokens_refused(
        {
            "no-alg": lambda t: t.signed(header={"kid": "key-1"}),
            "empty": lambda t: t.signed(header={}),
            "alg-in-capitals": lambda t: t.signed(header={"ALG": t.algorithm, "kid": "key-1"}),
            "alg-with-space": lambda t: t.signed(header={" alg": t.algorithm, "kid": "key-1"}),
            "alg-with-nul": lambda t: t.signed(header={"alg\x00": t.algorithm, "kid": "key-1"}),
            "alg-one-level-down": lambda t: t.signed(header={"header": t.header()}),
        },
        MalformedTokenError,
    )


NO_DATES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "string": "9999999999",
    "empty-string": "",
    "iso-8601": "2999-01-01T00:00:00Z",
    "array": [9_999_999_999],
    "object": {"seconds": 9_999_999_999},
    # Beyond the range of floats (RFC 7519 §2); any other late date is accepted.
    "10-to-the-400": 10**400,
    "minus-10-to-the-400": -(10**400),
    "4000-digits": 10**4000,
}
NO_STRING_CLAIM = {**NO_STRINGS, "nested": [["x"]]}
CLAIMS: dict[str, dict[str, Any]] = {
    **{
        f"{name}-{kind}": {name: value}
        for name in ("exp", "nbf", "iat")
        for kind, value in NO_DATES.items()
    },
    **{
        f"{name}-{kind}": {name: value}
        for name in ("iss", "sub", "jti")
        for kind, value in NO_STRING_CLAIM.items()
    },
    **{f"aud-{kind}": {"aud": value} for kind, value in NO_STRING_CLAIM.items()},
    "aud-somebody": {"aud": "somebody"},
    "aud-empty-string": {"aud": ""},
    "aud-with-null": {"aud": ["somebody", None]},
    "aud-with-array": {"aud": ["somebody", ["us"]]},
    "aud-injects-log": {"aud": "us\r\nWARNING: everybody may enter\x1b[2J"},
    "aud-long": {"aud": "x" * 4000},
    "exp-zero": {"exp": 0},
    "exp-minus-zero": {"exp": -0.0},
    "exp-negative": {"exp": -1},
    "exp-tiny": {"exp": 5e-324},
    "exp-past": {"exp": 1_000_000_000},
    "exp-past-fraction": {"exp": 1_000_000_000.5},
    "exp-far-past": {"exp": -1e308},
    "nbf-future": {"nbf": 9_999_999_998},
    "nbf-future-fraction": {"nbf": 9_999_999_998.5},
    "nbf-far-future": {"nbf": 2**53 + 1},
    "nbf-farthest-future": {"nbf": 1e308},
}


def test_registered_claims(assert_tokens_refused: Check) -> None:
    """A registered claim of the wrong type, out of range, or out of its time is refused, even if signed."""
    assert_tokens_refused(
        {
            name: lambda t, more=more: t.signed(payload=t.payload(**more))
            for name, more in CLAIMS.items()
        },
        ClaimError,
    )


NONES = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "none ",
    " none",
    "none\x00",
    "\tnone",
    "null",
    "NULL",
    "",
    "no",
    "n\u043ene",
]
SIGNATURES = {"empty": b"", "one-byte": b"\x00", "long": b"\x00" * 256}


@pytest.mark.every_algorithm
def test_unsecured(assert_tokens_refused: Check) -> None:
    """No spelling of "none" makes a token acceptable, without a signature or with any (RFC 8725 §2.1)."""
    assert_tokens_refused(
        {
            f"{name!a}-{kind}": lambda t, alg=name, signature=signature: t.unsigned(
                t.header(alg=alg), signature
            )
            for name, (kind, signature) in product(NONES, SIGNATURES.items())
        }
        | {
            f"{name!a}-signed": lambda t, alg=name: t.signed(header=t.header(alg=alg))
            for name in NONES
        },
        AlgorithmError,
        MalformedTokenError,
    )


PUBLIC_TEXTS: dict[str, Callable[[Any], bytes]] = {
    "pem": lambda t: t.public_pem.encode(),
    "pem-without-newline": lambda t: t.public_pem.strip().encode(),
    "pem-crlf": lambda t: t.public_pem.replace("\n", "\r\n").encode(),
    "pem-one-line": lambda t: t.public_pem.replace("\n", "").encode(),
    "pem-body": lambda t: "".join(t.public_pem.splitlines()[1:-1]).encode(),
    "der": lambda t: t.public_key("DER", "SubjectPublicKeyInfo"),
    "openssh": lambda t: t.openssh,
    "openssh-with-newline": lambda t: t.openssh + b"\n",
    "openssh-blob": lambda t: t.openssh.split()[1],
    "jwk": lambda t: json.dumps(t.public_jwk).encode(),
    "jwk-compact": lambda t: json.dumps(t.public_jwk, separators=(",", ":")).encode(),
    "jwks": lambda t: json.dumps({"keys": [t.public_jwk]}).encode(),
    "jwk-member": lambda t: t.public_jwk.get("n", t.public_jwk.get("x", "")).encode(),
    "kid": lambda t: b"key-1",
    "issuer": lambda t: t.issuer.issuer.encode(),
    "nothing": lambda t: b"",
    "nul": lambda t: b"\x00",
    "password": lambda t: b"secret",
    "none": lambda t: b"None",
}


@pytest.mark.every_algorithm
def test_hmac_by_public_data(assert_tokens_refused: Check) -> None:
    """A MAC by the public key's text, in any form, or by another guess, is refused (RFC 8725 §2.1)."""
    assert_tokens_refused(
        {
            f"{alg}-{name}": lambda t, alg=alg, text=text: t.hmac(alg, text(t))
            for alg, (name, text) in product(("HS256", "HS384", "HS512"), PUBLIC_TEXTS.items())
        },
        AlgorithmError,
        BadSignatureError,
    )


ALGORITHMS = [
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *(
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "RS1",
        "HS1",
        "A256KW",
        "RSA-OAEP",
    ),
]


@pytest.mark.every_algorithm
def test_other_algorithms(assert_tokens_refused: Check) -> None:
    """Any alg but the exact configured one is refused, even if the issuer's own key signed."""
    assert_tokens_refused(
        {
            f"says-{alg}": lambda t, alg=alg: t.signed(
                header=t.header(alg=alg if alg != t.algorithm else f"{alg}K")
            )
            for alg in ALGORITHMS
        }
        | {
            "lower-case": lambda t: t.signed(header=t.header(alg=t.algorithm.lower())),
            "other-case": lambda t: t.signed(header=t.header(alg=t.algorithm.swapcase())),
            "title-case": lambda t: t.signed(
                header=t.header(alg=t.algorithm.title().replace("S", "s").replace("Ed4", "eD4"))
            ),
            "trailing-space": lambda t: t.signed(header=t.header(alg=f"{t.algorithm} ")),
            "leading-space": lambda t: t.signed(header=t.header(alg=f" {t.algorithm}")),
            "trailing-newline": lambda t: t.signed(header=t.header(alg=f"{t.algorithm}\n")),
            "trailing-nul": lambda t: t.signed(header=t.header(alg=f"{t.algorithm}\x00")),
            "quoted": lambda t: t.signed(header=t.header(alg=f'"{t.algorithm}"')),
            "listed": lambda t: t.signed(header=t.header(alg=f"{t.algorithm},none")),
            "full-width": lambda t: t.signed(
                header=t.header(alg="".join(chr(ord(c) + 0xFEE0) for c in t.algorithm))
            ),
            "zero-width": lambda t: t.signed(header=t.header(alg=f"{t.algorithm}\u200b")),
            "turkish-i": lambda t: t.signed(header=t.header(alg=f"{t.algorithm}\u0131")),
            "python-name": lambda t: t.signed(header=t.header(alg="__class__")),
            "path": lambda t: t.signed(header=t.header(alg="../../RS256")),
            "log-injection": lambda t: t.signed(
                header=t.header(alg="x\r\nINFO: accepted\x1b[31m\u2028\x85")
            ),
            "long": lambda t: t.signed(header=t.header(alg="x" * 5000)),
        }
        | {
            f"really-{alg}": lambda t, alg=alg: _resigned(t, alg)
            for alg in ("RS384", "RS512", "PS256", "PS384", "PS512", "HS384", "HS512", "Ed25519")
        },
        AlgorithmError,
    )


def _resigned(t: Any, algorithm: str) -> str:
    """Return a token signed with another algorithm, with the issuer's own key if it fits."""
    fits = {"RS": ("RS", "PS"), "HS": ("HS",), "Ed": ("Ed",)}.get(t.algorithm[:2], ())
    own = {"private_key": t.issuer.private_key} if algorithm.startswith(fits or "-") else {}
    signer: TokenIssuer = TokenIssuer(algorithm=algorithm, **own)
    return signer.token("mallory")


# Ways to insert or change one character of a segment so that a lenient decoder reads the same.
SEGMENTS = {"header": 0, "payload": 1, "signature": 2}
FOREIGN = {
    "space": " ",
    "newline": "\n",
    "carriage-return": "\r",
    "crlf": "\r\n",
    "tab": "\t",
    "nul": "\x00",
    "form-feed": "\x0c",
    "equals": "=",
    "equals-twice": "==",
    "plus": "+",
    "slash": "/",
    "tilde": "~",
    "comma": ",",
    "quote": '"',
    "percent-encoded": "%2D",
    "no-break-space": "\xa0",
    "soft-hyphen": "\xad",
    "zero-width-space": "\u200b",
    "byte-order-mark": "\ufeff",
    "hyphen": "\u2010",
    "full-width-a": "\uff21",
    "arabic-digit": "\u0661",
    "astral": "\U0001d400",
    "lone-surrogate": "\ud800",
}


def _good_with_tails(t: Any) -> list[str]:
    """Return a valid token whose header, payload and signature each end in a character with spare bits."""
    for pad in range(3):
        header = base64url(json.dumps(t.header(x="x" * pad)).encode())
        if len(header) % 4:
            break
    for pad in range(3):
        payload = base64url(json.dumps(t.payload(x="x" * pad)).encode())
        if len(payload) % 4:
            break
    return [header, payload, base64url(t.issuer.sign(f"{header}.{payload}".encode()))]


def _respelt(t: Any, segment: int, change: Callable[[str], str]) -> str:
    segments = _good_with_tails(t)
    segments[segment] = change(segments[segment])
    return ".".join(segments)


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _with_stray_bits(text: str) -> str:
    return text[:-1] + ALPHABET[ALPHABET.index(text[-1]) + 1]


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


RESPELT: dict[str, Callable[[str], str]] = {
    **{f"{name}-inside": lambda s, c=c: s[:4] + c + s[4:] for name, c in FOREIGN.items()},
    **{f"{name}-at-the-end": lambda s, c=c: s + c for name, c in FOREIGN.items()},
    **{f"{name}-at-the-start": lambda s, c=c: c + s for name, c in list(FOREIGN.items())[-9:]},
    "padded": _padded,
    "stray-bits": _with_stray_bits,
    "length-4n+1": lambda s: s + "A" * ((1 - len(s)) % 4),
    "one-character": lambda s: "A",
    "last-character-cut": lambda s: s[:-1],
    "standard-alphabet": lambda s: s[:-4].replace("-", "+").replace("_", "/") + "+/+/",
    "hexadecimal": lambda s: s.encode().hex(),
    "encoded-twice": lambda s: base64url(s.encode()),
    "empty": lambda s: "",
}


def test_other_spellings(assert_tokens_refused: Check) -> None:
    """Another spelling of a valid token, which lenient decoders read alike, is refused (RFC 7515 §2)."""
    assert_tokens_refused(
        {
            f"{where}-{name}": lambda t, at=at, change=change: _respelt(t, at, change)
            for (where, at), (name, change) in product(SEGMENTS.items(), RESPELT.items())
        },
        MalformedTokenError,
        BadSignatureError,
    )


def _parts(change: Callable[[list[str]], str]) -> Make:
    return lambda t: change(t.good().split("."))


def _json_serialised(t: Any, *, general: bool, **more: Any) -> str:
    header, payload, signature = t.good().split(".")
    one = {"protected": header, "signature": signature, **more}
    return json.dumps({"payload": payload, **({"signatures": [one]} if general else one)})


STRUCTURES: dict[str, Make] = {
    "nothing": lambda t: "",
    "one-character": lambda t: "a",
    "dot": lambda t: ".",
    "two-dots": lambda t: "..",
    "three-dots": lambda t: "...",
    "four-dots": lambda t: "....",
    "header-alone": _parts(lambda p: p[0]),
    "two-parts": _parts(lambda p: f"{p[0]}.{p[1]}"),
    "no-header": _parts(lambda p: f".{p[1]}.{p[2]}"),
    "no-signature": _parts(lambda p: f"{p[0]}.{p[1]}."),
    "detached-payload": _parts(lambda p: f"{p[0]}..{p[2]}"),
    "trailing-dot": _parts(lambda p: ".".join([*p, ""])),
    "leading-dot": _parts(lambda p: ".".join(["", *p])),
    "four-parts": _parts(lambda p: ".".join([*p, p[2]])),
    "five-parts": _parts(lambda p: ".".join([*p, p[1], p[2]])),
    "six-parts": _parts(lambda p: ".".join([*p, *p])),
    "hundred-parts": _parts(lambda p: ".".join([*p, *["AA"] * 97])),
    "commas": _parts(",".join),
    "full-width-dots": _parts("\uff0e".join),
    "percent-encoded-dots": _parts("%2E".join),
    "reversed": _parts(lambda p: ".".join(reversed(p))),
    "twice": _parts(lambda p: ".".join(p) * 2),
    "twice-with-space": _parts(lambda p: f"{'.'.join(p)} {'.'.join(p)}"),
    "with-scheme": _parts(lambda p: f"Bearer {'.'.join(p)}"),
    "quoted": _parts(lambda p: f'"{".".join(p)}"'),
    "bytes-literal": _parts(lambda p: f"b'{'.'.join(p)}'"),
    "encoded-whole": _parts(lambda p: base64url(".".join(p).encode())),
    "jwe-direct": lambda t: ".".join(
        [
            base64url(b'{"alg":"dir","enc":"A128GCM"}'),
            "",
            "AAAAAAAAAAAAAAAA",
            "AAAA",
            "AAAAAAAAAAAAAAAAAAAAAA",
        ]
    ),
    "jwe-wrapped": lambda t: ".".join(
        [
            base64url(b'{"alg":"RSA-OAEP","enc":"A256GCM"}'),
            "AAAA",
            "AAAA",
            base64url(t.good().encode()),
            "AAAA",
        ]
    ),
    "jwe-three-parts": lambda t: t.signed(header=t.header(enc="A128GCM", cty="JWT")),
    "nested-jwt": lambda t: t.signed(header=t.header(cty="JWT"), payload=t.good().encode()),
    "json-general": lambda t: _json_serialised(t, general=True),
    "json-flattened": lambda t: _json_serialised(t, general=False),
    "json-general-unprotected": lambda t: _json_serialised(
        t, general=True, header={"kid": "key-1"}
    ),
    "json-flattened-unprotected": lambda t: _json_serialised(
        t, general=False, header={"alg": "none"}
    ),
    "json-encoded": lambda t: base64url(_json_serialised(t, general=False).encode()),
    "json-in-parts": lambda t: f"{base64url(_json_serialised(t, general=False).encode())}.AA.AA",
    "word-null": lambda t: "null",
    "word-none": lambda t: "None",
    "word-undefined": lambda t: "undefined",
    "word-true": lambda t: "true",
    "word-object": lambda t: "[object Object]",
    "uuid": lambda t: "6f1c2a1e-0b7e-4a3f-9c41-5a8f6f0f2b11",
    "html": lambda t: "<script>alert(1)</script>",
    "pem": lambda t: t.public_pem,
    "paseto": lambda t: f"v4.public.{base64url(b'x' * 96)}",
    "fernet": lambda t: "gAAAAA" + "A" * 94,
    "macaroon": lambda t: base64url(b"\x02\x01\x03api" + b"x" * 40),
    "size-limit-and-one": lambda t: _of_size(t, 8193),
    "twice-the-size-limit": lambda t: _of_size(t, 16384),
    "1-mb-of-a": lambda t: "a" * 1_000_000,
    "1-mb-of-dots": lambda t: "." * 1_000_000,
    "1-mb-header": lambda t: f"{'A' * 1_000_000}.AA.AA",
    "1-mb-payload": lambda t: t.unsigned(t.header(), b"x", b'{"x":"%b"}' % (b"x" * 750_000)),
    "1-mb-signature": lambda t: f"{t.good().rpartition('.')[0]}.{'A' * 1_000_000}",
}


def _of_size(t: Any, size: int) -> str:
    """Return a token of exactly so many characters, signed by the issuer."""
    for pad in range(size):
        token = t.signed(payload=t.payload(x="x" * ((size - 700) * 3 // 4 + pad)))
        if len(token) >= size:
            return str(token)
    raise AssertionError("no such size")


def test_structures(assert_tokens_refused: Check) -> None:
    """Anything but three parts of base64url in one compact, bounded text is refused (RFC 7515 §5.2)."""
    assert_tokens_refused(STRUCTURES, MalformedTokenError, BadSignatureError)


EC_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED_ORDER = 2**252 + 27742317777372353535851937790883648493


def _der(r: int, s: int) -> bytes:
    def integer(value: int) -> bytes:
        body = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(body)]) + body

    body = integer(r) + integer(s)
    return (
        b"\x30" + (bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)])) + body
    )


def _rs(r: int, s: int) -> Callable[[bytes], bytes]:
    return lambda signature: r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _halves(signature: bytes) -> tuple[int, int]:
    half = min(len(signature) // 2, 40)
    return int.from_bytes(signature[:half], "big"), int.from_bytes(
        signature[half : 2 * half], "big"
    )


BAD_SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "all-zero": lambda s: bytes(len(s)),
    "all-ones": lambda s: b"\xff" * len(s),
    "one": lambda s: (1).to_bytes(len(s), "big"),
    "one-byte": lambda s: b"\x00",
    "first-byte": lambda s: s[:1],
    "first-half": lambda s: s[: len(s) // 2],
    "first-16-bytes": lambda s: s[:16],
    "last-byte-cut": lambda s: s[:-1],
    "first-byte-cut": lambda s: s[1:],
    "zero-appended": lambda s: s + b"\x00",
    "zero-prepended": lambda s: b"\x00" + s,
    "twice": lambda s: s + s,
    "reversed": lambda s: s[::-1],
    "halves-swapped": lambda s: s[len(s) // 2 :] + s[: len(s) // 2],
    "first-bit": lambda s: bytes([s[0] ^ 0x80]) + s[1:],
    "last-bit": lambda s: s[:-1] + bytes([s[-1] ^ 1]),
    "complement": lambda s: bytes(byte ^ 0xFF for byte in s),
    "hexadecimal": lambda s: s.hex().encode(),
    "base64": b64encode,
    "5000-bytes": lambda s: b"\x01" * 5000,
    "4096-bit": lambda s: s.rjust(512, b"\x00"),
    "der": lambda s: _der(*_halves(s)),
    "der-with-zeros": lambda s: _der(0, 0),
    "der-with-negative": lambda s: b"\x30\x06\x02\x01\xff\x02\x01\xff",
    "der-indefinite-length": lambda s: b"\x30\x80\x02\x01\x01\x02\x01\x01\x00\x00",
    "components-of-33-bytes": lambda s: b"\x00" + s[:32] + b"\x00" + s[32:64],
    "components-of-31-bytes": lambda s: s[1:32] + s[33:64],
    "components-of-48-bytes": lambda s: s[:32].rjust(48, b"\x00") + s[32:64].rjust(48, b"\x00"),
    "r-zero": lambda s: bytes(32) + s[32:64],
    "s-zero": lambda s: s[:32] + bytes(32),
    "r-zero-s-one": _rs(0, 1),
    "r-one-s-zero": _rs(1, 0),
    "r-one-s-one": _rs(1, 1),
    "r-order-s-order": _rs(EC_ORDER, EC_ORDER),
    "r-order-s-one": _rs(EC_ORDER, 1),
    "r-order-plus-one-s-one": _rs(EC_ORDER + 1, 1),
    "ed25519-identity": lambda s: b"\x01" + bytes(63),
    "ed25519-identity-noncanonical": lambda s: b"\xee" + b"\xff" * 30 + b"\x7f" + bytes(32),
    "ed25519-small-order": lambda s: bytes(32) + bytes(32),
    "ed25519-s-plus-order": lambda s: s[:32] + _plus_order(s[32:64]),
    "pkcs1-low-exponent": lambda s: (2**2048 - 2**2033).to_bytes(256, "big"),
    "pkcs1-padding-in-clear": lambda s: b"\x00\x01" + b"\xff" * 202 + b"\x00" + s[:51],
}


def _plus_order(s: bytes) -> bytes:
    return ((int.from_bytes(s, "little") + ED_ORDER) % 2**256).to_bytes(32, "little")


@pytest.mark.every_algorithm
def test_signatures(assert_tokens_refused: Check) -> None:
    """Any signature but the issuer's over this very text, in the algorithm's one form, is refused."""
    assert_tokens_refused(
        {
            name: lambda t, change=change: t.with_signature(change)
            for name, change in BAD_SIGNATURES.items()
        }
        | {
            "forger": lambda t: t.forged(),
            "forger-without-kid": lambda t: t.forged(header={"alg": t.algorithm}),
            "of-another-token": lambda t: (
                f"{t.forged().rpartition('.')[0]}.{t.good().rpartition('.')[2]}"
            ),
            "of-the-same-claims-in-other-order": lambda t: _swapped(
                t, 1, lambda p: dict(reversed(p.items()))
            ),
            "of-other-claims": lambda t: _swapped(t, 1, lambda p: {**p, "sub": "root"}),
            "of-fewer-claims": lambda t: _swapped(t, 1, lambda p: {"sub": p["sub"]}),
            "of-another-header": lambda t: _swapped(t, 0, lambda p: {**p, "typ": "at+jwt"}),
            "of-a-header-without-kid": lambda t: _swapped(t, 0, lambda p: {"alg": p["alg"]}),
            "over-the-payload-alone": lambda t: _over(t, lambda h, p: p),
            "over-the-header-alone": lambda t: _over(t, lambda h, p: h),
            "over-the-joined-segments": lambda t: _over(t, lambda h, p: h + p),
            "over-a-longer-text": lambda t: _over(t, lambda h, p: f"{h}.{p}."),
            "over-the-empty-text": lambda t: _over(t, lambda h, p: ""),
        },
        BadSignatureError,
    )


def _swapped(t: Any, segment: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Return a valid token with its header or claims changed under the same signature."""
    parts = [t.header(), t.payload()]
    signature = t.signed(*parts).rpartition(".")[2]
    parts[segment] = change(parts[segment])
    return f"{t.signed(*parts).rpartition('.')[0]}.{signature}"


def _over(t: Any, text: Callable[[str, str], str]) -> str:
    """Return a token whose signature is the issuer's, over something else."""
    header, payload, _ = t.good().split(".")
    return f"{header}.{payload}.{base64url(t.issuer.sign(text(header, payload).encode()))}"


HOSTILE_TEXTS = {
    "path-up": "../../../../../../dev/null",
    "path-absolute": "/dev/null",
    "path-proc": "/proc/sys/kernel/randomize_va_space",
    "path-windows": "..\\..\\windows\\win.ini",
    "path-percent-encoded": "%2e%2e%2f%2e%2e%2fdev%2fnull",
    "file-url": "file:///etc/passwd",
    "metadata-url": "http://169.254.169.254/latest/meta-data/",
    "sql-or": "' OR '1'='1",
    "sql-union": "x' UNION SELECT 'key';--",
    "ldap": "*)(uid=*))(|(uid=*",
    "shell": "$(id)`id`;id|id",
    "jndi": "${jndi:ldap://127.0.0.1:1389/a}",
    "template": "{{7*7}}${7*7}<%= 7*7 %>",
    "format-percent": "%s%s%s%n%(name)s",
    "format-brace": "{0.__class__.__init__.__globals__}",
    "html": "<script>alert(1)</script>",
    "crlf-header": "key-1\r\nSet-Cookie: admin=1\r\n\r\n<html>",
    "crlf-log": "key-1\nINFO: root authenticated",
    "challenge": 'x", error="none", realm="evil',
    "ansi": "\x1b[2J\x1b[31mpwned\x07",
    "nul": "key-1\x00",
    "line-separator": "key-1\u2028\u2029\x85x",
    "right-to-left": "\u202e1-yek",
    "zero-width": "key-1\u200b",
    "astral": "\U0001f4a9" * 50,
    "capitals": "KEY-1",
    "trailing-space": "key-1 ",
    "wildcard": "*",
    "empty": "",
    "python": "__import__('os').system('id')",
    "prototype": "__proto__",
    "dunder": "__class__",
    "long": "k" * 5000,
}


def test_header_texts_are_not_interpreted(assert_tokens_refused: Check) -> None:
    """A header's text isn't used as a path, query, URL, template, log line or response header."""
    assert_tokens_refused(
        {
            f"{parameter}-{name}": lambda t, parameter=parameter, text=text: t.forged(
                header=t.header(**{parameter: text})
            )
            for parameter, (name, text) in product(("kid", "typ", "cty"), HOSTILE_TEXTS.items())
        }
        | {
            f"kid-{name}-hmac-by-nothing": lambda t, text=text: t.hmac("HS256", b"", kid=text)
            for name, text in HOSTILE_TEXTS.items()
        }
        | {
            f"unknown-parameter-{name}": lambda t, text=text: t.forged(
                header=t.header(**{text: text})
            )
            for name, text in HOSTILE_TEXTS.items()
            if name != "long"
        },
        BadSignatureError,
        AlgorithmError,
        UnknownKeyError,
    )
