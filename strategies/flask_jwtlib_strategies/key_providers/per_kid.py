"""Keys of a source that has no list of them, but one URL for each key ID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from attrs import Factory, field, frozen

from flask_jwtlib import KeySet, Refresh, TTLKeyProvider, UnverifiedHeader, VerificationKey

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
    """Fetches the key that a token's ``kid`` names from a URL of its own, as for AWS load balancers.

    ::

        keys = PerKidKeyProvider(
            "https://public-keys.auth.elb.eu-central-1.amazonaws.com/{kid}",
            kid_pattern="[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        )

    Those load balancers pad the segments of the token in ``x-amzn-oidc-data``, and a ``JWTValidator``
    refuses padded tokens: that token needs a ``TokenValidator`` of your own.

    A ``kid`` is whatever the sender wrote. It enters the URL only if the whole of it matches ``kid_pattern``;
    tokens with another one, or without one, are refused with no fetch. How many fetches made-up key IDs cause
    is bounded as for every ``TTLKeyProvider``: two, and one more every 30 seconds.

    What is there must be a public key in PEM or as a JWK. A key is kept for as long as the response says,
    within ``min_ttl`` and ``max_ttl``, and fetched again while tokens name it. It is refused once the server
    returns 404 or 410 for it, or 403 twice in a row. A ``kid`` for which the server returns one of these is
    unknown: 401. Any other response is a failed fetch: 503, or the kept key for ``max_stale`` seconds.

    Before the first token there are no keys, so ``keys_ready()`` is false: don't use it to decide whether an
    API gets requests at all.

    Args:
        url: Where a key is: an https URL with ``{kid}`` once in its path or query.
        kid_pattern: A regular expression for the whole ``kid``. Whatever it says, a ``kid`` has at most 256
            characters, of letters, digits and ``-._~:@=+``, and not only dots.
        session: As for ``JWKSKeyProvider``.
        allow_http_on_loopback: As for ``JWKSKeyProvider``.
        allow_http: As for ``JWKSKeyProvider``.
        max_keys: The most keys that are kept, up to 1,000. A further one takes the place of the one that was
            fetched longest ago.
        refresh: How long keys may be used, and how long anyone waits for new ones.
        **times: Fields of ``Refresh``, which replace those of ``refresh``.

    Raises:
        ConfigurationError: The URL has no place for a ``kid`` or may not be asked, the session isn't one, or
            an option is out of range.
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
        """Return the key of the header's ``kid`` if it fits the ``alg``, fetched first where that is due."""
        if not self._may_look(header.kid):
            return ()
        return TTLKeyProvider.key_set(self, header).select(header)

    def keys_at_hand(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        """Return what ``keys_for`` would without waiting: no keys, if it would wait for a fetch."""
        return super().keys_at_hand(header) if self._may_look(header.kid) else ()

    def key_set(self, header: UnverifiedHeader | None = None) -> KeySet:
        """Return the kept keys, with that of the header's ``kid`` if it may be fetched."""
        # A refused ``kid`` must not be searched for either.
        refused = header is not None and not self._may_look(header.kid)
        return super().key_set(None if refused else header)

    def _may_look(self, kid: str | None) -> bool:
        fetch = cast("KeysByKid", self.fetch)
        return kid is not None and (fetch.note_use(kid) or self.template.accepts(kid))
