"""The caller that threads, tasks and greenlets see that a view starts."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier, Event
from typing import Any
from weakref import ref

import greenlet
import pytest
from flask import (
    Flask,
    Response,
    copy_current_request_context,
    jsonify,
    request,
    stream_with_context,
)

import flask_jwtlib
from flask_jwtlib import get_json_token
from flask_jwtlib._flask.state import caller_of_run, current_state
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.authenticator.callers import (
    GATEWAY_HEADER,
    Callers,
    GatewayExtractor,
    everywhere,
    showing,
    text_of,
    who,
)
from tests.kit import PATIENCE


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread that lives on from request to request."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_thread_with_a_copied_context_has_the_views_caller(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor
) -> None:
    """Work by ``copy_context().run`` has the caller of the view that started it, nested or not."""

    def start() -> str:
        return pool.submit(copy_context().run, who).result(PATIENCE)

    nested = callers.gateway.requires_authentication(start)

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> str:
        return f"{start()} {nested()} {start()}"

    assert text_of(app, "/", callers.headers()) == "alice gateway alice"


def test_a_thread_sees_its_own_view_while_others_run(app: Flask, callers: Callers) -> None:
    """Two nested views that run at the same time in threads don't see each other's caller."""
    barrier = Barrier(2)

    def look() -> list[str]:
        seen = [who()]
        barrier.wait(PATIENCE)
        seen.append(who())
        barrier.wait(PATIENCE)
        return seen

    both = [by.requires_authentication(look) for by in (callers.user, callers.gateway)]

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> Any:
        with ThreadPoolExecutor(2) as pool:
            seen = [pool.submit(copy_context().run, nested) for nested in both]
        return jsonify([each.result(PATIENCE) for each in seen], everywhere())

    response = app.test_client().get("/", headers=callers.headers())
    assert response.json == [[["alice", "alice"], ["gateway", "gateway"]], "alice"]


@pytest.mark.parametrize("by", ["decorator", "guard"])
def test_a_copied_request_context_has_the_requests_caller(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor, by: str
) -> None:
    """Work by ``copy_current_request_context`` has the caller of the view that the request calls."""

    def start() -> str:
        return pool.submit(copy_current_request_context(who)).result(PATIENCE)

    nested = callers.gateway.requires_authentication(start)

    def view() -> str:
        return f"{start()} {nested()} {start()}"

    if by == "guard":
        callers.user.protect(app)
    else:
        view = callers.user.requires_authentication(view)
    app.add_url_rule("/", "view", view)

    assert text_of(app, "/", callers.headers()) == "alice alice alice"


def test_a_copied_request_context_has_the_caller_that_the_view_published(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor
) -> None:
    """After ``authenticate()`` in the view, a thread with a copied context has that caller."""

    @app.get("/")
    @callers.user.optional_authentication
    def view() -> str:
        callers.gateway.authenticate()
        return pool.submit(copy_current_request_context(who)).result(PATIENCE)

    assert text_of(app, "/", callers.headers(user=None)) == "gateway"


def test_what_a_copied_request_context_publishes_stays_there(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor
) -> None:
    """Neither ``authenticate()`` nor a view that such a thread calls changes the request's caller."""
    nested = callers.user.requires_authentication(showing())
    other = callers.gateway.requires_authentication(showing())

    def work() -> list[str]:
        seen = [who(), nested(), everywhere()]
        callers.gateway.authenticate()
        return [*seen, everywhere(), nested(), everywhere(), other(), everywhere()]

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> Any:
        seen = pool.submit(copy_current_request_context(work)).result(PATIENCE)
        again = pool.submit(copy_current_request_context(who)).result(PATIENCE)

        def stream() -> Iterator[str]:
            yield f"{seen} {again} {everywhere()}"
            yield str(pool.submit(copy_current_request_context(work)).result(PATIENCE) == seen)
            yield everywhere()

        return Response(stream_with_context(stream()))

    in_thread = ["alice", "alice", "alice", "gateway", "alice", "gateway", "gateway", "gateway"]
    assert text_of(app, "/", callers.headers()) == f"{in_thread} alice aliceTruealice"


def test_a_thread_that_outlives_its_view_does_not_change_the_requests_caller(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor
) -> None:
    """A thread may authenticate after the view has returned: the stream keeps the view's caller."""
    returned = Event()

    def work() -> str:
        assert returned.wait(PATIENCE)
        return str(callers.gateway.authenticate().subject)

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> Response:
        late = pool.submit(copy_context().run, work)

        def stream() -> Iterator[str]:
            returned.set()
            yield f"{late.result(PATIENCE)} {who()}"

        return Response(stream_with_context(stream()))

    assert text_of(app, "/", callers.headers()) == "gateway alice"


@pytest.mark.parametrize("outer", ["decorated", "undecorated"])
def test_gathered_views_each_have_their_caller(app: Flask, callers: Callers, outer: str) -> None:
    """Async views that run at the same time by ``asyncio.gather`` each see their own caller throughout."""

    async def look() -> list[str]:
        seen = [who()]
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(who())
        return seen

    async def ask() -> list[str]:
        seen = [who()]
        callers.gateway.authenticate()
        await asyncio.sleep(0)
        return [*seen, who()]

    user = callers.user.requires_authentication(look)
    gateway = callers.gateway.requires_authentication(look)

    async def view() -> Any:
        before = everywhere()
        seen: Any = await asyncio.gather(user(), gateway(), ask(), user(), gateway())
        return jsonify(before, seen, who())

    app.add_url_rule(
        "/", "view", callers.user.requires_authentication(view) if outer == "decorated" else view
    )
    if outer == "undecorated":
        callers.user.protect(app)

    users, gateways = ["alice"] * 4, ["gateway"] * 4
    response = app.test_client().get("/", headers=callers.headers())
    before, seen, after = response.json
    assert (before, after) == ("alice", "alice" if outer == "decorated" else "gateway")
    assert seen == [users, gateways, ["alice", "gateway"], users, gateways]


def test_the_module_api_has_the_claims_of_its_own_view(app: Flask, issuer: TokenIssuer) -> None:
    """``get_json_token()`` in gathered views returns the claims that each view's token has."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    by_gateway = flask_jwtlib.default_authenticator.evolve(extractor=GatewayExtractor())

    async def look() -> list[str]:
        seen = [str(get_json_token()["sub"])]
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append(str(get_json_token()["sub"]))
        return seen

    user = flask_jwtlib.requires_authentication(look)
    gateway = by_gateway.requires_authentication(look)

    @app.get("/")
    @flask_jwtlib.requires_authentication
    async def view() -> Any:
        seen: Any = await asyncio.gather(user(), gateway(), user())
        return jsonify(seen, get_json_token()["sub"])

    headers = {**bearer(issuer.token("alice")), GATEWAY_HEADER: issuer.token("gateway")}
    response = app.test_client().get("/", headers=headers)

    users = ["alice"] * 4
    assert response.json == [[users, ["gateway"] * 4, users], "alice"]


def test_greenlets_each_have_their_caller(app: Flask, callers: Callers) -> None:
    """Views that take turns in greenlets, each with a copy of the context, see their own caller."""
    hub: Any = None

    def look() -> list[str]:
        seen = [who()]
        for _ in range(3):
            hub.switch()
            seen.append(who())
        return seen

    views = [by.requires_authentication(look) for by in (callers.user, callers.gateway)]

    @app.get("/")
    @callers.user.requires_authentication
    def view() -> Any:
        nonlocal hub
        hub = greenlet.getcurrent()
        started: list[Any] = []
        for nested in views:
            started.append(greenlet.greenlet(nested, hub))
            started[-1].gr_context = copy_context()
        results: list[Any] = [each.switch() for each in started]
        while not all(each.dead for each in started):
            results = [each.switch() for each in started]
        return jsonify(results, who())

    response = app.test_client().get("/", headers=callers.headers())
    assert response.json == [[["alice"] * 4, ["gateway"] * 4], "alice"]


def serve(app: Flask, callers: Callers, by: str) -> None:
    """Serve a view at ``/first`` whose caller is published in one of several ways, and an open one."""
    app.add_url_rule("/open", "open", showing())
    nested = callers.user.requires_authentication(showing())
    if by == "decorator":
        app.add_url_rule("/first", "first", nested)
    elif by == "nested view":
        app.add_url_rule("/first", "first", lambda: (nested(), 200))
    else:
        app.add_url_rule("/first", "first", showing())
    guard = callers.user.guard()

    @app.before_request
    def before() -> Any:
        if request.path != "/first":
            return None
        if by == "authenticate":
            callers.user.authenticate()
        return guard() if by == "guard" else None


WAYS = ["authenticate", "guard", "decorator", "nested view"]


@pytest.mark.parametrize("by", WAYS)
def test_a_threads_next_request_has_no_earlier_caller(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor, by: str
) -> None:
    """A caller of one request never shows up in the next one that the thread serves, or outside of one."""
    serve(app, callers, by)

    for _ in range(2):
        for path, seen in {"/first": "alice", "/open": "nobody"}.items():
            assert pool.submit(text_of, app, path, callers.headers()).result(PATIENCE) == seen
        assert pool.submit(who).result(PATIENCE) == "nobody"


@pytest.mark.parametrize("by", WAYS)
def test_a_thread_keeps_no_caller_after_a_request(
    app: Flask, callers: Callers, pool: ThreadPoolExecutor, by: str
) -> None:
    """After a request, its token and the decision about it are freed, although the thread lives on."""
    serve(app, callers, by)
    states: list[ref[Any]] = []

    @app.after_request
    def look(response: Response) -> Response:
        states.append(ref(current_state()))
        return response

    assert pool.submit(text_of, app, "/first", callers.headers()).result(PATIENCE) == "alice"
    gc.collect()
    assert [state() for state in states] == [None]
    assert pool.submit(caller_of_run.get).result(PATIENCE) is None
