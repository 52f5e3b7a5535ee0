"""A key that verifies signatures, prepared once and bound to its algorithms."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from attrs import field, frozen

from ..errors import ConfigurationError, InsecureKeyWarning
from ..sharing import Shared
from ._jose import (
    KeyMaterial,
    Verifier,
    algorithm_names,
    algorithms_of,
    key_type_of,
    make_verifier,
    weakness,
)
from ._jwk import load_jwk, present_members, thumbprints_of, use_names
from ._secret_text import PRIVATE_KEY_REFUSED, holds_private_key, kind_of_key
from ._strength import key_fault
from ._text import load_openssh, load_pem, parse_json

__all__ = ["VerificationKey", "holds_private_key"]

_NO_THUMBPRINTS: Mapping[str, str] = MappingProxyType({})


def _as_algorithms(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if value is None else algorithm_names(value)


def _warn_of(weakness: str) -> None:
    """Warn at the line, outside of this package, that made the key."""
    package = str(Path(__file__).parents[1])
    level = 1
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith((package, "<attrs ")):
        frame = frame.f_back
        level += 1
    warnings.warn(f"{weakness} (RFC 7518 §3)", InsecureKeyWarning, stacklevel=level)


@frozen(eq=False)
class VerificationKey(Shared):
    """A public key or an HMAC secret, parsed and checked when it is made.

    Make it with one of the ``from_…`` methods, or straight from a public key object of
    ``cryptography``.

    Args:
        material: An RSA, EC, Ed25519 or Ed448 public key object, or the bytes of an HMAC secret.
        algorithms: The JWS algorithms (RFC 7518 §3.1) that it may verify, one or several. By
            default all that its type, curve and length are fit for: an EC key verifies the one
            algorithm of its curve.
        kid: The key ID that its issuer's tokens name.
        allow_weak: Accept a key shorter than RFC 7518 §3.2 and §3.3 ask for, with an
            ``InsecureKeyWarning``.
        thumbprints: The thumbprints of its certificate, by the header parameter that a token without
            a ``kid`` may name them in: ``x5t#S256`` or ``x5t`` (RFC 7515 §4.1.7, §4.1.8).

    Attributes:
        algorithms: What it may verify.
        kid: Its key ID, None if it has none.

    Raises:
        ConfigurationError: The key is bad, weak, private, or does not fit the algorithms.
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
        if hasattr(self.material, "private_bytes"):
            raise ConfigurationError(PRIVATE_KEY_REFUSED)
        fit = algorithms_of(self.material)
        if isinstance(self.material, bytes):
            self._check_secret(self.material)
        elif fault := key_fault(self.material):
            raise ConfigurationError(fault)
        wanted = self.algorithms
        if not wanted:
            strong = tuple(name for name in fit if weakness(self.material, name) is None)
            wanted = fit if self.allow_weak else strong or fit[:1]
        if not set(wanted) <= set(fit):
            raise ConfigurationError(
                f"this {self.key_type} key verifies {', '.join(fit)}; "
                f"it can't verify {', '.join(wanted)}"
            )
        weaknesses = [text for name in wanted if (text := weakness(self.material, name))]
        if weaknesses and not self.allow_weak:
            raise ConfigurationError(
                f"{weaknesses[0]} (RFC 7518 §3)",
                advice="to accept it anyway, make the VerificationKey with allow_weak=True",
            )
        if weaknesses:
            _warn_of(weaknesses[0])
        object.__setattr__(self, "algorithms", wanted)
        self._verifiers.update((name, make_verifier(self.material, name)) for name in wanted)

    def _check_secret(self, secret: bytes) -> None:
        if not secret:
            raise ConfigurationError("an empty secret verifies nothing")
        kind = kind_of_key(secret)
        if kind is not None:
            raise ConfigurationError(
                f"this HMAC secret is {kind}, which others may know (RFC 8725 §2.1)",
                advice="use random bytes as a secret, and from_pem, from_openssh or from_jwk to load a key",
            )

    @property
    def key_type(self) -> str:
        """The key's type by RFC 7518 §6.1: ``RSA``, ``EC``, ``OKP`` or ``oct``."""
        return key_type_of(self.material)

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        """Whether the signature over the signing input is this key's, by an algorithm that it may verify."""
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

        Of several certificates the first one is used, as in a chain. A certificate's dates are not
        looked at. PEM is also read where its line breaks became the two characters ``\n``, as in
        environment variables, where it was encoded in base64 once more, and where only its base64 text is
        left, as Keycloak shows a realm's key; and so is DER.
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
        """Make a key from OpenSSH's one-line format, ``ssh-rsa AAAA… comment``, also when wrapped."""
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
        """Make a key from a JWK (RFC 7517 §4), a mapping or JSON.

        The JWK's own ``alg`` and ``kid`` apply unless they are given here. Members that are null count as
        absent, and so does a blank ``use``. Numbers may have base64url's padding.

        Args:
            jwk: The JWK.
            algorithms: As for ``VerificationKey``.
            kid: As for ``VerificationKey``.
            allow_weak: As for ``VerificationKey``.
            uses: The values of ``use`` that mark a key for signatures, one or several: SPIFFE, for
                example, writes ``"jwt-svid"``. A JWK without ``use`` is always accepted.

        Raises:
            ConfigurationError: It is not a JWK of a supported type, is malformed, private or meant for
                another use, or ``VerificationKey`` refuses it.
        """
        parsed: object = parse_json(jwk) if isinstance(jwk, str | bytes) else jwk
        if not isinstance(parsed, Mapping):
            raise ConfigurationError("a JWK is a JSON object")
        members = present_members(cast("Mapping[str, Any]", parsed))
        material = load_jwk(members, use_names(uses))
        own = members.get("alg")
        if own is not None:
            if not isinstance(own, str) or own not in algorithms_of(material):
                raise ConfigurationError("this JWK's alg does not belong to its key type")
            if algorithms is not None and own not in _as_algorithms(algorithms):
                raise ConfigurationError(f"this JWK is for {own} alone")
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

        A key is never accepted as a secret: anyone who has a public key could sign tokens with it
        (RFC 8725 §2.1). Recognised are:

        - Public and private keys, certificates and certificate requests in DER (SubjectPublicKeyInfo,
          PKCS #1, #7, #8 and #12, SEC 1); in PEM and its relatives, even without their BEGIN or END
          line; OpenSSH's and PuTTY's formats; .NET's XML; Java's key stores. Of RSA, EC, Ed25519 and
          Ed448 keys the first half of the DER is enough.
        - Text with the members of a JWK, in JSON or as a program prints them, with quotation marks or
          without: ``kty``, ``keys``, ``x5c``, ``n`` with ``e``, ``x`` with ``y`` or ``crv``, ``Modulus``
          with ``Exponent``. They are found in any letter case, nested, in a list, or where the text is
          cut off.
        - All of these in UTF-8, UTF-16 or UTF-32, with or without a byte order mark; quoted, between white
          space, or with the escapes of JSON, Python or URLs; and inside up to two layers of hex, base64,
          base64url (padded or not), base32, base85 or a list of byte values. Base32 and base85 must be
          the whole text, and nothing is decoded in text of more than 64 KiB.

        A bare modulus or coordinate, a key's raw bytes, and text that is encoded more than twice can't be
        told from a random secret. Never use them as one.

        Raises:
            ConfigurationError: It is a key, or empty, or shorter than the hash without ``allow_weak``.
        """
        if not isinstance(secret, str | bytes):
            raise ConfigurationError(
                f"an HMAC secret is a string or bytes, not {type(secret).__name__}"
            )
        try:
            data = secret.encode() if isinstance(secret, str) else secret
        except UnicodeEncodeError:
            raise ConfigurationError(
                "this HMAC secret has half a surrogate pair, which is no text"
            ) from None
        return cls(data, algorithms=algorithms, kid=kid, allow_weak=allow_weak)
