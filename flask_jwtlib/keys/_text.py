"""Reads public keys from text: PEM, OpenSSH lines and JSON."""

from __future__ import annotations

import json
import re
from base64 import b64decode, urlsafe_b64decode
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ..errors import ConfigurationError
from ._jose import KeyMaterial
from ._secret_text import PRIVATE_KEY_REFUSED, kind_of_key, refuse_private_key

__all__ = [
    "FOR_A_PATH",
    "as_text",
    "find_key",
    "load_openssh",
    "load_pem",
    "parse_json",
    "unreadable",
]

_PEM_BEGIN = "-----BEGIN "
_PEM_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_PEM_LABELS = ("PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE")
_BASE64_OR_URL = re.compile(r"[A-Za-z0-9+/_-]+")
_TO_URL = str.maketrans("+/", "-_")

_URL = re.compile(r"https?://", re.IGNORECASE)
_PATH = re.compile(
    r"(?:file://|\.{0,2}/|~|[A-Za-z]:\\)[^\r\n]+|[^\r\n]+\.(?:pem|crt|cer|der|key|pub|jwks?|json)"
)
_FOR_A_URL = (
    "pass JWKSKeyProvider('https://…') of flask_jwtlib_strategies.key_providers.jwks for the URL of a key "
    "set, or OIDCKeyProvider('https://…') of flask_jwtlib_strategies.key_providers.oidc for an issuer"
)
FOR_A_PATH = (
    "pass the file's content, such as Path(…).read_text(), or FileKeyProvider(path) of "
    "flask_jwtlib_strategies.key_providers.files, which reads a file again when it changes"
)

# The number of fields in each type of key. Each field begins with its length.
_OPENSSH_FIELDS = {
    "ssh-rsa": 3,
    "ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
}
# The longest OpenSSH key, in base64 characters. An RSA key of 16,384 bits has 2,800.
_MAX_OPENSSH_LENGTH = 8192
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON that contains keys. Errors don't quote it.

    Raises:
        ConfigurationError: It isn't JSON, or it is a private key.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # This error contains the text. The errors below are raised outside of the block, without it.
        pass
    refuse_private_key(text)
    raise ConfigurationError("this text is not JSON")


def unreadable(text: str | bytes) -> ConfigurationError:
    """Return the error for a text that no key can be read from.

    Raises:
        ConfigurationError: It contains a private key.
    """
    refuse_private_key(text)
    kind = kind_of_key(text)
    if kind is not None:
        return ConfigurationError(
            f"this text is {kind} that is cut off or damaged, or in an unsupported format",
            advice="pass it as PEM, as an OpenSSH line, or as a JWK or a JWK set in JSON",
        )
    place = as_text(text).strip()
    if _URL.match(place):
        return ConfigurationError("this text is a URL, not a key", advice=_FOR_A_URL)
    if _PATH.fullmatch(place):
        return ConfigurationError("this text looks like a path, not a key", advice=FOR_A_PATH)
    return ConfigurationError(
        "this text is not a PEM, JWK or OpenSSH public key, nor the base64 text of one",
        advice="pass a key file's content or FileKeyProvider(path) instead of its path, the URL of a key "
        "set as JWKSKeyProvider(url), and an HMAC secret as VerificationKey.from_secret(secret)",
    )


def as_text(data: str | bytes) -> str:
    """Decode a key's text from UTF-8 or UTF-16, and remove its byte order mark."""
    if isinstance(data, bytes):
        if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            data = data.decode("utf-16", "replace")
        elif b"\0" in data[:2]:
            data = data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
        else:
            data = data.decode("utf-8", "replace")
    return data.lstrip("\ufeff")


def load_pem(text: Any) -> KeyMaterial:
    """Read a public key from PEM, or from another form that ``find_key`` reads.

    Raises:
        ConfigurationError: It isn't a public key, it is damaged, or it contains a private key.
    """
    if not isinstance(text, str | bytes):
        raise ConfigurationError(f"PEM must be a string or bytes, not {type(text).__name__}")
    key = find_key(text)
    if key is None:
        refuse_private_key(text)
        raise ConfigurationError(
            "this text does not hold a public key or a certificate in PEM: "
            "it has no BEGIN line, and it isn't the base64 text of one"
        )
    return key


def find_key(given: str | bytes) -> KeyMaterial | None:
    r"""Read a public key, or the first certificate's, from PEM or one of its variants.

    The PEM may have other text around it, have the two characters ``\n`` as line breaks, be encoded in
    base64 once more, or lack its BEGIN and END lines. DER, which PEM encodes, is read too.

    Returns:
        The key, or None if the text is not PEM in any of these variants.

    Raises:
        ConfigurationError: It is PEM without a readable public key, or with a private key.
    """
    text = as_text(given)
    if _PEM_BEGIN in text:
        return _load_pem(text)
    decoded = given if isinstance(given, bytes) and given[:1] == b"0" else _from_base64(text)
    text = as_text(decoded)
    return _load_pem(text) if _PEM_BEGIN in text else _load_der(decoded)


def _load_pem(text: str) -> KeyMaterial:
    if "PRIVATE KEY-----" in text:
        raise ConfigurationError(PRIVATE_KEY_REFUSED)
    # Environment variables and JSON within JSON escape line breaks.
    for escaped, plain in (("\\\\", "\\"), ("\\r", ""), ("\\n", "\n")):
        text = text.replace(escaped, plain)
    data = text.strip().strip("\"'").encode("utf-8", "replace")
    try:
        if b"-----BEGIN CERTIFICATE-----" in data:
            key: Any = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)
        return cast("KeyMaterial", key)
    except UnsupportedAlgorithm:
        raise ConfigurationError(
            "cryptography, or the OpenSSL library that it uses, doesn't support the key in this PEM"
        ) from None
    except (ValueError, OverflowError, x509.InvalidVersion):
        # A negative modulus overflows.
        pass
    raise ConfigurationError(_pem_fault(text))


def _pem_fault(text: str) -> str:
    refuse_private_key(text)
    label = _PEM_LABEL.search(text)
    if label is not None and "-----END " not in text:
        return "this PEM is cut off: it has no END line"
    if label is not None and label[1] not in _PEM_LABELS:
        return f"this PEM holds a {label[1]}, expected one of: {', '.join(_PEM_LABELS)}"
    return "this PEM does not hold a public key or a certificate that can be read"


def _load_der(data: bytes) -> KeyMaterial | None:
    if data[:1] != b"0":
        return None
    for load in (serialization.load_der_public_key, _load_der_certificate):
        try:
            return cast("KeyMaterial", load(data))
        except (ValueError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion):
            continue
    return None


def _load_der_certificate(data: bytes) -> Any:
    return x509.load_der_x509_certificate(data).public_key()


def _from_base64(text: str) -> bytes:
    """Decode base64, with or without padding. Return no bytes if the text is anything else."""
    bare = "".join(text.split()).strip("\"'").rstrip("=")
    if len(bare) % 4 == 1 or _BASE64_OR_URL.fullmatch(bare) is None:
        return b""
    return urlsafe_b64decode(bare.translate(_TO_URL) + "==")


def load_openssh(text: str) -> KeyMaterial:
    """Read a public key from an OpenSSH line, ``ssh-rsa AAAA… comment``, also if it was wrapped.

    White space separates the key from its comment, and may also be within a wrapped key. The lengths in the
    key (RFC 4253 §6.6) show where it ends, so reading takes linear time.

    Raises:
        ConfigurationError: It isn't an OpenSSH public key, it is damaged, or no JWT algorithm uses its type.
    """
    name, *words = text.split() or ("",)
    fields = _OPENSSH_FIELDS.get(name)
    if fields is None:
        refuse_private_key(text)
        raise ConfigurationError(
            "this OpenSSH text is not a plain RSA, ECDSA or Ed25519 public key"
        )
    length = _base64_length("".join(words[:_MAX_OPENSSH_LENGTH])[:_MAX_OPENSSH_LENGTH], fields)
    encoded = ""
    for word in words:
        if len(encoded) >= length:
            break
        encoded += word
    # A key must end where a word ends.
    if len(encoded) == length:
        try:
            key = serialization.load_ssh_public_key(f"{name} {encoded}".encode())
            return cast("KeyMaterial", key)
        except (ValueError, UnsupportedAlgorithm):
            pass
    raise ConfigurationError("this OpenSSH public key is damaged: no key can be read from it")


def _base64_length(encoded: str, fields: int) -> int:
    """Return the length in characters of the OpenSSH key that a text begins with, or -1 if it is damaged."""
    # The pattern matches every string.
    whole = cast("re.Match[str]", _BASE64.match(encoded))[0]
    data = b64decode(whole[: len(whole) // 4 * 4])
    end = 0
    for _ in range(fields):
        size = data[end : end + 4]
        if len(size) < 4:
            return -1
        end += 4 + int.from_bytes(size, "big")
    return -1 if end > len(data) else (end + 2) // 3 * 4
