"""Makes key providers from what an ``Authenticator`` takes as ``keys``, and checks what they return."""

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
    """Has no keys. An ``Authenticator`` uses it if its validator needs no keys."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Raise ``VerificationUnavailable``."""
        raise VerificationUnavailable("this Authenticator was made without keys=")


@frozen(eq=False)
class CheckedKeyProvider(Shared, KeyProvider):
    """Turns any error of a key provider into ``VerificationUnavailable``.

    An ``Authenticator`` wraps its own provider with it. Use it in strategies that have several providers,
    such as one per issuer.

    Args:
        provider: The provider.
    """

    provider: KeyProvider

    @property
    def generation(self) -> Any:
        """The provider's own ``generation``, which changes when its keys change.

        Raises:
            AttributeError: The provider has no ``generation``.
            VerificationUnavailable: The provider raised another error.
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
        """The key IDs that the provider has, for the log. None if it doesn't list them."""
        return known_kids(self.provider)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the provider's keys, after checking their types."""
        try:
            keys = self.provider.keys_for(header)
        except (AuthenticationError, VerificationUnavailable):
            raise
        except Exception as error:
            raise VerificationUnavailable(
                f"the key provider raised {type(error).__name__}"
            ) from error
        given: object = keys
        # isinstance is slow with an abstract class, and nearly all providers return a tuple.
        if type(given) is not tuple and (
            not isinstance(given, Sequence) or isinstance(given, str | bytes)
        ):
            raise VerificationUnavailable(
                f"the key provider returned {type(given).__name__}, expected a sequence of keys"
            )
        for key in keys:
            if not isinstance(key, VerificationKey):
                raise VerificationUnavailable(
                    f"the key provider returned a {type(key).__name__}, expected a VerificationKey"
                )
        return keys


def as_key_provider(keys: Any) -> KeyProvider:
    """Return a provider for what an ``Authenticator`` takes as ``keys``.

    Args:
        keys: A ``KeyProvider``, which is returned unchanged; a function that fetches keys; keys in any form
            that ``KeySet.of`` takes; or None for no keys.

    Raises:
        ConfigurationError: It is anything else.
    """
    if keys is None:
        return NoKeyProvider()
    if isinstance(keys, KeyProvider | type):
        # check_composition refuses a class.
        return cast("KeyProvider", keys)
    return TTLKeyProvider(keys) if callable(keys) else StaticKeyProvider(keys)
