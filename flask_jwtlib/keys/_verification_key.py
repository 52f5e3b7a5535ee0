"""A key that verifies signatures by certain algorithms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from attrs import field, frozen

from ..errors import ConfigurationError
from ..sharing import Shared
from ._jose import (
    KeyMaterial,
    Verifier,
    algorithm_names,
    algorithms_of,
    key_type_of,
    make_verifier,
)
from ._jwk import load_jwk, present_members, thumbprints_of, use_names
from ._key_checks import checked_algorithms
from ._text import load_openssh, load_pem, parse_json

__all__ = ["VerificationKey"]

_NO_THUMBPRINTS: Mapping[str, str] = MappingProxyType({})


def _as_algorithms(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if value is None else algorithm_names(value)


@frozen(eq=False)
class VerificationKey(Shared):
    """A public key or an HMAC secret that verifies signatures. It is checked when it is made.

    Make it with one of the ``from_…`` methods, or directly from a public key object of ``cryptography``.

    Args:
        material: An RSA, EC, Ed25519 or Ed448 public key object, or the bytes of an HMAC secret.
        algorithms: One or several JWS algorithms (RFC 7518 §3.1) that it may verify. By default all that
            fit its type, curve and length. An EC key fits only the algorithm of its curve.
        kid: The key ID in its issuer's tokens.
        allow_weak: Accept a key that is shorter than RFC 7518 §3.2 and §3.3 require, with an
            ``InsecureKeyWarning``.
        thumbprints: The thumbprints of its certificate, by the header parameter ``x5t#S256`` or ``x5t``
            (RFC 7515 §4.1.7, §4.1.8) in which a token without a ``kid`` may send one.

    Attributes:
        algorithms: The algorithms that it may verify.
        kid: Its key ID, or None.

    Raises:
        ConfigurationError: The key is invalid, weak or private, or doesn't fit the algorithms.
    """

    material: KeyMaterial = field(repr=False)
    algorithms: tuple[str, ...] = field(default=None, converter=_as_algorithms, kw_only=True)
    kid: str | None = field(default=None, kw_only=True)
    allow_weak: bool = field(default=False, kw_only=True, repr=False)
    thumbprints: Mapping[str, str] = field(default=_NO_THUMBPRINTS, kw_only=True, repr=False)
    _verifiers: dict[str, Verifier] = field(init=False, repr=False, factory=dict[str, Verifier])

    def __attrs_post_init__(self) -> None:
        if self.kid is not None and not isinstance(self.kid, str):
            raise ConfigurationError(f"a key ID is a string, not {type(self.kid).__name__}")
        algorithms = checked_algorithms(self.material, self.algorithms, allow_weak=self.allow_weak)
        object.__setattr__(self, "algorithms", algorithms)
        self._verifiers.update((name, make_verifier(self.material, name)) for name in algorithms)

    @property
    def key_type(self) -> str:
        """The key's type by RFC 7518 §6.1: ``RSA``, ``EC``, ``OKP`` or ``oct``."""
        return key_type_of(self.material)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        """Return whether a signature is valid. False for an algorithm that this key may not verify."""
        verifier = self._verifiers.get(algorithm)
        return verifier is not None and verifier(signing_input, signature) is True

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        algorithms: str | Iterable[str] | None = None,
        kid: str | None = None,
        allow_weak: bool = False,
    ) -> VerificationKey:
        r"""Make a key from PEM: a public key (SubjectPublicKeyInfo or PKCS#1) or an X.509 certificate.

        Of several certificates, such as a chain, the first one is used. Its validity dates are not checked.
        The PEM may have the two characters ``\n`` as line breaks, as in environment variables, be encoded in
        base64 once more, or consist of its base64 text only, as Keycloak shows a realm's key. DER is read
        too.
        """
        return cls(load_pem(pem), algorithms=algorithms, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_openssh(
        cls,
        line: str,
        *,
        algorithms: str | Iterable[str] | None = None,
        kid: str | None = None,
        allow_weak: bool = False,
    ) -> VerificationKey:
        """Make a key from OpenSSH's one-line format, ``ssh-rsa AAAA… comment``, also if it was wrapped."""
        return cls(load_openssh(line), algorithms=algorithms, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_jwk(
        cls,
        jwk: Mapping[str, Any] | str | bytes,
        *,
        algorithms: str | Iterable[str] | None = None,
        kid: str | None = None,
        allow_weak: bool = False,
        uses: str | Iterable[str] = ("sig",),
    ) -> VerificationKey:
        """Make a key from a JWK (RFC 7517 §4), as a mapping or JSON.

        If the JWK has an ``alg``, the key is only for that algorithm. Its own ``kid`` applies unless you pass
        another one. Members that are null and a blank ``use`` count as absent. Numbers may have base64url
        padding.

        Args:
            jwk: The JWK.
            algorithms: As for ``VerificationKey``.
            kid: As for ``VerificationKey``.
            allow_weak: As for ``VerificationKey``.
            uses: One or several values of ``use`` that mean signatures. SPIFFE, for example, writes
                ``"jwt-svid"``. A JWK without ``use`` is always accepted.

        Raises:
            ConfigurationError: The JWK's type is not supported, it is malformed, private or for another use,
                or ``VerificationKey`` refuses the key.
        """
        parsed: object = parse_json(jwk) if isinstance(jwk, str | bytes) else jwk
        if not isinstance(parsed, Mapping):
            raise ConfigurationError("this is not a JWK: expected a JSON object")
        members = present_members(cast("Mapping[str, Any]", parsed))
        material = load_jwk(members, use_names(uses))
        own = members.get("alg")
        if own is not None:
            if not isinstance(own, str) or own not in algorithms_of(material):
                raise ConfigurationError("this JWK's alg doesn't fit its key type")
            if algorithms is not None and own not in _as_algorithms(algorithms):
                raise ConfigurationError(f"this JWK is only for {own}")
            algorithms = own
        return cls(
            material,
            algorithms=algorithms,
            kid=members.get("kid") if kid is None else kid,
            allow_weak=allow_weak,
            thumbprints=thumbprints_of(members, material),
        )

    @classmethod
    def from_secret(
        cls,
        secret: str | bytes,
        *,
        algorithms: str | Iterable[str] | None = None,
        kid: str | None = None,
        allow_weak: bool = False,
    ) -> VerificationKey:
        """Make a key from an HMAC secret: the bytes given, or a string's UTF-8 bytes, exactly as they are.

        A public or private key is refused: anyone who has a public key could sign tokens with it
        (RFC 8725 §2.1). These are recognised as keys:

        - Public and private keys, certificates and certificate requests in DER (SubjectPublicKeyInfo,
          PKCS #1, #7, #8 and #12, SEC 1); in PEM and its relatives, even without their BEGIN or END
          line; in the formats of OpenSSH and PuTTY, .NET's XML, and Java key stores. Of RSA, EC, Ed25519
          and Ed448 keys the first half of the DER is enough.
        - Text with the members of a JWK, in JSON or as a program prints them, with or without quotation
          marks: ``kty``, ``keys``, ``x5c``, ``n`` with ``e``, ``x`` with ``y`` or ``crv``, ``Modulus`` with
          ``Exponent``. Their letter case doesn't matter, and they may be nested, in a list, or cut off.
        - All of these in UTF-8, UTF-16 or UTF-32, with or without a byte order mark; quoted, between white
          space, or with the escapes of JSON, Python or URLs; and inside up to two layers of hex, base64,
          base64url (padded or not), base32, base85 or a list of byte values. Base32 and base85 must be
          the whole text. Text of more than 64 KiB is not decoded.

        A bare modulus or coordinate, a key's raw bytes, and text that is encoded more than twice look like a
        random secret. Never use them as one.

        Raises:
            ConfigurationError: It is a key, it is empty, or it is shorter than the hash and ``allow_weak``
                is not set.
        """
        if not isinstance(secret, str | bytes):
            raise ConfigurationError(
                f"an HMAC secret must be a string or bytes, not {type(secret).__name__}"
            )
        try:
            data = secret.encode() if isinstance(secret, str) else secret
        except UnicodeEncodeError:
            raise ConfigurationError(
                "this HMAC secret contains half of a surrogate pair, which UTF-8 can't encode"
            ) from None
        return cls(data, algorithms=algorithms, kid=kid, allow_weak=allow_weak)
