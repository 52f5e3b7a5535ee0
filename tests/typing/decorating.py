"""Decorated views keep their signature: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from flask import Flask, Response
from flask.views import MethodView
from typing_extensions import assert_type

import flask_jwtlib
from flask_jwtlib import Authenticator, Scope, public

app = Flask(__name__)
auth = Authenticator(keys="…")


@app.get("/bare/<int:number>")
@auth.requires_authentication
def bare(number: int) -> str:
    """A view below a decorator without parentheses."""
    return str(number)


@app.get("/called/<int:number>")
@auth.requires_authentication(rules=[Scope("reports:read")])
def called(number: int) -> str:
    """A view below a decorator with parentheses and rules."""
    return str(number)


@app.get("/empty/<int:number>")
@auth.requires_authentication()
def empty(number: int) -> str:
    """A view below a decorator with empty parentheses."""
    return str(number)


@app.get("/optional/<int:number>")
@auth.optional_authentication
def optional(number: int) -> tuple[str, int]:
    """A view where authentication is optional."""
    return str(number), 200


@app.get("/optional-called/<int:number>")
@auth.optional_authentication(rules=[lambda claims: "tenant" in claims])
def optional_called(number: int) -> Response:
    """A view where authentication is optional, with a rule."""
    return Response(str(number))


@app.get("/module/<int:number>")
@flask_jwtlib.requires_authentication
def of_module(number: int) -> str:
    """A view below the documented decorator."""
    return str(number)


@app.get("/module-optional/<int:number>")
@flask_jwtlib.optional_authentication
def of_module_optional(number: int) -> str:
    """A view below the other documented decorator."""
    return str(number)


@app.get("/async/<int:number>")
@auth.requires_authentication
async def asynchronous(number: int) -> str:
    """An async view."""
    return str(number)


@app.get("/health")
@public
def health() -> str:
    """A view that is open on purpose."""
    return "well"


class Things(MethodView):
    """A view class with decorated methods."""

    decorators = [auth.requires_authentication]  # noqa: RUF012 - as Flask's documentation has it

    @auth.requires_authentication
    def get(self, number: int) -> str:
        """A decorated method."""
        return str(number)

    @auth.optional_authentication(rules=[Scope("things:write")])
    async def post(self, number: int) -> str:
        """A decorated async method."""
        return str(number)


def signatures_are_kept() -> None:
    """A decorated view is called as before."""
    assert_type(bare(1), str)
    assert_type(called(number=1), str)
    assert_type(empty(1), str)
    assert_type(optional(1), tuple[str, int])
    assert_type(optional_called(1), Response)
    assert_type(of_module(1), str)
    assert_type(of_module_optional(1), str)
    assert_type(health(), str)
    assert_type(Things().get(1), str)
    kept: Callable[[int], str] = bare
    kept(1)


async def signatures_of_async_views_are_kept() -> None:
    """A decorated async view is awaited as before."""
    assert_type(await asynchronous(1), str)
    assert_type(await Things().post(1), str)
    kept: Callable[[int], Coroutine[Any, Any, str]] = asynchronous
    await kept(1)


def signatures_are_checked() -> None:
    """A decorated view can't be called with other arguments."""
    bare("1")  # type: ignore[arg-type]
    called()  # type: ignore[call-arg]
    of_module(1, 2)  # type: ignore[call-arg]
    Things().get("1")  # type: ignore[arg-type]
    auth.requires_authentication(Scope("a"), Scope("b"))  # type: ignore[call-overload]
    auth.requires_authentication(rules=["a"])  # type: ignore[list-item]
    auth.requires_authentication("view")  # type: ignore[call-overload]
    flask_jwtlib.requires_authentication("view")  # type: ignore[type-var]
