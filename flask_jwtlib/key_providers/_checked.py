"""Makes key providers from what an ``Authenticator`` takes as ``keys``, and checks what they return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from attrs import Factory, field, frozen

from .._known_kids import known_kids
from ..dry_run import may_fetch
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


def _may_fetch_any_time(checked: CheckedKeyProvider) -> bool:
    """Whether a provider doesn't say which keys it has without fetching, so that any lookup may fetch.

    What a class says about its ``keys_for`` doesn't hold for a subclass that overrides it.
    """
    if not callable(getattr(checked.provider, "current_keys", None)):
        return True
    own = (vars(each) for each in type(checked.provider).__mro__)
    return "current_keys" not in next(
        (each for each in own if not {"keys_for", "current_keys"}.isdisjoint(each)),
        ("current_keys",),
    )


@frozen(eq=False)
class CheckedKeyProvider(Shared, KeyProvider):
    """Turns any error of a key provider into ``VerificationUnavailable``.

    An ``Authenticator`` wraps its own provider with it. Use it in strategies that have several providers,
    such as one per issuer.

    Args:
        provider: The provider.
    """

    provider: KeyProvider
    _may_fetch_any_time: bool = field(
        init=False, repr=False, default=Factory(_may_fetch_any_time, takes_self=True)
    )

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

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return the keys that the provider has now; none if it doesn't list them."""
        current: Any = getattr(self.provider, "current_keys", None)
        if not callable(current):
            return ()
        return tuple(cast("Sequence[VerificationKey]", current()))

    @property
    def kids(self) -> frozenset[str] | None:
        """The key IDs that the provider has, for the log. None if it doesn't list them."""
        return known_kids(self.provider)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the provider's keys, after checking their types."""
        if self._may_fetch_any_time and not may_fetch():
            raise VerificationUnavailable(
                f"{type(self.provider).__name__} may have to fetch keys, and explaining a token doesn't"
            )
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
