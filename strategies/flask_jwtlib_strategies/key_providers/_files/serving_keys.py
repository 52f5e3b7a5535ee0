"""The key set that is made of the keys of several files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import Factory, define, field, frozen

from flask_jwtlib import KeySet, UnverifiedHeader, VerificationKey

from .key_file import KeyFile, is_same_key

__all__ = ["ServingKeys"]

# Maximum number of keys with one kid and algorithm that are tried for a token.
_MAX_TRIES = 4


@frozen(eq=False)
class _RotatingKeySet(KeySet):
    """The files' keys, and the keys that were missing from them for the first time at the last reading.

    Keys are selected from each of the two, so that a new key doesn't make a token without a ``kid``
    ambiguous while the old one is still in use.
    """

    current: KeySet = field(kw_only=True)
    leaving: KeySet = field(kw_only=True)

    kids: frozenset[str] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: self.current.kids | self.leaving.kids, takes_self=True),
    )

    def select(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return (*self.current.select(header), *self.leaving.select(header))

    def lacks(self, kid: str | None) -> bool:
        return self.current.lacks(kid) and self.leaving.lacks(kid)

    @property
    def algorithms(self) -> frozenset[str]:
        return self.current.algorithms | self.leaving.algorithms


@define(eq=False)
class ServingKeys:
    """Makes a key set of the keys of several files. No file displaces the keys of the others.

    Args:
        files: The files whose keys may be used.
        before: The key set that is in use.
        max_keys: Maximum number of keys in all files together.

    Attributes:
        refused: Why the keys of some files aren't used.
    """

    files: Mapping[Path, KeyFile]
    before: KeySet | None
    max_keys: int
    refused: dict[Path, str] = field(init=False, factory=dict[Path, str])

    def key_set(self) -> KeySet:
        """Return the key set."""
        current = self._admitted({path: file.current for path, file in self.files.items()})
        leaving = self._admitted(
            {
                path: tuple(
                    key
                    for key in file.leaving
                    if not any(is_same_key(key, other) for other in current.keys)
                )
                for path, file in self.files.items()
            }
        )
        if not leaving.keys:
            return current
        return _RotatingKeySet(current.keys + leaving.keys, current=current, leaving=leaving)

    def _admitted(self, keys: Mapping[Path, Sequence[VerificationKey]]) -> KeySet:
        """Select the files whose keys are used: first those whose keys are in use, then those with few."""
        served = frozenset(() if self.before is None else self.before.keys)
        places = _Places()
        left = self.max_keys
        order = sorted(keys, key=lambda path: (served.isdisjoint(keys[path]), len(keys[path])))
        accepted: set[Path] = set()
        for path in order:
            if not keys[path]:
                continue
            fault = places.take(keys[path], is_exact=self.files[path].is_exact)
            if len(keys[path]) > left:
                fault = f"all files together may have {self.max_keys} keys (max_keys)"
            if fault is None:
                left -= len(keys[path])
                accepted.add(path)
            else:
                self.refused[path] = f"its keys are not used: {fault}"
        return KeySet(
            tuple(key for path in keys if path in accepted for key in keys[path]),
            exact=any(self.files[path].is_exact for path in accepted),
        )


_Place = tuple[str | None, str]


@define(eq=False)
class _Places:
    """The keys that are tried for a token, by their ``kid`` and algorithm."""

    _taken: dict[_Place, list[VerificationKey]] = field(factory=dict[_Place, list[VerificationKey]])

    def take(self, keys: Sequence[VerificationKey], *, is_exact: bool) -> str | None:
        """Add the keys of a file if there is room for all of them. Return the reason if not."""
        taken: dict[_Place, list[VerificationKey]] = {}
        for key in keys:
            if is_exact and key.kid is None:
                continue
            for algorithm in key.algorithms:
                place = key.kid, algorithm
                others = taken.setdefault(place, [*self._taken.get(place, ())])
                if all(key.material != other.material for other in others):
                    others.append(key)
                if len(others) > _MAX_TRIES:
                    which = "without a kid" if key.kid is None else "with one kid"
                    return (
                        f"at most {_MAX_TRIES} keys {which} are tried for {algorithm}; "
                        "give each key a kid of its own"
                    )
        self._taken.update(taken)
        return None
