"""A set of verification keys, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from attrs import field, frozen

from . import _jose, _key_text
from .errors import ConfigurationError
from .keys import VerificationKey
from .values import UnverifiedHeader

__all__ = ["KeySet"]

_MAX_TRIES = 4
_Keys = tuple[VerificationKey, ...]


@frozen(eq=False)
class KeySet:
    """Some keys, of which few may verify any one token (RFC 7515 §6, RFC 7517 §4.5).

    A token that names a ``kid`` is verified by the keys of that ``kid`` and no others. A token that
    names none is verified if exactly one key fits its algorithm. A list given by hand whose keys
    have no ``kid`` at all is tried whole, whatever the token names: up to four keys an algorithm.
    A JWK set is not: there, a key without a ``kid`` is for tokens that name none.

    A set without keys verifies nothing.

    Args:
        keys: The keys.
        exact: Never try a key without a ``kid`` for a token that names one, as with a JWK set.

    Attributes:
        skipped: Why members of a JWK set were passed over, a line each.
        kids: The key IDs.

    Raises:
        ConfigurationError: There are too many keys without a ``kid`` to try them all.
    """

    keys: _Keys
    skipped: tuple[str, ...] = field(default=(), kw_only=True)
    exact: bool = field(default=False, kw_only=True, repr=False)
    kids: frozenset[str] = field(init=False, repr=False, default=frozenset())
    _by_kid: dict[tuple[str | None, str], _Keys] = field(
        init=False, repr=False, factory=dict[tuple[str | None, str], _Keys]
    )
    _by_algorithm: dict[str, _Keys] = field(init=False, repr=False, factory=dict[str, _Keys])
    _any_kid: bool = field(init=False, repr=False, default=False)

    def __attrs_post_init__(self) -> None:
        for key in self.keys:
            if not isinstance(key, VerificationKey):
                raise ConfigurationError(f"want VerificationKey objects, not {type(key).__name__}")
            for algorithm in key.algorithms:
                same_kid = self._by_kid.get((key.kid, algorithm), ())
                if any(key.material == other.material for other in same_kid):
                    continue
                self._by_kid[key.kid, algorithm] = (*same_kid, key)[:_MAX_TRIES]
                self._by_algorithm[algorithm] = (*self._by_algorithm.get(algorithm, ()), key)
        kids = frozenset(key.kid for key in self.keys if key.kid is not None)
        any_kid = bool(self.keys) and not kids and not self.exact
        object.__setattr__(self, "kids", kids)
        object.__setattr__(self, "_any_kid", any_kid)
        for algorithm, keys in self._by_algorithm.items():
            if any_kid and len(keys) > _MAX_TRIES:
                raise ConfigurationError(
                    f"{len(keys)} keys without a kid fit {algorithm}, {_MAX_TRIES} are tried: give them kids"
                )
            if not any_kid and len(keys) > 1:
                self._by_algorithm[algorithm] = ()

    def select(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """The keys that may verify a token of this header, few or none."""
        if header.kid is None or self._any_kid:
            return self._by_algorithm.get(header.alg, ())
        return self._by_kid.get((header.kid, header.alg), ())

    def lacks(self, kid: str | None) -> bool:
        """Whether a token that names this ``kid`` could only be verified by another set than this one."""
        return kid is not None and not self._any_kid and kid not in self.kids

    @property
    def algorithms(self) -> frozenset[str]:
        """Every algorithm that some key verifies."""
        return frozenset(self._by_algorithm)

    @classmethod
    def of(cls, material: Any, *, allow_weak: bool = False) -> KeySet:
        """Make a key set from whatever holds verification keys.

        Args:
            material: A ``VerificationKey``, PEM or OpenSSH text, a JWK or a JWK set (a mapping or
                JSON), a public key object of ``cryptography``, a ``KeySet``, or an iterable of
                such.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.

        Raises:
            ConfigurationError: It is none of these. A bare secret is none either:
                ``VerificationKey.from_secret`` says that it is one.
        """
        if isinstance(material, KeySet):
            return material
        if isinstance(material, Iterable) and not isinstance(material, str | bytes | Mapping):
            members = cast("Iterable[object]", material)
            sets = [cls.of(member, allow_weak=allow_weak) for member in members]
            return cls(
                tuple(key for key_set in sets for key in key_set.keys),
                skipped=tuple(reason for key_set in sets for reason in key_set.skipped),
                exact=any(key_set.exact for key_set in sets),
            )
        return cls._of_one(cast("object", material), allow_weak)

    @classmethod
    def from_jwks(
        cls, jwks: Mapping[str, Any] | str | bytes, *, allow_weak: bool = False
    ) -> KeySet:
        """Make a key set from a JWK set (RFC 7517 §5), passing over members that can't verify signatures.

        Of a set whose members are all passed over it makes one without keys.

        Args:
            jwks: The set, a mapping or JSON.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.

        Raises:
            ConfigurationError: It is no JWK set.
        """
        parsed: object = _key_text.parse_json(jwks) if isinstance(jwks, str | bytes) else jwks
        document = cast("Mapping[str, Any]", parsed if isinstance(parsed, Mapping) else {})
        members: Any = document.get("keys")
        if not isinstance(members, list | tuple):
            raise ConfigurationError('a JWK set is a JSON object whose "keys" is an array')
        keys: list[VerificationKey] = []
        skipped: list[str] = []
        for member in cast("Sequence[Any]", members):
            jwk = cast("Mapping[str, Any]", member if isinstance(member, Mapping) else {})
            try:
                keys.append(VerificationKey.from_jwk(jwk, allow_weak=allow_weak))
            except ConfigurationError as error:
                skipped.append(str(error))
        return cls(tuple(keys), skipped=tuple(skipped), exact=True)

    @classmethod
    def _of_one(cls, material: object, allow_weak: bool) -> KeySet:
        if isinstance(material, VerificationKey):
            return cls((material,))
        if isinstance(material, Mapping):
            members = cast("Mapping[str, Any]", material)
            if "keys" in members:
                return cls.from_jwks(members, allow_weak=allow_weak)
            return cls((VerificationKey.from_jwk(members, allow_weak=allow_weak),))
        if not isinstance(material, str | bytes):
            # What is no key object is refused there.
            return cls(
                (VerificationKey(cast("_jose.KeyMaterial", material), allow_weak=allow_weak),)
            )
        text = material.decode("utf-8", "replace") if isinstance(material, bytes) else material
        if "-----BEGIN " in text:
            return cls((VerificationKey.from_pem(text, allow_weak=allow_weak),))
        if text.lstrip().startswith("{"):
            return cls._of_one(_key_text.parse_json(text), allow_weak)
        if text.lstrip().startswith(("ssh-", "ecdsa-")):
            return cls((VerificationKey.from_openssh(text, allow_weak=allow_weak),))
        raise ConfigurationError(
            "this text is no PEM, JWK or OpenSSH public key; "
            "an HMAC secret is given as VerificationKey.from_secret(…)"
        )
