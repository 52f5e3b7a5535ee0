"""The keys of the documented module API: the permanent one, or those that its callback fetches."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast

from attrs import define, field, frozen

from .._flask.given_request import given_request
from ..dry_run import may_fetch
from ..errors import ConfigurationError, VerificationUnavailable
from ..key_providers import StaticKeyProvider, TTLKeyProvider
from ..keys import KeySet, VerificationKey
from ..values import UnverifiedHeader
from .callbacks import Callbacks, check_callback, is_default
from .key_material import check_material, read_keys
from .settings import words_of

__all__ = ["ModuleKeys"]


@frozen(eq=False)
class _GivenKeySet(KeySet):
    """Keys, with the text that they were read from."""

    given: Any = field(kw_only=True, repr=False)


@frozen(eq=False)
class _ReadKeys:
    """Keys, with the material and the algorithms that they were read for."""

    material: object
    algorithms: tuple[str, ...]
    key_set: _GivenKeySet


@frozen(eq=False)
class _KeySource:
    """A callback, the provider that fetches keys with it, and the algorithms configured at its start."""

    callback: Callable[[], Any]
    algorithms: tuple[str, ...]
    provider: TTLKeyProvider


def _frozen(material: Any) -> object:
    """Return a copy of key material. Comparing the two shows whether the material was changed in place."""
    if isinstance(material, dict):
        # Not only the text, which may be given as material too.
        return dict, json.dumps(material, default=repr, sort_keys=True)
    if isinstance(material, list | tuple):
        return [_frozen(member) for member in cast("Sequence[Any]", material)]
    return material


@define(eq=False)
class ModuleKeys:
    """Keeps the permanent key or the keys that the callback fetches, and reads them when they change.

    Args:
        callbacks: The module that has the callbacks and settings.
    """

    callbacks: Callbacks = field(repr=False)
    _permanent: Any = field(init=False, default=None, repr=False)
    _source: _KeySource | None = field(init=False, default=None, repr=False)
    _read: _ReadKeys | None = field(init=False, default=None, repr=False)
    _lock: Any = field(init=False, factory=Lock, repr=False)

    def set_permanent(self, material: Any) -> None:
        """Use a permanent key, or forget it with None."""
        if material is not None:
            key_set = check_material(material, self._algorithms())
            if key_set is not None and not key_set.keys:
                why = "; ".join(key_set.skipped) or "there are none"
                raise ConfigurationError(f"no key can verify signatures: {why}")
        self._permanent = material

    @contextmanager
    def restored(self) -> Generator[None, None, None]:
        """Forget fetched keys. At the end, forget them again and restore the permanent key."""
        permanent, self._source, self._read = self._permanent, None, None
        try:
            yield
        finally:
            self._permanent, self._source, self._read = permanent, None, None

    def verification_key(self) -> Any:
        """Return the permanent or the fetched key, as it was given."""
        if self._permanent is not None:
            return self._permanent
        source = self._current_source()
        try:
            key_set = source.provider.key_set()
        except VerificationUnavailable:
            if source.algorithms == self._algorithms() or not may_fetch():
                raise
            # Other algorithms are configured by now, so another attempt may succeed.
            self._drop(source)
            key_set = self._current_source().provider.key_set()
        return key_set.given if isinstance(key_set, _GivenKeySet) else key_set

    def key_set(self, header: UnverifiedHeader) -> KeySet:
        """Return the keys in what ``verification_key()`` returns.

        They are read again only when the key or the algorithms change. For a token with an unknown
        ``kid``, fetched keys are fetched again.
        """
        if not may_fetch() and not is_default(self.callbacks, "verification_key"):
            return self._read_already()
        if given_request() is not None:
            check_callback(self.callbacks, "verification_key")
        material: Any = self.callbacks.verification_key()
        source = self._source
        try:
            key_set = self._key_set_of(material)
        except ConfigurationError:
            if source is None or self._permanent is not None or not may_fetch():
                raise
            # The key was fetched when other algorithms were configured.
            self._drop(source)
            return self._key_set_of(self.callbacks.verification_key())
        if not key_set.lacks(header.kid) or source is None or self._permanent is not None:
            return key_set
        source.provider.key_set(header)
        return self._key_set_of(self.callbacks.verification_key())

    def status(self) -> dict[str, Any]:
        """Describe the permanent or fetched key, as ``TTLKeyProvider.status`` does."""
        permanent = self._permanent
        if permanent is None:
            return self._current_source().provider.status()
        try:
            return StaticKeyProvider(self._key_set_of(permanent)).status()
        except ConfigurationError as error:
            return {"state": "dead", "last_error": type(error).__name__}

    def kids(self) -> frozenset[str]:
        """Return the IDs of the keys that were read last."""
        read = self._read
        return frozenset() if read is None else read.key_set.kids

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return the keys that were read last. It doesn't fetch."""
        read = self._read
        return () if read is None else read.key_set.keys

    def _read_already(self) -> KeySet:
        """Return the keys that were read last, without a call of the application's callback.

        Raises:
            VerificationUnavailable: None have been read.
        """
        if self._read is None:
            raise VerificationUnavailable(
                "verification_key has not been called yet, and explaining a token doesn't call it"
            )
        return self._read.key_set

    def warm_up(self) -> None:
        """Fetch the key if that is due."""
        self._key_set_of(self.callbacks.verification_key())

    def _algorithms(self) -> tuple[str, ...]:
        return words_of("JWT_ALGO", self.callbacks.JWT_ALGO)

    def _key_set_of(self, material: Any) -> _GivenKeySet:
        algorithms = self._algorithms()
        copied = _frozen(material)
        read = self._read
        if read is None or read.material != copied or read.algorithms != algorithms:
            keys = read_keys(material, algorithms)
            key_set = _GivenKeySet(
                keys.keys, skipped=keys.skipped, exact=keys.exact, given=material
            )
            self._read = read = _ReadKeys(copied, algorithms, key_set)
        return read.key_set

    def _current_source(self) -> _KeySource:
        """Return the source for the callback as it is now."""
        callback = self.callbacks.retrieve_verification_key
        with self._lock:
            source = self._source
            if source is None or source.callback is not callback:
                provider = TTLKeyProvider(self._fetch(callback), ttl=self._ttl)
                self._source = source = _KeySource(callback, self._algorithms(), provider)
            return source

    def _drop(self, source: _KeySource) -> None:
        """Make the next lookup create a new source, unless another thread has done so already."""
        with self._lock:
            if self._source is source:
                self._source = None

    def _fetch(self, fetch: Callable[[], Any]) -> Callable[[], KeySet]:
        def fetched() -> KeySet:
            return self._key_set_of(fetch())

        return fetched

    def _ttl(self) -> float:
        return self.callbacks.VERIFICATION_KEY_CACHE_TIMEOUT
