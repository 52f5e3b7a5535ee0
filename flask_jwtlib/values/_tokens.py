"""A token as sent, and its header before it is verified."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, fields, frozen

from ..evidence import NO_EVIDENCE, Evidence

__all__ = ["BearerToken", "UnverifiedHeader"]

_NO_PARAMETERS: Mapping[str, Any] = MappingProxyType({})


@frozen
class BearerToken:
    """A token as the client sent it.

    Attributes:
        value: The token's text. ``repr`` doesn't show it.
        source: The place of the token: ``"header"``, ``"form"`` or ``"query"``, or another word if your own
            extractor found it elsewhere. Except for ``"header"``, the response to such a request is marked
            ``Cache-Control: private``.
        scheme: The authentication scheme that it was sent by (RFC 9110 §11.1). A refusal of the token is
            told in this scheme's challenge.
        ambient: Whether a browser sends it by itself, as it does a cookie. The ``Authenticator`` refuses an
            ambient token without the outcome of a ``CrossSiteCheck`` in its evidence.
        evidence: What else the request offers, such as a proof of possession: ``evidence.get(Proof)``. It
            is a part of the token's equality, so that a cache keyed by tokens doesn't skip a proof.
        parsed: Used by ``CompactJWS.of`` to keep the parsed token.
    """

    value: str = field(repr=False)
    source: str = field(default="header", kw_only=True)
    scheme: str = field(default="Bearer", kw_only=True)
    ambient: bool = field(default=False, kw_only=True)
    evidence: Evidence = field(default=NO_EVIDENCE, kw_only=True, repr=False)
    parsed: Any = field(default=None, init=False, repr=False, eq=False)

    def with_evidence(self, value: object) -> BearerToken:
        """Return a copy of the token with one more value in its evidence.

        Raises:
            ConfigurationError: It has evidence of this type already, or the value isn't hashable.
        """
        return evolve(self, evidence=self.evidence.adding(value))

    def __reduce__(self) -> tuple[Any, ...]:
        # The parsed token can be neither copied nor pickled. It is parsed again.
        given = {each.alias: getattr(self, each.name) for each in fields(type(self)) if each.init}
        return _made, (type(self), given)


@frozen
class UnverifiedHeader:
    """A token's JOSE header before its signature is checked (RFC 7515 §4). The client may have invented it.

    Use it to select one of the configured keys. Don't build a path, a URL or a query from it (RFC 8725
    §3.10).

    Attributes:
        alg: The token's signature algorithm.
        kid: The key ID, or None.
        typ: The token's media type, or None.
        parameters: The whole header, as a read-only mapping.
    """

    alg: str
    kid: str | None = None
    typ: str | None = None
    parameters: Mapping[str, Any] = field(
        default=_NO_PARAMETERS, repr=False, eq=False, kw_only=True
    )


def _made(kind: type[BearerToken], given: dict[str, Any]) -> BearerToken:
    return kind(**given)
