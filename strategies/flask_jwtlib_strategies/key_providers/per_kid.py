"""A key provider for a source with one URL for each key ID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from attrs import Factory, field, frozen

from flask_jwtlib import (
    KeySet,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
)
from flask_jwtlib.dry_run import may_fetch
from flask_jwtlib.key_providers import Refresh

from .._http.client import HTTPClient
from .._http.client_library import requests
from ._key_template import KeyTemplate
from ._keys_by_kid import KeysByKid

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from flask_jwtlib.key_providers import RefreshTimes

__all__ = ["PerKidKeyProvider"]


@frozen(init=False, eq=False)
class PerKidKeyProvider(TTLKeyProvider):
    """Fetches each key from a URL that contains its ``kid``.

    Use it for an issuer that publishes no list of its keys, such as AWS load balancers::

        keys = PerKidKeyProvider(
            "https://public-keys.auth.elb.eu-central-1.amazonaws.com/{kid}",
            kid_pattern="[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        )

    These load balancers pad the segments of the token in ``x-amzn-oidc-data``, which ``JWTValidator``
    refuses. Such a token needs a ``TokenValidator`` of your own.

    The sender of a token chooses its ``kid``. It is put into the URL only if the whole ``kid`` matches
    ``kid_pattern``. Tokens with another ``kid``, or without one, are refused without a fetch. Invented key
    IDs cause as few fetches as with any ``TTLKeyProvider``: two, and one more every 30 seconds.

    The URL must have a public key, in PEM or as a JWK. A key is kept for as long as the response says, within
    ``min_ttl`` and ``max_ttl``, and refreshed while tokens name it. It is dropped when the server returns 404
    or 410 for it, or 403 twice in a row. A ``kid`` that isn't kept is unknown if the server returns one of
    these: 401. Any other response is a failed fetch: 503, or the kept key for ``max_stale`` seconds.

    There are no keys before the first token, so ``keys_ready()`` is false until then. Don't use it to decide
    whether the API receives requests.

    Args:
        url: The URL of a key: https, with ``{kid}`` once in its path or query.
        kid_pattern: A regular expression that the whole ``kid`` must match. In any case, a ``kid`` must have
            at most 256 characters, only letters, digits and ``-._~:@=+``, and not only dots.
        session: As for ``JWKSKeyProvider``.
        allow_http_on_loopback: As for ``JWKSKeyProvider``.
        allow_http: As for ``JWKSKeyProvider``.
        max_keys: Maximum number of keys that are kept, up to 1,000. Another key replaces the one that was
            fetched first.
        refresh: How long keys may be used, and how long a request waits for new ones.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: ``url`` has no ``{kid}`` or may not be fetched, ``session`` isn't a
            ``requests.Session``, or an option is out of range.
    """

    template: KeyTemplate = field(
        init=False,
        default=Factory(lambda self: self.fetch.template, takes_self=True),
        repr=KeyTemplate.shown,
    )

    def __init__(
        self,
        url: str,
        *,
        kid_pattern: str = "[A-Za-z0-9_-]{1,128}",
        session: requests.Session | None = None,
        allow_http_on_loopback: bool = False,
        allow_http: Iterable[str] = (),
        max_keys: int = 100,
        refresh: Refresh | None = None,
        **times: Unpack[RefreshTimes],
    ) -> None:
        client = HTTPClient(
            session, allow_http_on_loopback=allow_http_on_loopback, allow_http=allow_http
        )
        template = KeyTemplate(url, kid_pattern)
        template.check(client)
        refresh = Refresh.of(refresh, times)
        fetch = KeysByKid(template, client=client, refresh=refresh, max_keys=max_keys)
        super().__init__(fetch, refresh=refresh, app_context=False)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the key with the header's ``kid`` if it fits the ``alg``. Fetches the key if it is due."""
        if not may_fetch():
            return self._fetched_for(header)
        if not self._may_look(header.kid):
            return ()
        return TTLKeyProvider.key_set(self, header).select(header)

    def current_keys(self) -> Sequence[VerificationKey]:
        """Return the kept keys. It doesn't fetch."""
        return super().current_keys()

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys of ``keys_for`` without waiting; none if ``keys_for`` would wait for a fetch."""
        return super().keys_at_hand(header) if self._may_look(header.kid) else ()

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        """Return the kept keys, and the key with the header's ``kid`` if it may be fetched."""
        # A refused kid must not cause a fetch.
        refused = header is not None and not self._may_look(header.kid)
        return super().key_set(None if refused else header)

    def _fetched_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return the keys for a token that is only being explained: those that are kept already.

        Raises:
            VerificationUnavailable: A request would fetch the key.
        """
        kid = header.kid
        if kid is None:
            return ()
        if any(key.kid == kid for key in self.current_keys()):
            return TTLKeyProvider.key_set(self).select(header)
        if self.template.accepts(kid):
            raise VerificationUnavailable(
                "the token's key has not been fetched yet, and explaining a token doesn't fetch it"
            )
        return ()

    def _may_look(self, kid: str | None) -> bool:
        fetch = cast("KeysByKid", self.fetch)
        return kid is not None and (fetch.note_use(kid) or self.template.accepts(kid))
