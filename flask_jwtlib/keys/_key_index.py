"""An index of verification keys, by what a token's header says about its key."""

from __future__ import annotations

from attrs import frozen

from ..errors import ConfigurationError
from ._verification_key import VerificationKey

__all__ = ["KeyIndex", "Keys"]

_MAX_TRIES = 4

Keys = tuple[VerificationKey, ...]


@frozen(eq=False)
class KeyIndex:
    """The keys of a ``KeySet``, which documents how they are selected.

    Attributes:
        kids: The key IDs.
        any_kid: Whether no key has a ``kid``, so that all are tried for any token.
        by_kid: The keys by ``kid`` and algorithm.
        by_algorithm: The keys by algorithm, for a token without a ``kid``. None if several fit.
        by_thumbprint: Where several fit: the key by thumbprint parameter, thumbprint and algorithm.
    """

    kids: frozenset[str]
    any_kid: bool
    by_kid: dict[tuple[str | None, str], Keys]
    by_algorithm: dict[str, Keys]
    by_thumbprint: dict[tuple[str, str, str], Keys]

    @classmethod
    def of(cls, keys: Keys, *, exact: bool) -> KeyIndex:
        """Index keys.

        Args:
            keys: The keys.
            exact: Whether a key without a ``kid`` is only for tokens without one.

        Raises:
            ConfigurationError: There are too many keys without a ``kid`` to try them all.
        """
        by_kid: dict[tuple[str | None, str], Keys] = {}
        by_algorithm: dict[str, Keys] = {}
        by_thumbprint: dict[tuple[str, str, str], Keys] = {}
        for key in keys:
            for algorithm in key.algorithms:
                same_kid = by_kid.get((key.kid, algorithm), ())
                if any(key.material == other.material for other in same_kid):
                    continue
                by_kid[key.kid, algorithm] = (*same_kid, key)[:_MAX_TRIES]
                by_algorithm[algorithm] = (*by_algorithm.get(algorithm, ()), key)
        kids = frozenset(key.kid for key in keys if key.kid is not None)
        any_kid = bool(keys) and not kids and not exact
        for algorithm, fitting in by_algorithm.items():
            if any_kid and len(fitting) > _MAX_TRIES:
                raise ConfigurationError(
                    f"{len(fitting)} keys without a kid fit {algorithm}, but at most {_MAX_TRIES} "
                    "can be tried: give each key a kid"
                )
            if not any_kid and len({type(key.material) for key in fitting}) < len(fitting):
                # Only for EdDSA do keys of two types fit. The signature's length then shows the curve.
                by_algorithm[algorithm] = ()
                _add_thumbprints(by_thumbprint, algorithm, fitting)
        return cls(kids, any_kid, by_kid, by_algorithm, by_thumbprint)


def _add_thumbprints(
    by_thumbprint: dict[tuple[str, str, str], Keys], algorithm: str, keys: Keys
) -> None:
    for key in keys:
        for parameter, thumbprint in key.thumbprints.items():
            place = parameter, thumbprint, algorithm
            named = by_thumbprint.setdefault(place, (key,))
            if named and named[0].material != key.material:
                # A thumbprint of two keys identifies neither.
                by_thumbprint[place] = ()
