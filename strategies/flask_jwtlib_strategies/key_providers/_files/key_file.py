"""What is known of one key file from look to look."""

from __future__ import annotations

from attrs import evolve, field, frozen

from flask_jwtlib import KeySet, VerificationKey

from .readings import Content, Gone, Unreadable

__all__ = ["KeyFile", "is_same_key"]


@frozen(eq=False)
class KeyFile:
    """What is known of a file.

    A key is gone when two readings in a row lack it. A reading that can't be used changes no key.

    Attributes:
        good_at: When it could be used last.
        content: What it held when it was read last, None if there was nothing.
        is_settled: Whether two readings of it were the same.
        key_set: Its keys by the last reading that could be used, None if it was gone or never usable.
        leaving: The keys that the last such reading lacked and the one before had.
        is_exact: Whether its keys are those of a JWK set, which are chosen by their ``kid`` alone.
        fault: Why it can't be used now, None if it can.
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
        """The keys that the last reading had."""
        return () if self.key_set is None else self.key_set.keys

    @property
    def keys(self) -> tuple[VerificationKey, ...]:
        """All keys that serve."""
        return self.current + self.leaving

    def after(self, reading: Content | Gone | Unreadable, now: float) -> KeyFile | None:
        """Return what is known of it after a further reading, None if nothing is left to know."""
        # Two readings between which one could not be used are not two in a row.
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
    """Whether two keys are the same for all that they may verify."""
    return (one.kid, one.algorithms) == (other.kid, other.algorithms) and (
        one.material == other.material
    )
