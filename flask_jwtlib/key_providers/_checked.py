"""Keys as an ``Authenticator`` is given them, made into providers whose failures are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from attrs import frozen

from .._known_kids import known_kids
from ..errors import AuthenticationError, VerificationUnavailable
from ..interfaces import KeyProvider
from ..keys import VerificationKey
from ..sharing import Shared
from ..values import UnverifiedHeader
from ._static import StaticKeyProvider
from ._ttl import TTLKeyProvider

__all__ = ["CheckedKeyProvider", "NoKeyProvider", "as_key_provider"]


class NoKeyProvider(KeyProvider):
    """Stands where no keys are given, for validators that have their own or need none."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Have none."""
        raise VerificationUnavailable("this Authenticator was made without keys=")


@frozen(eq=False)
class CheckedKeyProvider(Shared, KeyProvider):
    """Turns a provider's failures, of whatever kind, into ``VerificationUnavailable``.

    An ``Authenticator`` puts it around its own keys. A strategy that has providers of its own, as
    for several issuers, does well to do the same.

    Args:
        provider: The provider.
    """

    provider: KeyProvider

    @property
    def generation(self) -> Any:
        """The provider's own, which tells that its keys have changed.

        Raises:
            AttributeError: The provider has no such number.
            VerificationUnavailable: The provider raised something else.
        """
        provider: Any = self.provider
        try:
            return provider.generation
        except (AttributeError, AuthenticationError, VerificationUnavailable):
            raise
        except Exception as error:
            raise VerificationUnavailable(
                f"the key provider's generation raised {type(error).__name__}"
            ) from error

    @property
    def kids(self) -> frozenset[str] | None:
        """The key IDs that the provider knows, for the log. None if it doesn't say."""
        return known_kids(self.provider)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Ask the provider."""
        try:
            keys = self.provider.keys_for(header)
        except (AuthenticationError, VerificationUnavailable):
            raise
        except Exception as error:
            raise VerificationUnavailable(
                f"the key provider raised {type(error).__name__}"
            ) from error
        given: object = keys
        # The check of an abstract class is slow, and nearly all providers answer a tuple.
        if type(given) is not tuple and (
            not isinstance(given, Sequence) or isinstance(given, str | bytes)
        ):
            raise VerificationUnavailable(
                f"the key provider answered {type(given).__name__}, not a sequence of keys"
            )
        for key in keys:
            if not isinstance(key, VerificationKey):
                raise VerificationUnavailable(
                    f"the key provider answered a {type(key).__name__} as a key"
                )
        return keys


def as_key_provider(keys: Any) -> KeyProvider:
    """Make a provider of whatever an ``Authenticator`` takes as ``keys``.

    Args:
        keys: A ``KeyProvider``, which is answered as it is; a function that fetches keys; keys in
            any form that ``KeySet.of`` takes; or None: there are none.

    Raises:
        ConfigurationError: It is none of these.
    """
    if keys is None:
        return NoKeyProvider()
    if isinstance(keys, KeyProvider | type):
        # A class is refused by check_composition.
        return cast("KeyProvider", keys)
    return TTLKeyProvider(keys) if callable(keys) else StaticKeyProvider(keys)
