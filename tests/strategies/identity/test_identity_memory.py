"""What identities leave in memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, BearerToken, Claims, Principal
from flask_jwtlib.errors import Refusal
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.identity.users import UnknownUserError, UserLoader
from tests.kit import REQUESTS, garbage_of

from .kit import ISSUER, route


class Member:
    """A user who refers to the principal."""

    issuer, subject = ISSUER, "alice"
    principal: Any = None


def found(issuer: str, subject: str) -> Member | None:
    """Find a new object."""
    return Member()


def unknown(issuer: str, subject: str) -> Member | None:
    """Find nobody."""
    return None


def refused(issuer: str, subject: str) -> Member | None:
    """Refuse, because of another error."""
    raise UnknownUserError("alice has left") from ValueError("closed")


def down(issuer: str, subject: str) -> Member | None:
    """Fail."""
    raise ConnectionError("down")


each_load = pytest.mark.parametrize("load", [found, unknown, refused, down])


@each_load
def test_a_loader_keeps_no_principal(load: Callable[[str, str], Member | None]) -> None:
    """The principal has the memory, so even a user who refers to the principal doesn't keep it alive."""
    users = UserLoader(load)

    def ask() -> Callable[[], Principal | None]:
        claims = Claims({"iss": ISSUER, "sub": "alice"}, checked_at=0)
        principal = Principal(BearerToken("eyJ"), claims)
        try:
            users.of(principal).principal = principal
        except Refusal:
            assert load is not found
        return ref(principal)

    asked = ask()
    gc.collect()

    assert asked() is None


@pytest.mark.parametrize("asks", ["in the view", "by the policy"])
@each_load
def test_a_request_leaves_no_cycles(
    app: Flask,
    auth: Authenticator,
    issuer: TokenIssuer,
    load: Callable[[str, str], Member | None],
    asks: str,
) -> None:
    """A user, or an error, is freed at once: a request leaves as many cycles as a bare route."""
    users = UserLoader(load)
    rules = [users.required] if asks == "by the policy" else []

    def view() -> str:
        if asks == "in the view":
            users.current()
        return "in"

    route(app, "/bare", lambda: "open")
    route(app, "/guarded", auth.requires_authentication(rules=rules)(view))
    headers = bearer(issuer.token("alice", iss=ISSUER))

    bare = garbage_of(app, "/bare", headers)
    assert garbage_of(app, "/guarded", headers) <= bare + REQUESTS // 10
