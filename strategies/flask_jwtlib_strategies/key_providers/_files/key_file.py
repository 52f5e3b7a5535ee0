"""The state of one key file over several looks."""

from __future__ import annotations

from attrs import evolve, field, frozen

from flask_jwtlib import KeySet, VerificationKey

from .readings import Content, Gone, Unreadable

__all__ = ["KeyFile", "is_same_key"]


@frozen(eq=False)
class KeyFile:
    """The state of a key file.

    A key is removed when two successive readings lack it. A reading that can't be used removes no key.

    Attributes:
        good_at: When the file was usable last.
        content: Its content at the last reading, None if there was none.
        is_settled: Whether two successive readings were the same.
        key_set: Its keys at the last usable reading, None if the file was gone then or never usable.
        leaving: The keys that the last usable reading lacked and the one before had.
        is_exact: Whether its keys are those of a JWK set, which are selected only by their ``kid``.
        fault: Why the file can't be used now, None if it can.
    """

    good_at: float
    content: Content | None = None
    is_settled: bool = field(default=False, kw_only=True)
    key_set: KeySet | None = field(default=None, kw_only=True)
    leaving: tuple[VerificationKey, ...] = field(default=(), kw_only=True)
    is_exact: bool = field(default=False, kw_only=True)
    fault: str | None = field(default=None, kw_only=True)

    @property
    def current(self) -> tuple[VerificationKey, ...]:
        """The keys at the last usable reading."""
        return () if self.key_set is None else self.key_set.keys

    @property
    def keys(self) -> tuple[VerificationKey, ...]:
        """All keys that are in use."""
        return self.current + self.leaving

    def after(self, reading: Content | Gone | Unreadable, now: float) -> KeyFile | None:
        """Return the file's state after another reading, None if the file is gone and has no keys left."""
        # Two readings aren't successive if one between them was unusable.
        due = self.current if self.fault is None else self.keys
        if isinstance(reading, Gone):
            if not due:
                return None
            return KeyFile(now, leaving=due, is_exact=self.is_exact)
        if isinstance(reading, Unreadable):
            return evolve(self, is_settled=False, fault=reading.fault)
        known = self.content
        settled = (
            known is not None
            and known.digest == reading.digest
            and known.signature == reading.signature
        )
        key_set = reading.key_set
        if key_set is None:
            return evolve(self, content=reading, is_settled=settled, fault=reading.fault)
        leaving: tuple[VerificationKey, ...] = ()
        if due != key_set.keys:
            leaving = tuple(
                key for key in due if not any(is_same_key(key, each) for each in key_set.keys)
            )
        return KeyFile(
            now,
            reading,
            is_settled=settled,
            key_set=key_set,
            leaving=leaving,
            is_exact=key_set.exact if key_set.keys else self.is_exact and bool(leaving),
        )


def is_same_key(one: VerificationKey, other: VerificationKey) -> bool:
    """Return whether two keys verify the same tokens."""
    return (one.kid, one.algorithms) == (other.kid, other.algorithms) and (
        one.material == other.material
    )
