"""Keys are recognised in every spelling, and secrets are not mistaken for keys."""

from __future__ import annotations

import json
import random
from base64 import a85encode, b32encode, b64encode, b85encode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    dsa,
    ec,
    ed448,
    ed25519,
    rsa,
    x25519,
)
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import flask_jwtlib
from flask_jwtlib import ConfigurationError, KeySet, VerificationKey, VerificationUnavailable
from flask_jwtlib.keys import holds_private_key
from flask_jwtlib.keys._der import der_key
from flask_jwtlib.keys._secret_text import kind_of_key
from flask_jwtlib.testing import TokenIssuer, base64url

from .kit import NAME, certificate

bounded = settings(max_examples=200, database=None)

Encoding = serialization.Encoding
Public = serialization.PublicFormat
Private = serialization.PrivateFormat
PLAIN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(b"passphrase")

KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "rsa-1024": rsa.generate_private_key(public_exponent=65537, key_size=1024),
    "p-256": ec.generate_private_key(ec.SECP256R1()),
    "p-384": ec.generate_private_key(ec.SECP384R1()),
    "p-521": ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
    "x25519": x25519.X25519PrivateKey.generate(),
    "dsa": dsa.generate_private_key(key_size=1024),
}
RSA = KEYS["rsa"]


def jwk(key: Any) -> dict[str, str]:
    """Return the members of a public JWK."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        size = key.key_size // 8
        return {"kty": "RSA", "n": base64url(numbers.n.to_bytes(size, "big")), "e": "AQAB"}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": base64url(point.x.to_bytes(66, "big")),
            "y": base64url(point.y.to_bytes(66, "big")),
        }
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64url(key.public_key().public_bytes(Encoding.Raw, Public.Raw)),
    }


def _public_forms() -> dict[str, bytes]:
    forms: dict[str, bytes] = {}
    for name, key in KEYS.items():
        public = key.public_key()
        for encoding in ("DER", "PEM"):
            coded = getattr(Encoding, encoding)
            forms[f"{name}-{encoding}"] = public.public_bytes(coded, Public.SubjectPublicKeyInfo)
            if name != "x25519":
                forms[f"{name}-certificate-{encoding}"] = certificate(key, ca=RSA).public_bytes(
                    coded
                )
        if name in {"rsa", "p-256", "p-384", "p-521", "ed25519"}:
            line = public.public_bytes(Encoding.OpenSSH, Public.OpenSSH)
            forms[f"{name}-OpenSSH"] = line
            forms[f"{name}-OpenSSH-body"] = line.split()[1]
        if name in {"rsa", "p-256", "ed25519"}:
            forms[f"{name}-JWK"] = json.dumps(jwk(key)).encode()
            forms[f"{name}-JWK-set"] = json.dumps({"keys": [jwk(key)]}, indent=1).encode()
    for encoding in ("DER", "PEM"):
        coded = getattr(Encoding, encoding)
        forms[f"rsa-PKCS1-{encoding}"] = RSA.public_key().public_bytes(coded, Public.PKCS1)
        forms[f"request-{encoding}"] = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(NAME)
            .sign(RSA, hashes.SHA256())
            .public_bytes(coded)
        )
        forms[f"PKCS7-{encoding}"] = pkcs7.serialize_certificates([certificate(RSA)], coded)
    return forms


PPK = b"""PuTTY-User-Key-File-3: ssh-ed25519
Encryption: none
Comment: a key
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAICtXRYBHL8kkAGmJPtmEfqPn+4sQ6L2/UWLdQmzK
dJ0R
Private-Lines: 1
AAAAIGcOmPcFHcFwVXWC4xOGKfPkN0mE+JIc9xC3v8ZrQBLL
Private-MAC: 2b1d9a1c8b6f0f3c2c9f4d7b6f3b5c9f9b3f6f0f1d2c3b4a5968778695a4b3c2
"""


def _private_forms() -> dict[str, bytes]:
    forms = {"PPK": PPK, "PPK-version-2": PPK.replace(b"File-3", b"File-2")}
    for name, key in KEYS.items():
        for lock, encryption in {"": PLAIN, "-locked": LOCKED}.items():
            for encoding in ("DER", "PEM"):
                coded = getattr(Encoding, encoding)
                pkcs8 = key.private_bytes(coded, Private.PKCS8, encryption)
                forms[f"{name}-PKCS8-{encoding}{lock}"] = pkcs8
            if name in {"rsa", "p-256", "p-384", "ed25519"} and not (lock and name != "rsa"):
                openssh = key.private_bytes(Encoding.PEM, Private.OpenSSH, PLAIN)
                forms[f"{name}-OpenSSH{lock}"] = openssh
                body = b"".join(openssh.splitlines()[1:-1])
                forms[f"{name}-OpenSSH-body{lock}"] = body
        if name in {"rsa", "p-256", "secp256k1", "dsa"}:
            for encoding in ("DER", "PEM"):
                coded = getattr(Encoding, encoding)
                forms[f"{name}-traditional-{encoding}"] = key.private_bytes(
                    coded, Private.TraditionalOpenSSL, PLAIN
                )
    forms["PKCS12"] = pkcs12.serialize_key_and_certificates(
        b"name", RSA, certificate(RSA), None, LOCKED
    )
    forms["rsa-traditional-locked"] = RSA.private_bytes(
        Encoding.PEM, Private.TraditionalOpenSSL, LOCKED
    )
    forms["PGP"] = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ==\n"
    forms["SSH2"] = b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAAA+Q==\n"
    forms["dotnet"] = b"<RSAKeyValue><Modulus>AA==</Modulus><D>AA==</D></RSAKeyValue>"
    forms["SSH1"] = b"SSH PRIVATE KEY FILE FORMAT 1.1\n" + bytes(40)
    forms["JWK"] = json.dumps({**jwk(RSA), "d": "AQAB"}).encode()
    forms["JWK-in-a-set"] = json.dumps({"keys": [jwk(RSA), {**jwk(RSA), "p": "AQAB"}]}).encode()
    forms["certificate-and-key"] = certificate(RSA).public_bytes(Encoding.PEM) + RSA.private_bytes(
        Encoding.PEM, Private.PKCS8, PLAIN
    )
    return forms


PUBLIC = _public_forms()
PRIVATE = _private_forms()
_OTHERS = tuple(f"{name}-" for name in KEYS if name not in {"rsa", "p-256", "ed25519"})
# Each form, of one key for each structure. The other keys differ from these only in their numbers and object
# identifiers. The tests of spellings have them all.
PUBLIC_FORMS = [form for name, form in PUBLIC.items() if not name.startswith(_OTHERS)]
PRIVATE_FORMS = {name: form for name, form in PRIVATE.items() if not name.startswith(_OTHERS)}

# Changes that a text may undergo on its way into a setting. None is an encoding of its own.
SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "as-it-is": lambda data: data,
    "in-white-space": lambda data: b" \r\n\t" + data + b"\n \n",
    "utf-8-bom": lambda data: b"\xef\xbb\xbf" + data,
    "utf-16": lambda data: data.decode("latin-1").encode("utf-16"),
    "utf-16-le": lambda data: data.decode("latin-1").encode("utf-16-le"),
    "utf-16-be": lambda data: data.decode("latin-1").encode("utf-16-be"),
    "utf-32": lambda data: data.decode("latin-1").encode("utf-32"),
    "double-quotes": lambda data: b'"' + data + b'"',
    "single-quotes": lambda data: b"'" + data + b"'",
    "json-string": lambda data: json.dumps(data.decode("latin-1")).encode(),
    "json-string-of-php": lambda data: (
        json.dumps(data.decode("latin-1")).replace("/", "\\/").encode()
    ),
    "json-string-of-gson": lambda data: (
        json.dumps(data.decode("latin-1")).replace("=", "\\u003d").replace("+", "\\u002b").encode()
    ),
    "json-member": lambda data: json.dumps({"key": data.decode("latin-1")}).encode(),
    "python-bytes": lambda data: repr(data).encode(),
    "python-text": lambda data: repr(data.decode("latin-1")).encode(),
    "url": lambda data: quote(data, safe="").encode(),
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "escaped-newlines": lambda data: data.replace(b"\n", b"\\n"),
    "no-newlines": lambda data: data.replace(b"\n", b""),
}
# Not for DER, where white space and wide characters are part of the data.
ONLY_TEXT = {"crlf", "escaped-newlines", "no-newlines", "utf-16", "utf-16-le", "utf-16-be"} | {
    "utf-32",
    "utf-8-bom",
    "json-member",
}


def _wrapped(data: bytes, width: int = 64) -> bytes:
    return b"\n".join(data[at : at + width] for at in range(0, len(data), width))


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex().encode(),
    "hex-capitals": lambda data: data.hex().upper().encode(),
    "hex-colons": lambda data: data.hex(":").encode(),
    "hex-spaces": lambda data: _wrapped(data.hex(" ").encode(), 48),
    "hex-0x": lambda data: b"0x" + data.hex().encode(),
    "hex-list": lambda data: ", ".join(f"0x{byte:02x}" for byte in data).encode(),
    "base64": b64encode,
    "base64-unpadded": lambda data: b64encode(data).rstrip(b"="),
    "base64-wrapped": lambda data: _wrapped(b64encode(data)),
    "base64-wrapped-crlf": lambda data: _wrapped(b64encode(data), 76).replace(b"\n", b"\r\n"),
    "base64url": urlsafe_b64encode,
    "base64url-unpadded": lambda data: urlsafe_b64encode(data).rstrip(b"="),
    "data-url": lambda data: b"data:application/octet-stream;base64," + b64encode(data),
    "labelled": lambda data: b"public key: " + b64encode(data),
    "base32": b32encode,
    "base32-lower-case": lambda data: b32encode(data).lower().rstrip(b"="),
    "base85": b85encode,
    "ascii85": a85encode,
    "ascii85-adobe": lambda data: a85encode(data, adobe=True),
    "byte-values": lambda data: json.dumps(list(data)).encode(),
    "byte-values-with-spaces": lambda data: f"[{' '.join(map(str, data))}]".encode(),
    "signed-byte-values": lambda data: str([(byte ^ 128) - 128 for byte in data]).encode(),
}
# Found only if nothing else is in the text.
ONLY_WHOLE = {"base32", "base32-lower-case", "base85", "ascii85", "ascii85-adobe", "hex-list"}


def _is_der(data: bytes) -> bool:
    return data[:1] == b"\x30"


@pytest.mark.parametrize("form", [pytest.param(data, id=name) for name, data in PUBLIC.items()])
def test_a_public_key_is_recognised_in_every_spelling(form: bytes) -> None:
    """No spelling of a public key may be a secret."""
    for name, spell in SPELLINGS.items():
        if not (_is_der(form) and name in ONLY_TEXT):
            assert kind_of_key(spell(form)) is not None, name
            assert not holds_private_key(spell(form)), name


@pytest.mark.parametrize("form", [pytest.param(data, id=name) for name, data in PRIVATE.items()])
def test_a_private_key_is_recognised_in_every_spelling(form: bytes) -> None:
    """The error says that it is a private key, even beside its public half."""
    for name, spell in SPELLINGS.items():
        if not (_is_der(form) and name in ONLY_TEXT):
            assert kind_of_key(spell(form)) == "a private key", name
            assert holds_private_key(spell(form)), name


@pytest.mark.parametrize("mark", ["feedfeed", "cececece"])
def test_a_java_key_store_is_a_private_key(mark: str) -> None:
    """JKS and JCEKS are recognised, as bytes and in base64."""
    store = bytes.fromhex(mark) + bytes(range(100))

    assert holds_private_key(store)
    assert holds_private_key(b64encode(store))
    assert not holds_private_key(b"words " + store)


@pytest.mark.parametrize("encode", [pytest.param(f, id=name) for name, f in ENCODINGS.items()])
def test_a_key_is_recognised_in_every_encoding(encode: Callable[[bytes], bytes]) -> None:
    """Hex, base32, base64 and base85 and their variants, of each form."""
    for form in PUBLIC_FORMS:
        assert kind_of_key(encode(form)) is not None, form
    for name, form in PRIVATE_FORMS.items():
        assert kind_of_key(encode(form)) == "a private key", name


@bounded
@given(
    form=st.sampled_from(sorted(PUBLIC.values()) + sorted(PRIVATE.values())),
    inner=st.sampled_from(sorted(SPELLINGS)),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    outer=st.sampled_from(sorted(SPELLINGS)),
)
def test_a_key_that_is_encoded_twice_is_recognised(
    form: bytes, inner: str, encoding: str, outer: str
) -> None:
    """Quoted base64 of UTF-16 PEM, UTF-16 hex of DER, and so on."""
    if _is_der(form) and inner in {*ONLY_TEXT, "python-text"}:
        inner = "as-it-is"
    if outer == "json-member" and encoding in ONLY_WHOLE:
        outer = "json-string"
    text = SPELLINGS[outer](ENCODINGS[encoding](SPELLINGS[inner](form)))
    # Longer text is not decoded, as documented.
    assume(len(text) <= 65_536)

    assert kind_of_key(text) is not None
    with pytest.raises(ConfigurationError):
        VerificationKey.from_secret(text, allow_weak=True)


NUMBERS = jwk(RSA)
POINT = jwk(KEYS["p-256"])
OKP = jwk(KEYS["ed25519"])
MAPPINGS: dict[str, str] = {
    "json": json.dumps(NUMBERS),
    "json-indented": json.dumps(POINT, indent=4),
    "json-cut-off": json.dumps(NUMBERS)[:-3],
    "json-within": json.dumps({"data": [{"attributes": {"jwk": POINT}}]}),
    "json-string": json.dumps(json.dumps(NUMBERS)),
    "list": json.dumps([NUMBERS]),
    "list-of-points": json.dumps([OKP, POINT]),
    "set": json.dumps({"keys": [OKP]}),
    "without-kty-rsa": json.dumps({"n": NUMBERS["n"], "e": "AQAB"}),
    "without-kty-reversed": json.dumps({"e": "AQAB", "n": NUMBERS["n"]}),
    "without-kty-ec": json.dumps({"x": POINT["x"], "y": POINT["y"]}),
    "without-kty-okp": json.dumps({"crv": "Ed25519", "x": OKP["x"]}),
    "lower-case-kty": json.dumps({**NUMBERS, "kty": "rsa"}),
    "unknown-kty": json.dumps({"kty": "XYZ", "pub": "A" * 43}),
    "capital-members": json.dumps({name.upper(): value for name, value in NUMBERS.items()}),
    "dotnet-json": json.dumps({"Modulus": NUMBERS["n"], "Exponent": "AQAB"}),
    "dotnet-xml": "<RSAKeyValue><Modulus>AA==</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>",
    "xml-signature": '<ds:RSAKeyValue xmlns:ds="x"><ds:Modulus>AA==</ds:Modulus></ds:RSAKeyValue>',
    "certificates": json.dumps({"kid": "a", "x5c": ["MIIB" * 20]}),
    "python": repr(NUMBERS),
    "python-list": repr([POINT]),
    "python-tuple": repr((OKP,)),
    "python-ordered": repr(OrderedDict(NUMBERS)),
    "python-pairs": repr(list(POINT.items())),
    "python-proxy": repr(MappingProxyType(NUMBERS)),
    "python-bytes": repr({name.encode(): value.encode() for name, value in NUMBERS.items()}),
    "php": "array('n' => 'AAAA', 'e' => 'AQAB')",
    "yaml": f"kty: RSA\nn: {NUMBERS['n']}\ne: AQAB\n",
    "javascript": f"{{kty: 'EC', crv: 'P-256', x: '{POINT['x']}'}}",
    "javascript-without-kty": f"{{ e: 'AQAB', n: '{NUMBERS['n']}' }}",
    "yaml-without-kty": f"n: {NUMBERS['n']}\ne: AQAB\n",
    "yaml-point": f"x: {POINT['x']}\ny: {POINT['y']}\n",
    "toml-okp": f'crv = "Ed25519"\nx = "{OKP["x"]}"\n',
    "environment": f"N={NUMBERS['n']}\nE=AQAB\n",
    "query": f"kty=EC&crv=P-256&x={POINT['x']}&y={POINT['y']}",
    "query-without-kty": f"n={NUMBERS['n']}&e=AQAB",
    "go-map": f"map[e:AQAB n:{NUMBERS['n']}]",
    "java-map": f"{{crv=P-256, x={POINT['x']}, y={POINT['y']}}}",
    "ruby-symbols": f'{{:n=>"{NUMBERS["n"]}", :e=>"AQAB"}}',
    "php-printed": f"Array\n(\n    [kty] => RSA\n    [n] => {NUMBERS['n']}\n    [e] => AQAB\n)",
    "php-serialised": f's:3:"kty";s:2:"EC";s:1:"x";s:43:"{POINT["x"]}";',
    "html": json.dumps(NUMBERS).replace('"', "&quot;"),
    "xml": f"<jwk><kty>RSA</kty><n>{NUMBERS['n']}</n><e>AQAB</e></jwk>",
    "xml-without-kty": f"<n>{NUMBERS['n']}</n><e>AQAB</e>",
    "python-call": f"JWK(n={NUMBERS['n']!r}, e='AQAB')",
    "cryptography-rsa": repr(RSA.public_key().public_numbers()),
    "cryptography-ec": repr(KEYS["p-384"].public_key().public_numbers()),
    "openssl-text": "Modulus:\n    00:"
    + RSA.public_key().public_numbers().n.to_bytes(256, "big").hex(":")
    + "\nExponent: 65537 (0x10001)\n",
    "pem-map": json.dumps({"kid-1": PUBLIC["rsa-PEM"].decode()}),
    "der-map": json.dumps({"public_key": b64encode(PUBLIC["rsa-DER"]).decode()}),
    "oct": json.dumps({"kty": "oct", "k": "A" * 43}),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in MAPPINGS.items()])
def test_a_mapping_with_the_members_of_a_key_is_recognised(text: str) -> None:
    """As JSON, as a repr, truncated, in other alphabets, in base64 and UTF-16."""
    data = text.encode()
    for spelled in (
        data,
        b"\xef\xbb\xbf" + data,
        text.encode("utf-16"),
        b64encode(data),
        urlsafe_b64encode(data).rstrip(b"="),
        b64encode(text.encode("utf-16")),
        b" " + data + b"\n",
    ):
        assert kind_of_key(spelled) in {"a JWK", "a public key"}
        with pytest.raises(ConfigurationError, match="this HMAC secret is"):
            VerificationKey.from_secret(spelled, allow_weak=True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("kty: RSA\nn: {n}\ne: AQAB\nd: {n}\n", id="yaml"),
        pytest.param("{{ n: '{n}', e: 'AQAB', d: '{n}' }}", id="javascript"),
        pytest.param("map[d:{n} e:AQAB kty:RSA n:{n}]", id="go"),
        pytest.param("[kty] => RSA\n[n] => {n}\n[e] => AQAB\n[d] => {n}", id="php"),
    ],
)
def test_a_private_mapping_is_recognised_without_quotation_marks(text: str) -> None:
    """In a repr without quotes, only private numbers make a mapping private."""
    assert kind_of_key(text.format(n=NUMBERS["n"])) == "a private key"
    for name, public in MAPPINGS.items():
        assert not holds_private_key(public), name
    for kid in ("d.0123456789abcdef0123456789", "urn:d:0123456789abcdef012345", "d:" + "0" * 30):
        assert not holds_private_key(json.dumps({**NUMBERS, "kid": kid, "d": None}))
    assert not holds_private_key(f"kty: RSA\nd: null\nn: {NUMBERS['n']}\n")


@pytest.mark.parametrize(
    "name",
    [
        *("rsa-DER", "rsa-PKCS1-DER", "rsa-certificate-DER", "request-DER"),
        *("p-256-DER", "p-521-DER", "brainpool-DER", "ed25519-DER", "ed448-DER"),
    ],
)
def test_truncated_der_is_recognised(name: str) -> None:
    """A truncated public key isn't a secret."""
    data = PUBLIC[name]
    for cut in (data[:-1], data[: len(data) * 3 // 4], data + b"\n", data * 2):
        assert kind_of_key(cut) == "a public key"
        assert kind_of_key(b64encode(cut)) == "a public key"
        assert kind_of_key(cut.hex()) == "a public key"
    if name in {"rsa-DER", "p-256-DER", "ed25519-DER"}:
        # The bytes that all keys of a type begin with aren't a secret either.
        assert kind_of_key(b64encode(data[:32])) == "a public key"
    if "PKCS1" not in name:
        assert kind_of_key(b"\0\x01" + data) == "a public key"
        assert kind_of_key(repr(bytearray(data))) == "a public key"
    assert kind_of_key(data.decode("latin-1").encode("utf-16")) == "a public key"


@pytest.mark.parametrize("ca", ["rsa", "p-256", "ed25519", "ed448"])
@pytest.mark.parametrize("serial", [1, 2, 127, 128])
def test_a_certificate_is_never_a_private_key(ca: str, serial: int) -> None:
    """A serial number beside an algorithm's name looks like a private key's version."""
    data = certificate(KEYS["rsa"], ca=KEYS[ca], serial=serial).public_bytes(Encoding.DER)
    for cut in (data, data[:200], b64encode(data), data.hex()):
        assert kind_of_key(cut) == "a public key"
    # Without the outer header.
    assert not holds_private_key(data[8:])


@pytest.mark.parametrize("name", ["rsa-PKCS8-DER", "p-256-PKCS8-DER", "rsa-traditional-DER"])
def test_a_truncated_private_key_is_recognised(name: str) -> None:
    """Half of a private key is refused, too."""
    assert kind_of_key(PRIVATE[name][:-1]) == "a private key"
    assert holds_private_key(b64encode(PRIVATE[name][:100]))


def test_an_empty_set_is_recognised() -> None:
    """An empty JWK set holds no key, and isn't a secret either."""
    assert kind_of_key(b'{"keys": []}') == "a JWK"


NO_KEYS: dict[str, bytes] = {
    "empty": b"",
    "password": b"password",
    "all-bytes": bytes(range(256)),
    "der-of-nothing": b"\x30\x82\x01\x22" + bytes(290),
    "der-integer": b"\x30\x03\x02\x01\x05",
    "der-empty": b"\x30\x00",
    "der-no-length": b"\x30",
    "der-two-small-numbers": b"\x30\x06\x02\x01\x05\x02\x01\x03",
    "der-strings": b"\x30\x08\x0c\x02ab\x0c\x02cd",
    "der-length-beyond-the-end": b"\x30\x84\xff\xff\xff\xff\x02\x01\x05",
    "der-cut-inside": b"\x30\x04\x02\x09ab",
    "der-not-a-sequence": b"\x04\x03abc",
    "base64-of-a-cut-certificate": b"MIIBIjCBzaADAgECAgEHMA==",
    "base85-with-a-tag": b"{x6eVZlrXtg|LwQL+vzmCER|>Ev?%0)l86f<D>b&V(xF1y?{?A93n9)6DtnP",
    "base64url-with-letters": b"-x-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4-y-Zm9vYmFyYmF6",
    "words-of-one-letter": b"a n for " + b"0123456789abcdef" * 4 + b" and an e for nothing",
    "letters-and-short-words": b"kty, x: 1, y: 2, n = 5, e = 65537, crv = P-256",
    "base64-short": b"YQ==",
    "byte-order-mark": b"\xff\xfe",
    "words": b"my key: ssh and rsa",
    "dashes": b"-----",
    "dashes-around": b"-----this is no PEM, whatever it looks like-----",
    "object": b"{}",
    "object-of-one": b'{"a": 1}',
    "object-of-a-secret": b'{"n": "half of an RSA key is none", "secret": true}',
    "object-of-coordinates": b'{"x": 1, "z": 2}',
    "list": b"[1, 2]",
    "list-of-names": b'["n", "e", "x", "y", "kty", "keys"]',
    "jwt": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
    "uuid": b"6f1c2a1e-0b7e-4a3f-9c41-5a8f6f0f2b11",
    "escapes": rb"%s %(x)s {} \n \u0041 \x41 %41 are no keys",
    "html": b"<!doctype html><p>kty, keys and public keys</p><d>",
    "byte-values": json.dumps(list(range(64))).encode(),
    "numbers": b"9" * 200,
    "public-words": b"BEGIN PUBLIC KEY, and so on, END",
}


@pytest.mark.parametrize(
    "secret", [pytest.param(secret, id=name) for name, secret in NO_KEYS.items()]
)
def test_a_secret_is_not_mistaken_for_a_key(secret: bytes) -> None:
    """Bytes that aren't a key are a secret, even if they begin like one."""
    assert kind_of_key(secret) is None


# Not st.binary(), which also tries the words that the code searches for.
random_bytes = st.builds(
    lambda seed, size: random.Random(seed).randbytes(size), st.integers(0), st.integers(1, 256)
)


@bounded
@given(
    secret=random_bytes,
    spelling=st.sampled_from(sorted(SPELLINGS)),
    encoding=st.none() | st.sampled_from(sorted(ENCODINGS)),
)
@example(secret=bytes(64), spelling="as-it-is", encoding="base64")
def test_a_random_secret_is_not_mistaken_for_a_key(
    secret: bytes, spelling: str, encoding: str | None
) -> None:
    """Random bytes are a secret, in any encoding."""
    encoded = secret if encoding is None else ENCODINGS[encoding](secret)

    assert kind_of_key(SPELLINGS[spelling](encoded)) is None


@bounded
@given(secret=st.text(st.characters(codec=None), max_size=200))
@example(secret="\ud800")
def test_any_text_is_examined_without_an_error(secret: str) -> None:
    """Any characters are accepted, even half a surrogate pair."""
    assert (kind_of_key(secret) == "a private key") == holds_private_key(secret)


@bounded
@given(data=st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"\x30" + data))
def test_any_der_is_read_without_an_error(data: bytes) -> None:
    """Reading any bytes as DER raises nothing."""
    assert der_key(data) in {None, "public", "private"}


UNKNOWABLE = {
    "modulus": NUMBERS["n"].encode(),
    "modulus-bytes": RSA.public_key().public_numbers().n.to_bytes(256, "big"),
    "raw-ed25519": KEYS["ed25519"].public_key().public_bytes(Encoding.Raw, Public.Raw),
    "raw-point": KEYS["p-256"].public_key().public_bytes(Encoding.X962, Public.UncompressedPoint),
    "encoded-three-times": b64encode(b64encode(b64encode(PUBLIC["rsa-PEM"]))),
}


@pytest.mark.parametrize(
    "secret", [pytest.param(secret, id=name) for name, secret in UNKNOWABLE.items()]
)
def test_some_keys_look_like_any_secret(secret: bytes) -> None:
    """As documented, a bare modulus, raw key bytes and multiply encoded keys aren't recognised."""
    assert kind_of_key(secret) is None


def test_long_text_is_not_decoded() -> None:
    """Beyond 64 KiB nothing is decoded, to limit the time; PEM is still found."""
    filler = b"x " * 40_000
    assert kind_of_key(filler + b64encode(PUBLIC["rsa-DER"])) is None
    assert kind_of_key(filler + PUBLIC["rsa-PEM"]) == "a public key"
    assert holds_private_key(filler + PRIVATE["rsa-PKCS8-PEM"])


def _set(material: object) -> None:
    flask_jwtlib.JWT_ALGO = "HS256"
    flask_jwtlib.set_permanent_verification_key(material)


def _forge(material: object, secret: bytes, *, fetched: bool = False) -> None:
    """Set the module API's key, and send a token that is signed with the public text."""
    if fetched:
        flask_jwtlib.JWT_ALGO = "HS256"
        flask_jwtlib.retrieve_verification_key = lambda: material
    else:
        _set(material)
    forged = TokenIssuer(algorithm="HS256", private_key=secret).token()
    try:
        accepted = flask_jwtlib.check_token(forged)
    except VerificationUnavailable:
        accepted = False
    if not accepted:
        raise ConfigurationError("the forged token is refused")


SECRET_WAYS: dict[str, Callable[[bytes], object]] = {
    "from-secret": lambda data: VerificationKey.from_secret(data, allow_weak=True),
    "from-secret-text": lambda data: VerificationKey.from_secret(
        data.decode("latin-1"), allow_weak=True
    ),
    "constructor": lambda data: VerificationKey(data, allow_weak=True),
    "oct-jwk": lambda data: VerificationKey.from_jwk({"kty": "oct", "k": base64url(data)}),
    "oct-jwk-json": lambda data: KeySet.of(json.dumps({"kty": "oct", "k": base64url(data)})),
    "module-api": lambda data: _forge(data, data),
    "module-api-text": lambda data: _forge(data.decode("latin-1"), data),
    "module-api-oct-jwk": lambda data: _forge({"kty": "oct", "k": base64url(data)}, data),
    "module-api-fetched": lambda data: _forge(data, data, fetched=True),
    "module-api-fetched-text": lambda data: _forge(data.decode("latin-1"), data, fetched=True),
}


@pytest.mark.filterwarnings("ignore::flask_jwtlib.errors.InsecureKeyWarning")
@pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in SECRET_WAYS.items()])
def test_no_api_takes_a_public_key_as_a_secret(way: Callable[[bytes], object]) -> None:
    """Each way to set a secret refuses each form, in some spellings and encodings."""
    for form in PUBLIC_FORMS:
        for text in (form, b64encode(form), urlsafe_b64encode(form), form.hex().encode()):
            with pytest.raises(ConfigurationError):
                way(text)
    for name, mapping in MAPPINGS.items():
        # The module API reads a symmetric JWK.
        if name != "oct":
            with pytest.raises(ConfigurationError):
                way(mapping.encode())


PRIVATE_WAYS: dict[str, Callable[[bytes], object]] = {
    "from-pem": VerificationKey.from_pem,
    "from-pem-text": lambda data: VerificationKey.from_pem(data.decode("latin-1")),
    "from-openssh": lambda data: VerificationKey.from_openssh(data.decode("latin-1")),
    "from-jwk": VerificationKey.from_jwk,
    "from-secret": VerificationKey.from_secret,
    "key-set-of": KeySet.of,
    "key-set-of-text": lambda data: KeySet.of(data.decode("latin-1")),
    "module-api": _set,
    "module-api-text": lambda data: _set(data.decode("latin-1")),
}
# These are read as JSON, which has its own rule for skipped members.
PRIVATE_JSON = {"JWK", "JWK-in-a-set"}


@pytest.mark.parametrize("way", [pytest.param(way, id=name) for name, way in PRIVATE_WAYS.items()])
def test_a_private_key_is_named_wherever_keys_are_read(way: Callable[[bytes], object]) -> None:
    """DER, PEM, UTF-16, OpenSSH and PuTTY, also in hex and base64: the error says "private"."""
    for name, form in PRIVATE_FORMS.items():
        if name in PRIVATE_JSON:
            continue
        wide = [] if _is_der(form) else [form.decode().encode("utf-16")]
        for text in (form, *wide, b64encode(form), form.hex().encode()):
            with pytest.raises(ConfigurationError, match="a private key"):
                way(text)


@pytest.mark.parametrize("name", sorted(KEYS))
def test_a_private_key_object_is_named(name: str) -> None:
    """The error for a key object that can sign says that it is private."""
    for make in (VerificationKey, KeySet.of, _set):
        with pytest.raises(ConfigurationError, match="a private key"):
            make(KEYS[name])
