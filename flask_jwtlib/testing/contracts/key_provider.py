"""What every key provider must keep."""

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
    """Checks a ``KeyProvider``. Give it the provider, and the header of a token that it has a key for.

    Attributes:
        most_keys: How many keys it may answer for one token: each costs a signature check.
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

        By default that is the known one with another ``kid``. Answer None where the keys have no
        ``kid``, so that each is tried whatever a token names.
        """
        return attrs.evolve(self.known_header(), kid="a kid that no issuer ever gave to a key")

    def make_unavailable_provider(self) -> KeyProvider | None:
        """Make a provider whose source of keys is out of order; None, the default, if none can be."""
        return None

    def test_it_composes(self) -> None:
        """An ``Authenticator`` takes the provider."""
        validator = JWTValidator(algorithms=sorted(ALGORITHMS))
        Authenticator(keys=self.make_provider(), validator=validator)

    def test_it_answers_the_few_keys_of_a_known_token(self) -> None:
        """For a known header it answers a sequence of some ``VerificationKey``, not too many."""
        keys = _ask(self.make_provider(), self.known_header())
        require(len(keys) > 0, "it has no key for the header that known_header() made")
        require(len(keys) <= self.most_keys, f"{len(keys)} keys are more than {self.most_keys}")

    def test_it_answers_none_for_an_unknown_key_id(self) -> None:
        """For a ``kid`` that it does not know it answers an empty sequence."""
        unknown = self.unknown_header()
        if unknown is not None:
            keys = _ask(self.make_provider(), unknown)
            require(len(keys) == 0, f"it has {len(keys)} keys for the kid {unknown.kid!r}")

    def test_it_takes_a_key_id_for_a_name_and_nothing_else(self) -> None:
        """A hostile ``kid`` raises nothing and finds no key (RFC 8725 §3.10)."""
        provider, known = self.make_provider(), self.known_header()
        kid = known.kid or "kid"
        variants = (f"{kid} ", f" {kid}", f"{kid}\x00", kid.swapcase())
        for hostile in (*_HOSTILE_KIDS, *(variant for variant in variants if variant != kid)):
            with nothing_raised(f"kid {hostile[:60]!r}"):
                keys = _ask(provider, attrs.evolve(known, kid=hostile))
            require(
                len(keys) == 0 or self.unknown_header() is None,
                f"it has {len(keys)} keys for the kid {hostile[:60]!r}",
            )

    def test_it_answers_a_token_without_a_key_id(self) -> None:
        """A header without ``kid`` raises nothing."""
        with nothing_raised("no kid"):
            _ask(self.make_provider(), attrs.evolve(self.known_header(), kid=None))

    def test_it_answers_no_key_for_an_algorithm_that_it_is_not_for(self) -> None:
        """Each key that it answers may verify the algorithm that the header names (RFC 8725 §3.1)."""
        provider, known = self.make_provider(), self.known_header()
        spellings = (known.alg.lower(), f"{known.alg} ", f"{known.alg}\x00", f"{known.alg},HS256")
        for alg in (*sorted(ALGORITHMS), *_HOSTILE_ALGORITHMS, *spellings):
            for kid in (known.kid, None):
                for key in _ask(provider, attrs.evolve(known, alg=alg, kid=kid)):
                    require(
                        alg in key.algorithms,
                        f"it answers a key for {', '.join(key.algorithms)} to a token of {alg!r}",
                    )

    def test_it_follows_no_key_that_a_token_brings_along(self) -> None:
        """``jwk``, ``jku``, ``x5u`` and ``x5c`` of a header change nothing (RFC 7515 §4.1)."""
        provider, known = self.make_provider(), self.known_header()
        baited = attrs.evolve(known, parameters={**known.parameters, **_BAIT})
        expected, found = _ask(provider, known), _ask(provider, baited)
        require(
            _marks(found) == _marks(expected), "it answers other keys to a header with bait in it"
        )
        unknown = self.unknown_header()
        if unknown is not None:
            keys = _ask(provider, attrs.evolve(unknown, parameters={**unknown.parameters, **_BAIT}))
            require(len(keys) == 0, "it takes a key from the header")

    def test_it_gives_nothing_of_its_own_away(self) -> None:
        """Whoever empties the answer changes nothing in the provider."""
        provider, header = self.make_provider(), self.known_header()
        first = provider.keys_for(header)
        if isinstance(first, list):
            first.clear()
        require(len(provider.keys_for(header)) > 0, "it answers the very list that it keeps")

    def test_it_says_that_keys_are_unavailable(self) -> None:
        """When its source is out of order it raises, and never says that there is no key: 503, not 401."""
        provider = self.make_unavailable_provider()
        if provider is None:
            return
        try:
            keys = provider.keys_for(self.known_header())
        except AuthenticationError as error:
            message = f"it blames the caller for its own trouble: {type(error).__name__}"
            raise AssertionError(message) from error
        except Exception:  # noqa: BLE001 - the interface counts any as VerificationUnavailable
            return
        raise AssertionError(f"its source is out of order and it answers {len(keys)} keys")

    def test_it_keeps_requests_apart(self) -> None:
        """Threads that share one provider get each the keys of its own header."""
        provider = self.make_provider()
        known = self.known_header()
        headers = [known, self.unknown_header() or known] * 4
        expected = [_marks(provider.keys_for(header)) for header in headers]

        def job(header: UnverifiedHeader) -> Callable[[], list[tuple[str | None, tuple[str, ...]]]]:
            return lambda: _marks(provider.keys_for(header))

        answers = in_threads([job(header) for header in headers])
        for header, marks, found in zip(headers, expected, answers, strict=True):
            require(
                all(answer == marks for answer in found),
                f"for the kid {header.kid!r} the answer is not always the same",
            )


def _ask(provider: KeyProvider, header: UnverifiedHeader) -> Sequence[VerificationKey]:
    """Ask a provider, and check the answer's shape."""
    keys = provider.keys_for(header)
    kind = kind_of(keys)
    require(
        issubclass(kind, Sequence) and not issubclass(kind, str | bytes),
        f"want a sequence of keys, not {kind.__name__}",
    )
    for key in keys:
        kind = kind_of(key)
        require(issubclass(kind, VerificationKey), f"want keys, not {kind.__name__}")
    return keys


def _marks(keys: Sequence[VerificationKey]) -> list[tuple[str | None, tuple[str, ...]]]:
    """What tells keys apart, where a provider may make them anew."""
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
