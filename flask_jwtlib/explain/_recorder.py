"""Notes each rule and policy while it decides, with what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from attrs import define, field

from .._dry_run import DryRun
from ..claim_rules import ClaimRule, apply_rules
from ..errors import Refusal, VerificationUnavailable
from ..log_text import error_text, one_line
from ..policies import Call, Judgement, Policy, Verdict, judge
from ..values import Claims
from ._rules import described, is_pure
from ._values import Outcome, Stage, Step
from ._watched_claims import reading

__all__ = ["Recorder"]

_LONGEST = 300
_SKIPPED = "a rule of the application sees only verified claims"
_WITHOUT_CLAIMS = "the token isn't verified"
_ONLY_CALLERS = "a policy of the application sees only callers whose token is accepted"
_UNKNOWN = "a claim or an argument of the URL is absent or of another type"


@define(eq=False)
class Recorder:
    """Applies rules and judges policies, and notes each as a step.

    Attributes:
        run: The dry run, of which this is the observer.
        steps: The steps.
        refusals: The refusals of rules and policies, in order.
        is_verified: Whether the claims are verified.
    """

    run: DryRun
    steps: list[Step] = field(factory=list[Step])
    refusals: list[Refusal] = field(factory=list[Refusal])
    is_verified: bool = True

    def apply_rules(self, claims: Claims, rules: Iterable[ClaimRule]) -> None:
        """Apply every rule, and raise what a request's first failing rule raises."""
        first: Refusal | None = None
        for rule in rules:
            refusal = self._apply(claims, rule, is_first=first is None)
            first = first or refusal
        if first is not None:
            raise first

    def apply_to_unverified(self, claims: Claims, rules: Iterable[ClaimRule]) -> None:
        """Apply the rules of this package to claims that anybody may have written. Others aren't applied."""
        self.is_verified = False
        try:
            for rule in rules:
                if is_pure(rule):
                    self._apply(claims, rule, is_first=False)
                else:
                    self._add("claims", rule, "skipped", note=_SKIPPED)
        finally:
            self.is_verified = True

    def _apply(self, claims: Claims, rule: ClaimRule, *, is_first: bool) -> Refusal | None:
        """Apply a rule and return its refusal."""
        with self.run.unobserved(), reading(claims) as read:
            try:
                apply_rules(claims, (rule,))
            except Refusal as refusal:
                self.refusals.append(refusal)
                self._note("claims", rule, refused=refusal.log_message, found=str(read))
                return refusal
            except Exception as error:
                self._note("claims", rule, refused=raising(error), found=str(read))
                if is_first:
                    raise
                # A request would not come here.
                return None
        self._note("claims", rule, found=str(read))
        return None

    def judge(
        self,
        judge: Callable[[Policy, Claims, Call], Judgement],
        policy: Policy,
        claims: Claims,
        call: Call,
    ) -> Judgement:
        """Judge a policy."""
        with self.run.unobserved(), reading(claims) as read:
            try:
                judgement = judge(policy, claims, call)
                notes = dict.fromkeys(error.log_message for error in judgement.refusals)
            except VerificationUnavailable as error:
                self._note("policies", policy, refused=error.log_message, found=str(read))
                raise
            except Exception as error:
                self._note("policies", policy, refused=raising(error), found=str(read))
                raise
        if judgement.verdict is not Verdict.SATISFIED:
            self.refusals.extend(judgement.refusals)
        refused: str | None = "; ".join(notes)
        if judgement.verdict is Verdict.UNKNOWN:
            refused = f"{refused} ({_UNKNOWN})"
        elif judgement.verdict is Verdict.SATISFIED:
            refused = None
        self._note("policies", policy, refused=refused, found=str(read))
        return judgement

    def judge_anyway(self, policies: Iterable[Policy], claims: Claims | None, call: Call) -> None:
        """Judge the policies that a refused token doesn't come to.

        Args:
            policies: The policies. Those of the application aren't judged.
            claims: The verified claims; None without.
            call: The view.
        """
        for policy in policies:
            if claims is None or not is_pure(policy):
                why = _WITHOUT_CLAIMS if claims is None else _ONLY_CALLERS
                self._add("policies", policy, "skipped", note=why)
            else:
                # The step says what it raises.
                with suppress(Exception):
                    self.judge(judge, policy, claims, call)

    def _note(self, stage: Stage, part: object, *, found: str, refused: str | None = None) -> None:
        outcome: Outcome = "passed" if refused is None else "refused"
        self._add(stage, part, outcome, found=found, note=refused or "")

    def _add(
        self, stage: Stage, part: object, outcome: Outcome, *, found: str = "", note: str = ""
    ) -> None:
        step = Step(
            stage=stage,
            subject=described(part),
            outcome=outcome,
            found=found,
            note=one_line(note),
            unverified=not self.is_verified,
        )
        self.steps.append(step)


def raising(error: Exception) -> str:
    """Return what is said about an exception that isn't a refusal."""
    return one_line(f"it raised {type(error).__name__}: {error_text(error)}", _LONGEST)
