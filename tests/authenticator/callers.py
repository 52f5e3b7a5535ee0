"""Two authenticators that know different callers of one request, and what is published about a caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from flask import Request, g

from flask_jwtlib import Authenticator, BearerToken, current_principal, is_authenticated
from flask_jwtlib.testing import TokenIssuer, bearer

GATEWAY_HEADER = "X-Gateway-Token"


def who() -> str:
    """Return the current caller's name, "nobody" without one, or a note that the functions disagree."""
    name = str(current_principal.subject) if current_principal else "nobody"
    if (name != "nobody") is not is_authenticated():
        return f"{name}, but is_authenticated() is {is_authenticated()}"
    return name


def in_g() -> str:
    """Return the caller's name by ``flask.g``, "nobody" without one, or a note that they disagree."""
    if not g.get("authenticated"):
        shown = [g.get("authenticated"), g.get("raw_token"), g.get("json_token")]
        return (
            "nobody"
            if shown in ([False, None, None], [None, None, None])
            else f"nobody, but {shown}"
        )
    return str(g.json_token["sub"])


def everywhere() -> str:
    """Return the caller's name by each function and by ``flask.g``, if they agree."""
    return who() if who() == in_g() else f"{who()}, but g has {in_g()}"


def showing() -> Callable[[], str]:
    """Return a new view that returns the caller's name by each function and by ``flask.g``, if they agree.

    A view of its own for each test, since a decorated function should not be served undecorated in another.
    """

    def view() -> str:
        return everywhere()

    return view


class GatewayExtractor:
    """Finds a gateway's token in its own header."""

    def extract(self, request: Request) -> BearerToken | None:
        value = request.headers.get(GATEWAY_HEADER)
        return None if value is None else BearerToken(value, source="gateway")


@frozen
class Callers:
    """A gateway and a user, each with a token and an authenticator of its own.

    Attributes:
        users: Issues the users' tokens, which are in the ``Authorization`` header.
        gateways: Issues the gateways' tokens, which have a header of their own.
        user: Authenticates users.
        gateway: Authenticates gateways.
    """

    users: TokenIssuer
    gateways: TokenIssuer
    user: Authenticator
    gateway: Authenticator

    def headers(
        self, user: str | None = "alice", gateway: str | None = "gateway"
    ) -> dict[str, str]:
        """Return the headers of a request by a user through a gateway."""
        headers: dict[str, str] = {} if user is None else bearer(self.users.token(user))
        if gateway is not None:
            headers[GATEWAY_HEADER] = self.gateways.token(gateway)
        return headers


def make_callers(users: TokenIssuer, gateways: TokenIssuer) -> Callers:
    """Make the authenticators of two issuers."""
    return Callers(
        users,
        gateways,
        Authenticator(keys=users.verification_key),
        Authenticator(keys=gateways.verification_key, extractor=GatewayExtractor()),
    )


def text_of(app: Any, path: str, headers: dict[str, str]) -> str:
    """Return the body of a response with the status 200."""
    response = app.test_client().get(path, headers=headers)
    assert response.status_code == 200, response.text
    return str(response.text)
