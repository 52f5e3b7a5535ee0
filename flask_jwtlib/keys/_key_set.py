"""A set of verification keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, cast

from attrs import Factory, field, frozen

from ..errors import ConfigurationError
from ..sharing import Shared
from ..values import UnverifiedHeader
from ._jose import KeyMaterial
from ._jwk import use_names
from ._key_index import KeyIndex, Keys
from ._text import FOR_A_PATH, as_text, find_key, parse_json, unreadable
from ._verification_key import VerificationKey

__all__ = ["KeySet"]


def _checked_keys(keys: Iterable[VerificationKey]) -> Keys:
    checked = tuple(keys)
    for key in checked:
        if not isinstance(key, VerificationKey):
            raise ConfigurationError(
                f"KeySet takes VerificationKey objects, not {type(key).__name__}; "
                "KeySet.of reads keys in other forms"
            )
    return checked


def _index_of(key_set: KeySet) -> KeyIndex:
    return KeyIndex.of(key_set.keys, exact=key_set.exact)


@frozen(eq=False)
class KeySet(Shared):
    """A set of verification keys that selects those that may verify a token (RFC 7515 §6, RFC 7517 §4.5).

    Use ``KeySet.of`` to read keys in any supported form. A set without keys verifies nothing.

    A token with a ``kid`` is verified only by the keys with that ``kid``. A token without one is verified if
    exactly one key fits its algorithm (for EdDSA, one per curve). If several fit, the token's certificate
    thumbprint must identify one of them, in ``x5t#S256`` or else in ``x5t``.

    If no key of a list has a ``kid``, all keys that fit the algorithm are tried, at most four, even if the
    token has a ``kid``. In a JWK set, a key without a ``kid`` is only for tokens without one.

    Args:
        keys: The keys.
        exact: Whether a key without a ``kid`` is only for tokens without one, as in a JWK set.

    Attributes:
        skipped: Why members of a JWK set or a PEM map were skipped, one line each.
        kids: The key IDs.

    Raises:
        ConfigurationError: There are too many keys without a ``kid`` to try them all.
    """

    keys: Keys = field(converter=_checked_keys)
    skipped: tuple[str, ...] = field(default=(), kw_only=True)
    exact: bool = field(default=False, kw_only=True, repr=False)
    _index: KeyIndex = field(init=False, repr=False, default=Factory(_index_of, takes_self=True))
    kids: frozenset[str] = field(
        init=False, repr=False, default=Factory(lambda self: self._index.kids, takes_self=True)
    )

    def select(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys that may verify a token with this header: a few, or none."""
        index = self._index
        if header.kid is None or index.any_kid:
            keys = index.by_algorithm.get(header.alg, ())
            return keys if keys or not index.by_thumbprint else self._by_thumbprint(header)
        return index.by_kid.get((header.kid, header.alg), ())

    def _by_thumbprint(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        for parameter in ("x5t#S256", "x5t"):
            thumbprint = header.parameters.get(parameter)
            if isinstance(thumbprint, str):
                place = parameter, thumbprint.rstrip("="), header.alg
                return self._index.by_thumbprint.get(place, ())
        return ()

    def lacks(self, kid: str | None) -> bool:
        """Return whether this set lacks the only key that may verify a token with this ``kid``."""
        return kid is not None and not self._index.any_kid and kid not in self.kids

    @property
    def algorithms(self) -> frozenset[str]:
        """The algorithms of all keys."""
        return frozenset(self._index.by_algorithm)

    @classmethod
    def of(cls, material: Any, *, allow_weak: bool = False) -> KeySet:
        """Make a key set from verification keys in any supported form.

        Args:
            material: A ``VerificationKey``, PEM or OpenSSH text, a JWK, a JWK set or a PEM map (each a
                mapping or JSON), a public key object of ``cryptography``, a ``KeySet``, or an
                iterable of these.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.

        Raises:
            ConfigurationError: The material is in another form. Pass an HMAC secret as
                ``VerificationKey.from_secret(…)``.
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
        cls,
        jwks: Mapping[str, Any] | str | bytes,
        *,
        allow_weak: bool = False,
        uses: str | Iterable[str] = ("sig",),
    ) -> KeySet:
        """Make a key set from a JWK set (RFC 7517 §5), without members that can't verify signatures.

        If all members are skipped, the set has no keys.

        Args:
            jwks: The JWK set, as a mapping or JSON.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.
            uses: The values of ``use`` that mark a key for signatures, as for
                ``VerificationKey.from_jwk``.

        Raises:
            ConfigurationError: It is not a JWK set.
        """
        members: Any = _document(jwks).get("keys")
        if not isinstance(members, list | tuple):
            raise ConfigurationError(
                'this is not a JWK set: expected a JSON object with an array "keys"'
            )
        accepted = use_names(uses)

        def read(member: Any) -> VerificationKey:
            jwk = cast("Mapping[str, Any]", member if isinstance(member, Mapping) else {})
            return VerificationKey.from_jwk(jwk, allow_weak=allow_weak, uses=accepted)

        return cls._of_members(cast("Sequence[Any]", members), read)

    @classmethod
    def from_pem_map(
        cls, pems: Mapping[str, Any] | str | bytes, *, allow_weak: bool = False
    ) -> KeySet:
        """Make a key set from a map of key IDs to PEM, ``{kid: PEM}``, without members that can't be read.

        Google publishes such maps for Firebase (with certificates) and for Identity-Aware Proxy. A
        certificate's validity dates and issuer are not checked.

        Args:
            pems: The map, as a mapping or JSON.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.

        Raises:
            ConfigurationError: It is not a map of strings with at least one PEM, or none of its keys can be
                used.
        """
        members = _document(pems)
        if not _is_pem_map(members):
            raise ConfigurationError(
                "this is not a PEM map: expected a JSON object of key IDs and, for each, a public key "
                "or certificate in PEM"
            )

        def read(member: tuple[str, str]) -> VerificationKey:
            return VerificationKey.from_pem(member[1], kid=member[0], allow_weak=allow_weak)

        key_set = cls._of_members(members.items(), read)
        if not key_set.keys:
            # An error page can look like a PEM map. It must not be read as a set without keys.
            reasons = "; ".join(list(dict.fromkeys(key_set.skipped))[:3])
            raise ConfigurationError(f"no key of this PEM map can be used: {reasons}")
        return key_set

    @classmethod
    def _of_members(cls, members: Iterable[Any], read: Callable[[Any], VerificationKey]) -> KeySet:
        keys: list[VerificationKey] = []
        skipped: list[str] = []
        for member in members:
            try:
                keys.append(read(member))
            except ConfigurationError as error:
                # Advice on how to make a VerificationKey doesn't help with a set that was fetched.
                skipped.append(error.fault)
        return cls(tuple(keys), skipped=tuple(skipped), exact=True)

    @classmethod
    def _of_one(cls, material: object, allow_weak: bool) -> KeySet:
        if isinstance(material, VerificationKey):
            return cls((material,))
        if isinstance(material, Mapping):
            members = cast("Mapping[str, Any]", material)
            if "keys" in members:
                return cls.from_jwks(members, allow_weak=allow_weak)
            if "kty" not in members and _is_pem_map(members):
                return cls.from_pem_map(members, allow_weak=allow_weak)
            if "kty" not in members:
                raise ConfigurationError(
                    'this is not a JWK (it has no "kty"), a JWK set (no "keys") or a map of key IDs to PEM'
                )
            return cls((VerificationKey.from_jwk(members, allow_weak=allow_weak),))
        if not isinstance(material, str | bytes):
            return cls((VerificationKey(_key_object(material), allow_weak=allow_weak),))
        text = as_text(material)
        if text.lstrip().startswith("{"):
            return cls._of_one(parse_json(text), allow_weak)
        key = find_key(material)
        if key is not None:
            return cls((VerificationKey(key, allow_weak=allow_weak),))
        if text.lstrip().startswith(("ssh-", "ecdsa-")):
            return cls((VerificationKey.from_openssh(text, allow_weak=allow_weak),))
        raise unreadable(material)


def _key_object(material: object) -> KeyMaterial:
    if isinstance(material, PathLike):
        raise ConfigurationError("a path is not a key", advice=FOR_A_PATH)
    # VerificationKey refuses anything but a key object.
    return cast("KeyMaterial", material)


def _document(given: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    parsed: object = parse_json(given) if isinstance(given, str | bytes) else given
    return cast("Mapping[str, Any]", parsed if isinstance(parsed, Mapping) else {})


def _is_pem_map(members: Mapping[Any, object]) -> bool:
    if not all(isinstance(text, str) for pair in members.items() for text in pair):
        return False
    return any("-----BEGIN " in cast("str", text) for text in members.values())
