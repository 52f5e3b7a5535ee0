"""Makes an explanation of a decision: all steps in order, without secrets, and the cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from .._authenticator.outcomes import Refused
from ..errors import MissingTokenError, Refusal
from ..log_text import one_line
from ..validators import JWTValidator
from ..values import Principal
from ._causes import find_causes
from ._decision import Decision
from ._doors import foreign_doors
from ._facts import Facts
from ._recorder import raising
from ._redaction import Redaction
from ._refusals import facts_about
from ._rules import described
from ._values import Explanation, Outcome, Stage, Step
from ._walk import Walk

__all__ = ["summary_of"]

_LONGEST = 1000


def summary_of(decision: Decision, given: str, *, had_scheme: bool) -> Explanation:
    """Return the explanation of a decision.

    Args:
        decision: The decision.
        given: The text that was given.
        had_scheme: Whether it had a scheme before the token.
    """
    walk, token = decision.walk, decision.token
    found = () if decision.error is None else find_causes(_facts(decision, decision.error, given))
    shown = Redaction({given, decision.text, *(() if token is None else (token.value,))})
    causes = tuple(map(shown.cause, found))
    claims: Mapping[str, Any] = {} if walk is None else walk.claims
    if isinstance(decision.about_token, Principal):
        claims = decision.about_token.claims
    return Explanation(
        authenticator=decision.authenticator,
        outcome=decision.outcome,
        endpoint=decision.target.endpoint,
        steps=tuple(map(shown.step, _Summary(decision).steps(had_scheme=had_scheme))),
        error=None if decision.error is None else shown.error(decision.error),
        response=None if decision.response is None else shown.response(decision.response),
        header=shown.members({} if walk is None else walk.header),
        claims=shown.members(claims),
        verified=decision.is_verified,
        cause=causes[0] if causes else None,
        other_causes=causes[1:],
    )


def _facts(decision: Decision, error: Refusal, given: str) -> Facts:
    return facts_about(
        error,
        decision.authenticator,
        given=given,
        token=decision.text if decision.token is None else decision.token.value,
        walk=decision.walk,
        caller=decision.about_token if isinstance(decision.about_token, Principal) else None,
        policies=decision.policies,
        endpoint=decision.target.endpoint,
        may_fetch=decision.run.fetch_keys,
    )


@frozen
class _Summary:
    """Puts the steps of a decision in order."""

    decision: Decision

    def steps(self, *, had_scheme: bool) -> list[Step]:
        """Return all steps."""
        decision, walk = self.decision, self.decision.walk
        passed_on = [] if walk is None else walk.chain
        checked = [*([] if walk is None else walk.steps), *decision.rules]
        before, after = self._verdict([*passed_on, *checked])
        steps = [
            *self._remarks(had_scheme=had_scheme),
            *self._extraction(),
            *passed_on,
            *before,
            *checked,
            *after,
            *decision.checks,
        ]
        is_refused = any(step.outcome == "refused" for step in steps)
        if decision.outcome == "refused" and not is_refused:
            steps.append(self._last_refusal())
        elif decision.error is None and decision.outcome != "refused" and is_refused:
            steps = list(map(_overruled, steps))
        return steps

    def _remarks(self, *, had_scheme: bool) -> list[Step]:
        decision, endpoint = self.decision, self.decision.target.endpoint
        remarks = {
            "the text begins with a scheme, so it is taken for the header's whole value": had_scheme,
            "no guard or decorator of this Authenticator protects this endpoint and method": (
                not decision.doors
            ),
            "guards or decorators of other Authenticators aren't explained here": foreign_doors(
                decision.authenticator, endpoint
            ),
        }
        name = endpoint or "request"
        return [
            _step("request", name, "info", note=note)
            for note, applies in remarks.items()
            if applies
        ]

    def _extraction(self) -> list[Step]:
        """Return the step of finding the token."""
        decision = self.decision
        name, token = described(decision.authenticator.extractor), decision.token
        if token is None:
            if not isinstance(decision.about_token, Refused):
                return []
            error = decision.about_token.error
            missing = isinstance(error, MissingTokenError)
            note = f"it found no token: {error.log_message}" if missing else error.log_message
            return [_step("request", name, "refused", note=note)]
        if not decision.sent.is_placed:
            note = "it can't tell where a client puts the token; the validator gets it directly"
            return [_step("request", name, "info", note=note)]
        evidence = ", ".join(type(value).__name__ for value in token.evidence)
        found = one_line(f"in the {token.source}, scheme {token.scheme}")
        note = f"evidence: {evidence}" if evidence else ""
        return [_step("request", name, "passed", found=found, note=note)]

    def _verdict(self, checked: list[Step]) -> tuple[list[Step], list[Step]]:
        """Return the step of what the validator returned, for before or after the other checks."""
        decision, about = self.decision, self.decision.about_token
        name = described(decision.authenticator.validator)
        is_refused = any(step.outcome == "refused" for step in checked)
        if isinstance(about, Principal):
            return [], self._acceptance(about)
        if isinstance(about, Refused):
            if decision.walk is None or self._is_noted(about.error):
                return [], []
            step = _step(
                "binding" if "cnf" in decision.walk.claims and not is_refused else "validator",
                name,
                "refused",
                expected=self._given(decision.walk),
                note=about.error.log_message,
            )
            return ([step], []) if is_refused else ([], [step])
        if is_refused:
            return [], []
        broken = raising(about) if isinstance(about, Exception) else ""
        return [], [_step("validator", "the strategies", "refused", note=broken)]

    def _acceptance(self, principal: Principal) -> list[Step]:
        walk, claims = self.decision.walk, principal.claims
        steps: list[Step] = []
        if walk is not None and not isinstance(walk.validator, JWTValidator):
            names = ", ".join(one_line(str(name), 120) for name in claims)
            found = one_line(f"{len(claims)} claims: {names}", _LONGEST)
            name = described(walk.validator)
            steps.append(
                _step("validator", name, "passed", expected=self._given(walk), found=found)
            )
        if "cnf" in claims:
            confirmed = ", ".join(map(str, claims["cnf"]))
            found = one_line(f"confirmed: {confirmed}", _LONGEST)
            steps.append(_step("binding", "cnf", "passed", found=found))
        return steps

    def _given(self, walk: Walk) -> str:
        """Describe what a validator is given."""
        token = walk.token
        evidence = "".join(f", {type(value).__name__}" for value in token.evidence)
        return one_line(f"a token from the {token.source}, scheme {token.scheme}{evidence}")

    def _is_noted(self, error: Refusal) -> bool:
        """Whether a step says why the token is refused."""
        walk = self.decision.walk
        noted = self.decision.recorder.refusals if walk is None else walk.all_refusals
        return any(
            type(each) is type(error) and each.log_message == error.log_message for each in noted
        )

    def _last_refusal(self) -> Step:
        """Return the step of a refusal that no other step shows."""
        error, raised = self.decision.error, self.decision.raised
        note = raising(raised) if error is None and raised is not None else ""
        note = note if error is None else error.log_message
        return _step("validator", "the strategies", "refused", note=note)


def _overruled(step: Step) -> Step:
    """Return a step of a token that is accepted in spite of it, such as by a validator of the application."""
    if step.outcome != "refused":
        return step
    return evolve(step, outcome="info", note=f"{step.note}; the token is accepted in spite of it")


def _step(
    stage: Stage,
    subject: str,
    outcome: Outcome,
    *,
    expected: str = "",
    found: str = "",
    note: str = "",
) -> Step:
    return Step(
        stage=stage,
        subject=subject,
        outcome=outcome,
        expected=expected,
        found=found,
        note=one_line(note),
    )
