"""Generated programs of views, threads, tasks, greenlets and streams, compared with a simple model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import greenlet
import pytest
from attrs import frozen
from flask import Flask, Response, copy_current_request_context, stream_with_context
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_jwtlib import AuthenticationError, Authenticator, JWTValidator
from flask_jwtlib.testing import TokenIssuer
from tests.authenticator.callers import Callers, everywhere, make_callers, text_of, who
from tests.kit import PATIENCE

BOTH = ["alice", "gateway"]
# They run with a copy of the context. All of them share one `flask.g`, which can show only one caller.
COPIED_CONTEXTS = {"thread", "task", "greenlet"}
# It has a `flask.g` of its own, which is empty at first.
COPIED_REQUEST_CONTEXT = "copied request context"
SEQUENTIAL = ["view", "refused view", "authenticate", "refused"]
HOWS = [*SEQUENTIAL, COPIED_REQUEST_CONTEXT, *sorted(COPIED_CONTEXTS)]


@frozen
class Step:
    """One step of a view, a thread, a task or a greenlet.

    Attributes:
        how: A nested view, accepted or refused; ``authenticate()``, accepted or refused; a thread with a
            copied request context; or a thread, task or greenlet with a copied context.
        by: Whose authenticator does it.
        optional: Whether the nested view's decorator is optional.
        steps: The steps within it.
    """

    how: str
    by: str
    optional: bool = False
    steps: tuple[Step, ...] = ()

    def is_sequential(self) -> bool:
        """Whether it has no thread, task or greenlet in it."""
        return self.how in SEQUENTIAL and all(step.is_sequential() for step in self.steps)


@frozen
class Program:
    """A request: the authenticators of its guard and of its view's decorator, and their steps."""

    guard: str | None
    decorator: str | None
    optional: bool
    view: tuple[Step, ...]
    stream: tuple[Step, ...]


def steps_of(step: Any) -> Any:
    """Return a strategy for up to three steps."""
    return st.lists(step, max_size=3).map(tuple)


def programs(hows: list[str]) -> Any:
    """Return a strategy for programs of some kinds of steps."""
    how, by, maybe = st.sampled_from(hows), st.sampled_from(BOTH), st.sampled_from([None, *BOTH])
    step = st.recursive(
        st.builds(Step, how, by),
        lambda within: st.builds(Step, how, by, st.booleans(), steps_of(within)),
        max_leaves=6,
    )
    return st.builds(Program, maybe, maybe, st.booleans(), steps_of(step), steps_of(step))


class Model:
    """What is expected of a program.

    Attributes:
        request: The request's caller.
        copy: The caller in a copy of the request's context, if the steps run in one.
        seen: Who is seen before and after each step.
    """

    def __init__(self, program: Program) -> None:
        self.request = program.decorator or program.guard or "nobody"
        self.copy: str | None = None
        self.seen: list[str] = []
        if program.guard is None:
            self.seen += ["nobody", "nobody"]
        self.steps(program.view, program.decorator, is_requests=True)
        self.steps(program.stream, None)

    def steps(
        self, steps: tuple[Step, ...], caller: str | None, *, is_requests: bool = False
    ) -> None:
        """Note who is seen during some steps.

        Args:
            steps: The steps.
            caller: The caller of the view that runs them, None if it has no decorator.
            is_requests: Whether it is the view that Flask calls for the request.
        """
        for step in steps:
            self.seen.append(caller or self.copy or self.request)
            if step.how == "view":
                self.steps(step.steps, step.by)
            elif step.how in COPIED_CONTEXTS:
                self.steps(step.steps, caller)
            elif step.how == COPIED_REQUEST_CONTEXT:
                outer, self.copy = self.copy, self.request
                self.steps(step.steps, None)
                self.copy = outer
            elif step.how == "authenticate":
                if caller is not None:
                    caller = step.by
                if caller is None and self.copy is not None:
                    self.copy = step.by
                elif caller is None or is_requests:
                    self.request = step.by
        self.seen.append(caller or self.copy or self.request)


class Run:
    """Runs steps.

    Attributes:
        seen: Who is seen before and after each step.
    """

    def __init__(self, callers: Callers, look: Callable[[], str]) -> None:
        self.seen: list[str] = []
        self._by = {"alice": callers.user, "gateway": callers.gateway}
        self._look = look

    def steps(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            self.seen.append(self._look())
            self._step(step, self._by[step.by])
        self.seen.append(self._look())

    def _step(self, step: Step, auth: Authenticator) -> None:
        refusing = auth.evolve(validator=JWTValidator(rules=[lambda claims: False]))
        decorate: Any = (
            auth.optional_authentication if step.optional else auth.requires_authentication
        )

        def within() -> str:
            self.steps(step.steps)
            return "done"

        if step.how == "view":
            decorate(within)()
        elif step.how == "refused view":
            with pytest.raises(AuthenticationError):
                refusing.requires_authentication(within)()
        elif step.how == "authenticate":
            auth.authenticate()
        elif step.how == "refused":
            with pytest.raises(AuthenticationError):
                refusing.authenticate()
        elif step.how == COPIED_REQUEST_CONTEXT:
            _in_thread(copy_current_request_context(within))
        elif step.how == "thread":
            _in_thread(copy_context().run, within)
        elif step.how == "task":
            _in_thread(copy_context().run, asyncio.run, _gathered(within))
        else:
            started = greenlet.greenlet(within)
            started.gr_context = copy_context()
            started.switch()


def _in_thread(function: Callable[..., Any], *arguments: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(function, *arguments).result(PATIENCE)


async def _gathered(function: Callable[[], Any]) -> None:
    async def task() -> None:
        await asyncio.sleep(0)
        function()

    await asyncio.gather(task())


@pytest.fixture(scope="module")
def two_callers() -> Callers:
    """A user and a gateway, for all programs."""
    return make_callers(TokenIssuer(), TokenIssuer())


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(program=programs(SEQUENTIAL) | programs(HOWS))
def test_a_program_sees_the_callers_of_the_model(two_callers: Callers, program: Program) -> None:
    """Before and after each step, the caller is that of the view that runs, and never another one."""
    by = {"alice": two_callers.user, "gateway": two_callers.gateway}
    is_sequential = all(step.is_sequential() for step in program.view + program.stream)
    run = Run(two_callers, everywhere if is_sequential else who)
    app = Flask("generated", root_path=".")
    app.testing = True
    if program.guard is not None:
        app.before_request(by[program.guard].guard())
    else:
        # Otherwise the first decision about the request might be made in a copy of its context.
        app.before_request(lambda: run.steps((Step("refused", "alice"),)))

    def view() -> Response:
        run.steps(program.view)

        def stream() -> Iterator[str]:
            run.steps(program.stream)
            yield "done"

        return Response(stream_with_context(stream()))

    if program.decorator is None:
        app.add_url_rule("/", "view", view)
    elif program.optional:
        app.add_url_rule("/", "view", by[program.decorator].optional_authentication(view))
    else:
        app.add_url_rule("/", "view", by[program.decorator].requires_authentication(view))

    text_of(app, "/", two_callers.headers())

    assert run.seen == Model(program).seen
    assert who() == "nobody"
