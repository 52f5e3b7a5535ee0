"""The base of all errors, and the errors that refuse no request."""

from __future__ import annotations

from typing import Any

__all__ = ["AbsentClaimError", "ConfigurationError", "InsecureKeyWarning", "JWTLibError"]


class InsecureKeyWarning(UserWarning):
    """A key is weaker than RFC 7518 §3.2 and §3.3 require. It is used because you allowed it."""


class JWTLibError(Exception):
    """The base class of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, pickle would call the constructor with the complete message.
        return _revived, (type(self), self.args, vars(self))


def _revived(
    kind: type[JWTLibError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> JWTLibError:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(attributes)
    return error


class ConfigurationError(JWTLibError, ValueError):
    """A composition, a setting or a key is wrong. It is raised while composing, before any request is served.

    Args:
        fault: What is wrong.
        advice: How to fix it, where the error is raised.

    Attributes:
        fault: What is wrong, without the advice, for code that catches the error and has better advice.
    """

    def __init__(self, fault: str = "", *, advice: str = "") -> None:
        super().__init__(f"{fault}; {advice}" if advice else fault)
        self.fault = fault


class AbsentClaimError(JWTLibError, KeyError):
    """``claims[name]`` was read, and the token has no such claim.

    In a claim rule, a policy or a validator, this refuses the token. In a view it is a ``KeyError`` like any
    other, and not a refusal, because it isn't the client's fault.

    Attributes:
        claim: The claim's name.
    """

    def __init__(self, claim: str) -> None:
        super().__init__(claim)
        self.claim = claim

    def __str__(self) -> str:
        # KeyError.__str__ returns the repr of its argument.
        return f"the claim {self.claim!r} is missing"
