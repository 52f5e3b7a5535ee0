"""The decision about a request that has the token."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Literal

from attrs import Factory, define, field
from flask import Flask

from .._authenticator.outcomes import Outcome, Refused
from .._dry_run import DryRun
from .._flask.state import published_now, state_of
from ..errors import AuthenticationError, Refusal, VerificationUnavailable
from ..policies import Call, Policy
from ..values import BearerToken, Principal
from ._doors import Door, doors_of
from ._recorder import Recorder
from ._responses import response_of
from ._sent import Sent
from ._target import Target
from ._values import Response, Step
from ._walk import Walk

if TYPE_CHECKING:
    from ..authenticator import Authenticator

__all__ = ["Decision"]


def _recorder(decision: Decision) -> Recorder:
    return Recorder(decision.run)


@define
class Decision:
    """The decision, made by the functions that decide about requests.

    Attributes:
        authenticator: The ``Authenticator``.
        app: The app.
        text: The token that was given.
        sent: The request that has it.
        run: Collects the refusals that would have been logged.
        target: The endpoint.
        recorder: Notes rules and policies.
        about_token: What was decided about the token, or the exception that was raised meanwhile.
        token: The token that was found; None without one.
        walk: What the validators do with it.
        rules: The steps of the rules that validators apply.
        doors: The guards and decorators.
        outcome: The outcome.
        error: The refusal.
        raised: The exception that left a guard or decorator.
        response: The response to a refused request.
    """

    authenticator: Authenticator
    app: Flask
    text: str
    sent: Sent
    run: DryRun
    target: Target
    recorder: Recorder = field(init=False, default=Factory(_recorder, takes_self=True))
    about_token: Outcome | Exception | None = field(init=False, default=None)
    token: BearerToken | None = field(init=False, default=None)
    walk: Walk | None = field(init=False, default=None)
    rules: list[Step] = field(init=False, factory=list[Step])
    doors: list[Door] = field(init=False, factory=list[Door])
    outcome: Literal["accepted", "guest", "refused"] = field(init=False, default="accepted")
    error: Refusal | None = field(init=False, default=None)
    raised: Exception | None = field(init=False, default=None)
    response: Response | None = field(init=False, default=None)

    def make(self) -> None:
        """Decide: first about the token, and then door by door."""
        self.run.observer = self.recorder
        self._decide_about_token()
        if self.token is not None:
            self.walk = Walk(
                self.token, self.recorder, self.authenticator.validator, self.authenticator.keys
            )
            self.walk.go()
        self.rules, self.recorder.steps = self.recorder.steps, []
        self._enter()

    @property
    def is_verified(self) -> bool:
        """Whether the token's signature is valid."""
        is_accepted = isinstance(self.about_token, Principal)
        return is_accepted or (self.walk is not None and self.walk.verified)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies that apply to a caller."""
        applied = list(self.authenticator.policies)
        for door in self.doors:
            applied += [policy for policy in door.policies if policy not in applied]
        return tuple(applied)

    @property
    def checks(self) -> list[Step]:
        """The steps of the policies and rules of the guards and decorators."""
        return self.recorder.steps

    def _decide_about_token(self) -> None:
        pipeline: Any = self.authenticator.pipeline_source().current()
        request = self.sent.request
        state = state_of(request)
        state.deciding = True
        try:
            outcome: Outcome = (
                pipeline.decide(request)
                if self.sent.is_placed
                else self._decided_directly(pipeline)
            )
        except Exception as error:  # noqa: BLE001 - an application's strategy may raise anything
            self.about_token = error
            return
        finally:
            state.deciding = False
        # The guards and decorators look it up there.
        state.outcomes[pipeline] = self.about_token = outcome
        self.token = outcome.token

    def _decided_directly(self, pipeline: Any) -> Outcome:
        """Let the validator decide about a token that no extractor finds."""
        token = BearerToken(self.text, source="text")
        try:
            outcome: Outcome = pipeline.validated(token, pipeline.confirmed_elsewhere)
        except (AuthenticationError, VerificationUnavailable) as error:
            return Refused(error.with_traceback(None), token)
        return outcome

    def _enter(self) -> None:
        self.doors = doors_of(self.authenticator, self.target.endpoint)
        with ExitStack() as stack:
            refusing = next((door for door in self.doors if self._refuses(door, stack)), None)
            if refusing is not None:
                self.outcome = "refused"
                self._check_rest(self.doors[self.doors.index(refusing) + 1 :])
            else:
                published = published_now()
                if published is None or published.principal is None:
                    self.outcome = "guest"
        if isinstance(self.raised, Refusal):
            self.error = self.raised
        elif self.run.refusals:
            self.error = self.run.refusals[-1]
        elif self.outcome == "guest" and isinstance(self.about_token, Refused):
            # Nothing asks for a token, but this one would be refused.
            self.error = self.about_token.error

    def _check_rest(self, doors: Iterable[Door]) -> None:
        """Note what the guards and decorators would say that a request doesn't reach."""
        caller = self.about_token
        request, pipeline = self.sent.request, self.authenticator.pipeline_source().current()
        call = Call(request.endpoint, request.method, request.view_args or {})
        if not isinstance(caller, Principal):
            claims = None if self.walk is None else self.walk.verified_claims
            if claims is not None:
                claims = claims.implying(self.authenticator.scope_hierarchy)
            self.recorder.judge_anyway(self.policies, claims, call)
            return
        for door in doors:
            # The recorder notes what they raise.
            with suppress(Exception):
                self.recorder.apply_rules(caller.claims, door.protection.rules)
            with suppress(Exception):
                pipeline.judged(caller, door.policies, call)

    def _refuses(self, door: Door, stack: ExitStack) -> bool:
        self.response, self.raised = response_of(
            self.sent.context, self.app, self.sent.request, lambda: door.enter(stack)
        )
        return self.response is not None
