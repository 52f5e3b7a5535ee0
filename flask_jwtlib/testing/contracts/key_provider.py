"""The tests that every key provider must pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import attrs

from ...authenticator import Authenticator
from ...errors import AuthenticationError
from ...interfaces import KeyProvider
from ...keys import ALGORITHMS, VerificationKey
from ...validators import JWTValidator
from ...values import UnverifiedHeader
from ._checking import in_threads, kind_of, nothing_raised, require

__all__ = ["KeyProviderContract"]


class KeyProviderContract(ABC):
    """Tests a ``KeyProvider``. Implement how to make it, and the header of a token that it has a key for.

    Attributes:
        most_keys: The most keys that it may return for a token. Each costs a signature check.
    """

    most_keys: ClassVar[int] = 4

    @abstractmethod
    def make_provider(self) -> KeyProvider:
        """Make the provider."""

    @abstractmethod
    def known_header(self) -> UnverifiedHeader:
        """Make the header of a token that one of its keys verifies."""

    def unknown_header(self) -> UnverifiedHeader | None:
        """Make the header of a token that none of its keys verifies.

        By default it is the known header with another ``kid``. Return None if the keys have no ``kid``, so
        that they are tried for any token.
        """
        return attrs.evolve(self.known_header(), kid="a kid that no issuer ever gave to a key")

    def make_unavailable_provider(self) -> KeyProvider | None:
        """Make a provider whose key source is unavailable. None by default, if that can't happen."""
        return None

    def fetches(self) -> int | None:
        """Return how often its source was asked for keys. None by default, if it isn't counted."""
        return None

    def test_it_composes(self) -> None:
        """An ``Authenticator`` accepts the provider."""
        validator = JWTValidator(algorithms=sorted(ALGORITHMS))
        Authenticator(keys=self.make_provider(), validator=validator)

    def test_it_returns_few_keys_for_a_known_token(self) -> None:
        """For a known header it returns a sequence of ``VerificationKey``, at least one and not too many."""
        keys = _keys_for(self.make_provider(), self.known_header())
        require(len(keys) > 0, "it has no key for the header that known_header() made")
        require(
            len(keys) <= self.most_keys,
            f"it returned {len(keys)} keys, expected at most {self.most_keys}",
        )

    def test_it_returns_no_key_for_an_unknown_key_id(self) -> None:
        """For an unknown ``kid`` it returns an empty sequence."""
        unknown = self.unknown_header()
        if unknown is not None:
            keys = _keys_for(self.make_provider(), unknown)
            require(len(keys) == 0, f"it has {len(keys)} keys for the kid {unknown.kid!r}")

    def test_it_handles_hostile_key_ids(self) -> None:
        """For a hostile ``kid`` it raises nothing and returns no key (RFC 8725 §3.10)."""
        provider, known = self.make_provider(), self.known_header()
        kid = known.kid or "kid"
        variants = (f"{kid} ", f" {kid}", f"{kid}\x00", kid.swapcase())
        for hostile in (*_HOSTILE_KIDS, *(variant for variant in variants if variant != kid)):
            with nothing_raised(f"kid {hostile[:60]!r}"):
                keys = _keys_for(provider, attrs.evolve(known, kid=hostile))
            require(
                len(keys) == 0 or self.unknown_header() is None,
                f"it has {len(keys)} keys for the kid {hostile[:60]!r}",
            )

    def test_it_handles_a_token_without_a_key_id(self) -> None:
        """For a header without ``kid`` it raises nothing."""
        with nothing_raised("no kid"):
            _keys_for(self.make_provider(), attrs.evolve(self.known_header(), kid=None))

    def test_it_returns_only_keys_for_the_algorithm(self) -> None:
        """Each key that it returns may verify the header's algorithm (RFC 8725 §3.1)."""
        provider, known = self.make_provider(), self.known_header()
        spellings = (known.alg.lower(), f"{known.alg} ", f"{known.alg}\x00", f"{known.alg},HS256")
        for alg in (*sorted(ALGORITHMS), *_HOSTILE_ALGORITHMS, *spellings):
            for kid in (known.kid, None):
                for key in _keys_for(provider, attrs.evolve(known, alg=alg, kid=kid)):
                    require(
                        alg in key.algorithms,
                        f"for alg {alg!r} it returned a key for {', '.join(key.algorithms)}",
                    )

    def test_it_ignores_keys_in_the_token(self) -> None:
        """A header's ``jwk``, ``jku``, ``x5u`` and ``x5c`` change nothing (RFC 7515 §4.1)."""
        provider, known = self.make_provider(), self.known_header()
        baited = attrs.evolve(known, parameters={**known.parameters, **_BAIT})
        expected, found = _keys_for(provider, known), _keys_for(provider, baited)
        require(
            _marks(found) == _marks(expected),
            "it returns other keys if the header has jwk, jku, x5u and x5c",
        )
        unknown = self.unknown_header()
        if unknown is not None:
            baited = attrs.evolve(unknown, parameters={**unknown.parameters, **_BAIT})
            require(len(_keys_for(provider, baited)) == 0, "it uses a key from the header")

    def test_its_keys_cannot_be_changed_from_outside(self) -> None:
        """Changing the returned sequence doesn't change the provider's keys."""
        provider, header = self.make_provider(), self.known_header()
        first = provider.keys_for(header)
        if isinstance(first, list):
            first.clear()
        require(len(provider.keys_for(header)) > 0, "it returns its own list of keys, not a copy")

    def test_it_raises_if_keys_are_unavailable(self) -> None:
        """If its source is unavailable it raises instead of returning no keys: 503, not 401."""
        provider = self.make_unavailable_provider()
        if provider is None:
            return
        try:
            keys = provider.keys_for(self.known_header())
        except AuthenticationError as error:
            message = f"expected VerificationUnavailable, not {type(error).__name__}"
            raise AssertionError(message) from error
        except Exception:  # noqa: BLE001 - an Authenticator turns any other into VerificationUnavailable
            return
        raise AssertionError(f"its source is unavailable, but it returned {len(keys)} keys")

    def test_it_does_not_fetch_for_each_token(self) -> None:
        """Further tokens of a known key don't make it fetch again, if ``fetches`` counts."""
        provider, known = self.make_provider(), self.known_header()
        provider.keys_for(known)
        before = self.fetches()
        for _ in range(20):
            provider.keys_for(known)
        after = self.fetches()
        require(
            before == after, f"it fetched {before} times, and {after} times after 20 more tokens"
        )

    def test_it_keeps_requests_apart(self) -> None:
        """Threads that share a provider each get the keys for their own header."""
        provider = self.make_provider()
        known = self.known_header()
        headers = [known, self.unknown_header() or known] * 4
        expected = [_marks(provider.keys_for(header)) for header in headers]

        def job(header: UnverifiedHeader) -> Callable[[], list[tuple[str | None, tuple[str, ...]]]]:
            return lambda: _marks(provider.keys_for(header))

        results = in_threads([job(header) for header in headers])
        for header, marks, found in zip(headers, expected, results, strict=True):
            require(
                all(each == marks for each in found),
                f"it doesn't always return the same keys for the kid {header.kid!r}",
            )


def _keys_for(provider: KeyProvider, header: UnverifiedHeader) -> Sequence[VerificationKey]:
    """Return a provider's keys, after checking their types."""
    keys = provider.keys_for(header)
    kind = kind_of(keys)
    require(
        issubclass(kind, Sequence) and not issubclass(kind, str | bytes),
        f"expected a sequence of keys, not {kind.__name__}",
    )
    for key in keys:
        kind = kind_of(key)
        require(issubclass(kind, VerificationKey), f"expected keys, not {kind.__name__}")
    return keys


def _marks(keys: Sequence[VerificationKey]) -> list[tuple[str | None, tuple[str, ...]]]:
    """Return what identifies keys, since a provider may make new objects each time."""
    return [(key.kid, key.algorithms) for key in keys]


_HOSTILE_ALGORITHMS = ("none", "None", "NONE", "nOnE", "", " ", "null", "HS255", "../HS256", "dir")

_BAIT = {
    "jwk": {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "jku": "http://127.0.0.1:9/jwks.json",
    "x5u": "http://127.0.0.1:9/certificate.pem",
    "x5c": ["MIIB"],
}

_HOSTILE_KIDS = (
    "",
    " ",
    "../../../../../../dev/null",
    "/proc/self/environ",
    "C:\\windows\\win.ini",
    "file:///etc/passwd",
    "http://127.0.0.1:9/jwks.json",
    "' OR '1'='1' --",
    "x' UNION SELECT 'key",
    "| sleep 10",
    "$(id)",
    "{{7*7}}",
    "%s%n",
    "*",
    ".*",
    "__class__",
    "\x00",
    "a\r\nb",
    "\u202e\u0000\uffff",
    "\U0001f511",
    "a" * 100_000,
)
