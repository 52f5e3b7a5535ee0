"""A named token or request, to parametrise a test with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from attrs import field, frozen

from ..issuer import TokenIssuer, bearer

__all__ = ["BadCredentials", "BadToken", "GoodToken"]


def _with_claims(issuer: TokenIssuer, claims: dict[str, Any]) -> TokenIssuer:
    return attrs.evolve(issuer, claims={**issuer.claims, **claims})


@frozen(repr=False)
class _Sample:
    """What a test's parameter has.

    ``str`` is the name, so that ``ids=str`` names the tests.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.why}>"


@frozen(repr=False)
class GoodToken(_Sample):
    """A token that an app must accept. It is a control: a test that refuses everything proves nothing.

    Attributes:
        name: Its name, also as ``str``.
        why: Why it must be accepted.
    """

    _make: Callable[[TokenIssuer], str] = field(eq=False)

    def token(self, issuer: TokenIssuer, **claims: Any) -> str:
        """Make the token.

        Args:
            issuer: The issuer that the app accepts.
            **claims: Claims that the app requires beside the issuer's ``claims``, such as ``scope="read"``.
        """
        return self._make(_with_claims(issuer, claims))

    def request(self, issuer: TokenIssuer, **claims: Any) -> dict[str, Any]:
        """Return the arguments of Flask's test client that send the token: ``client.get("/", **request)``.

        Args:
            issuer: As of ``token``.
            **claims: As of ``token``.
        """
        return {"headers": bearer(self.token(issuer, **claims))}


@frozen(repr=False)
class BadToken(GoodToken):
    """A token that an app must refuse. It is wrong in one way, and otherwise as a valid one.

    Attributes:
        name: Its name, also as ``str``.
        why: What is wrong with it.
        reason: The ``reason`` of the refusal by an app that accepts only the issuer's algorithm; None if it
            depends on the app's rules or keys.
        rule: The rule without which an app accepts it, such as ``"Issuer"``; None if every app refuses it.
    """

    reason: str | None = None
    rule: str | None = field(default=None, kw_only=True)


@frozen(repr=False)
class BadCredentials(_Sample):
    """A request that sends a valid token wrongly, or none.

    Attributes:
        name: Its name, also as ``str``.
        why: What is wrong with it.
        reason: The ``reason`` of the refusal.
        rule: The setting without which an app accepts it; None if every app refuses it.
    """

    _make: Callable[[str], dict[str, Any]] = field(eq=False)
    reason: str | None = None
    rule: str | None = field(default=None, kw_only=True)

    def request(self, issuer: TokenIssuer, **claims: Any) -> dict[str, Any]:
        """Return the arguments of Flask's test client: ``client.get("/", **bad.request(issuer))``.

        Args:
            issuer: The issuer that the app accepts.
            **claims: Claims of the token that is sent wrongly, beside the issuer's.
        """
        return self._make(issuer.token(**claims))
