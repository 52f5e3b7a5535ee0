"""What an explanation consists of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

if TYPE_CHECKING:
    from ..authenticator import Authenticator
    from ..errors import Refusal

__all__ = ["Cause", "Explanation", "Outcome", "Response", "Stage", "Step"]

Outcome = Literal["passed", "refused", "skipped", "info"]
Stage = Literal[
    "request",
    "token",
    "algorithm",
    "keys",
    "signature",
    "claims",
    "binding",
    "policies",
    "validator",
]


@frozen(kw_only=True)
class Step:
    """One step of a decision.

    Attributes:
        stage: The part of the decision that it belongs to, such as ``"claims"``.
        subject: What was checked, such as ``"Audience('api')"``.
        outcome: ``"passed"``; ``"refused"``; ``"skipped"`` if it wasn't done, or a key wasn't used; or
            ``"info"`` for what is only shown.
        expected: What was expected.
        found: What was there.
        note: Anything else to know, such as why a key was not used.
        unverified: Whether it is about a token whose signature isn't known to be valid.
    """

    stage: Stage
    subject: str
    outcome: Outcome
    expected: str = ""
    found: str = ""
    note: str = ""
    unverified: bool = False


@frozen
class Cause:
    """Why a token is refused, and what to do about it.

    Attributes:
        name: Its name for programs, such as ``"issuer-trailing-slash"``. It never changes.
        text: The cause, in one sentence.
        cure: What to do, in one sentence.
    """

    name: str
    text: str
    cure: str


@frozen
class Response:
    """The response that a client would get.

    Attributes:
        status: Its HTTP status.
        headers: Its headers, as pairs of name and value.
        body: The beginning of its body.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@frozen(kw_only=True)
class Explanation:
    """What an ``Authenticator`` makes of a token, step by step.

    No text in it contains the token or its signature.

    Attributes:
        authenticator: The ``Authenticator``.
        outcome: ``"accepted"``, ``"guest"`` on an optional route, or ``"refused"``.
        endpoint: The endpoint that the token was explained for, or None.
        steps: Everything that was checked, in order, also what comes after the first refusal.
        error: The refusal. Its ``reason``, ``status`` and ``log_message`` are those of a request. None if
            the token is accepted. On an optional route, it is why the caller is a guest.
        response: The response that a client would get. None if the view makes it.
        header: The token's header; empty if it can't be read.
        claims: The token's claims; empty if they can't be read.
        verified: Whether the token's signature is valid. Otherwise anybody may have written header and
            claims.
        cause: The cause of the refusal and its cure. None if the token is accepted.
        other_causes: Further causes that fit.
    """

    authenticator: Authenticator = field(repr=False)
    outcome: Literal["accepted", "guest", "refused"]
    endpoint: str | None = None
    steps: tuple[Step, ...] = field(repr=False)
    error: Refusal | None = None
    response: Response | None = None
    header: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)
    claims: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)
    verified: bool = False
    cause: Cause | None = None
    other_causes: tuple[Cause, ...] = ()

    def __bool__(self) -> bool:
        """Whether the token is accepted."""
        return self.outcome == "accepted"
