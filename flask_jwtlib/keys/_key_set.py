"""A set of verification keys, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from attrs import field, frozen

from ..errors import ConfigurationError
from ..sharing import Shared
from ..values import UnverifiedHeader
from ._jose import KeyMaterial
from ._jwk import use_names
from ._text import as_text, find_key, parse_json, unread
from ._verification_key import VerificationKey

__all__ = ["KeySet"]

_MAX_TRIES = 4
_Keys = tuple[VerificationKey, ...]


@frozen(eq=False)
class KeySet(Shared):
    """Some keys, of which few may verify any one token (RFC 7515 §6, RFC 7517 §4.5).

    A token that names a ``kid`` is verified by the keys of that ``kid`` and no others. A token without
    a ``kid`` is verified if exactly one key fits its algorithm (for EdDSA, one per curve), or if several
    fit and exactly one of them has the certificate thumbprint that the token names in ``x5t#S256``, or
    else in ``x5t``. A list given by hand whose keys have no ``kid`` at all is tried whole, whatever the
    token names: up to four keys per algorithm. A JWK set is not: there, a key without a ``kid`` is for
    tokens without one.

    A set without keys verifies nothing.

    Args:
        keys: The keys.
        exact: Never try a key without a ``kid`` for a token that names one, as with a JWK set.

    Attributes:
        skipped: Why members of a JWK set or a PEM map were skipped, a line each.
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
    _by_thumbprint: dict[tuple[str, str, str], _Keys] = field(
        init=False, repr=False, factory=dict[tuple[str, str, str], _Keys]
    )
    _any_kid: bool = field(init=False, repr=False, default=False)

    def __attrs_post_init__(self) -> None:
        for key in self.keys:
            if not isinstance(key, VerificationKey):
                raise ConfigurationError(
                    f"KeySet takes VerificationKey objects, not {type(key).__name__}; "
                    "KeySet.of reads keys in other forms"
                )
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
            if not any_kid and len({type(key.material) for key in keys}) < len(keys):
                # Keys of two types share an algorithm only as EdDSA, where the signature's length tells
                # which curve it is of.
                self._by_algorithm[algorithm] = ()
                self._index_thumbprints(algorithm, keys)

    def _index_thumbprints(self, algorithm: str, keys: _Keys) -> None:
        for key in keys:
            for parameter, thumbprint in key.thumbprints.items():
                place = parameter, thumbprint, algorithm
                named = self._by_thumbprint.setdefault(place, (key,))
                if named and named[0].material != key.material:
                    # A thumbprint that two keys have names neither.
                    self._by_thumbprint[place] = ()

    def select(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys that may verify a token of this header, few or none."""
        if header.kid is None or self._any_kid:
            keys = self._by_algorithm.get(header.alg, ())
            return keys if keys or not self._by_thumbprint else self._by_certificate(header)
        return self._by_kid.get((header.kid, header.alg), ())

    def _by_certificate(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Choose by a thumbprint, which only picks one of the set's own keys."""
        for parameter in ("x5t#S256", "x5t"):
            thumbprint = header.parameters.get(parameter)
            if isinstance(thumbprint, str):
                place = parameter, thumbprint.rstrip("="), header.alg
                return self._by_thumbprint.get(place, ())
        return ()

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
            material: A ``VerificationKey``, PEM or OpenSSH text, a JWK, a JWK set or a PEM map (each a
                mapping or JSON), a public key object of ``cryptography``, a ``KeySet``, or an
                iterable of such.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.

        Raises:
            ConfigurationError: It is none of these. Pass an HMAC secret as
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
        """Make a key set from a JWK set (RFC 7517 §5), skipping members that can't verify signatures.

        If all members are skipped, the set has no keys.

        Args:
            jwks: The set, a mapping or JSON.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.
            uses: The values of ``use`` that mark a key for signatures, as for
                ``VerificationKey.from_jwk``.

        Raises:
            ConfigurationError: It is not a JWK set.
        """
        members: Any = _document(jwks).get("keys")
        if not isinstance(members, list | tuple):
            raise ConfigurationError('a JWK set is a JSON object whose "keys" is an array')
        accepted = use_names(uses)

        def read(member: Any) -> VerificationKey:
            jwk = cast("Mapping[str, Any]", member if isinstance(member, Mapping) else {})
            return VerificationKey.from_jwk(jwk, allow_weak=allow_weak, uses=accepted)

        return cls._of_members(cast("Sequence[Any]", members), read)

    @classmethod
    def from_pem_map(
        cls, pems: Mapping[str, Any] | str | bytes, *, allow_weak: bool = False
    ) -> KeySet:
        """Make a key set from a map of key IDs to PEM, ``{kid: PEM}``, skipping what can't be read.

        Google publishes such maps, for Firebase (with certificates) and for Identity-Aware Proxy. A
        certificate's dates and its issuer are not looked at.

        Args:
            pems: The map, a mapping or JSON.
            allow_weak: Accept weak keys with a warning, as ``VerificationKey`` does.

        Raises:
            ConfigurationError: It is not such a map, as a member is not a string or none is PEM; or none
                of its keys can be used.
        """
        members = _document(pems)
        if not _is_pem_map(members):
            raise ConfigurationError(
                "a PEM map is a JSON object of key IDs and, for each, a public key or certificate in PEM"
            )

        def read(member: tuple[str, str]) -> VerificationKey:
            return VerificationKey.from_pem(member[1], kid=member[0], allow_weak=allow_weak)

        key_set = cls._of_members(members.items(), read)
        if not key_set.keys:
            # An error page can look like such a map: it must not count as a set without keys.
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
            # Anything but a key object is refused there.
            return cls((VerificationKey(cast("KeyMaterial", material), allow_weak=allow_weak),))
        text = as_text(material)
        if text.lstrip().startswith("{"):
            return cls._of_one(parse_json(text), allow_weak)
        key = find_key(material)
        if key is not None:
            return cls((VerificationKey(key, allow_weak=allow_weak),))
        if text.lstrip().startswith(("ssh-", "ecdsa-")):
            return cls((VerificationKey.from_openssh(text, allow_weak=allow_weak),))
        raise unread(material)


def _document(given: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    parsed: object = parse_json(given) if isinstance(given, str | bytes) else given
    return cast("Mapping[str, Any]", parsed if isinstance(parsed, Mapping) else {})


def _is_pem_map(members: Mapping[Any, object]) -> bool:
    if not all(isinstance(text, str) for pair in members.items() for text in pair):
        return False
    return any("-----BEGIN " in cast("str", text) for text in members.values())
