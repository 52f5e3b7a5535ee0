"""Removes a token, its signature and other tokens from everything that is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, cast
from urllib.parse import quote, quote_plus

from attrs import evolve

from ..errors import Refusal
from ._values import Cause, Response, Step

__all__ = ["Redaction"]

# A shorter text may occur anywhere by chance, and is no secret.
_SHORTEST = 8
# How much of a secret must be there, if a text was cut within it.
_BEGINNING = 12
# What isn't secret before one: the name of a header, and a scheme of Authorization, which may be repeated.
_BEFORE = re.compile(
    r"(?:\s*authorization\s*:\s*(?:[\w-]+\s+){0,2}|\s*[\w-]+\s*:\s*)?", re.IGNORECASE
)
_LONGEST_BODY = 2000
_DEEPEST = 64
_COOKIE_VALUE = re.compile(r"=[^;]*")
_RUN = re.compile(r"[\w.-]+")
# A JSON object in base64url, such as a token's header.
_OBJECT = "eyJ"


def _without_tokens(text: str) -> str:
    """Return a text without any JWT: a claim, or a response, may contain another one."""
    return _RUN.sub(_without_token, text) if _OBJECT in text else text


def _without_token(found: re.Match[str]) -> str:
    before, begins, rest = found[0].partition(_OBJECT)
    return f"{before}<token>" if begins and "." in rest.rstrip(".") else found[0]


class Redaction:
    """Removes secrets from texts and values.

    Args:
        tokens: The token, as given and as found in a request.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        replaced: dict[str, tuple[str, int]] = {}
        for token in tokens:
            _, dot, signature = token.rpartition(".")
            found = _BEFORE.match(token)
            name = "" if found is None else found[0]
            if name and name == token:
                continue
            for form, public in zip(_forms(token), _forms(name), strict=True):
                replaced[form] = "<token>", max(_BEGINNING, len(public) + _SHORTEST)
            for form in _forms(signature) if dot else ():
                replaced[form] = "<signature>", _BEGINNING
        # The longest first: a token contains its signature.
        self._replaced = sorted(
            ((text, *how) for text, how in replaced.items() if len(text) >= _SHORTEST),
            key=lambda each: -len(each[0]),
        )
        self._longest = max((len(text) for text, *_ in self._replaced), default=0)

    def text(self, text: str) -> str:
        """Return a text without them, and without other tokens."""
        for secret, by, _ in self._replaced:
            text = text.replace(secret, by)
        # Most headers begin alike, so what is cut must not be looked for within another token.
        text = _without_tokens(text)
        for secret, by, shortest in self._replaced:
            text = _without_cut(text, secret, by, shortest)
        return text

    def step(self, step: Step) -> Step:
        """Return a step without them."""
        return evolve(
            step,
            subject=self.text(step.subject),
            expected=self.text(step.expected),
            found=self.text(step.found),
            note=self.text(step.note),
        )

    def response(self, response: Response) -> Response:
        """Return a response without them and without cookies, with only the beginning of a long body."""
        headers = tuple((name, self._header(name, value)) for name, value in response.headers)
        body = self.text(response.body)
        if len(response.body) > _LONGEST_BODY:
            # The body may end within a token.
            body = body[: max(0, min(_LONGEST_BODY, len(body) - self._longest))] + "..."
        return Response(response.status, headers, body)

    def _header(self, name: str, value: str) -> str:
        if name.lower() == "set-cookie":
            # It may be the ID of a new session.
            value = _COOKIE_VALUE.sub("=<cookie>", value, count=1)
        return self.text(value)

    def cause(self, cause: Cause) -> Cause:
        """Return a cause without them."""
        return Cause(cause.name, self.text(cause.text), self.text(cause.cure))

    def error(self, error: Refusal) -> Refusal:
        """Return a copy of a refusal without them, and without the caller and the exception before it."""
        copied = error.in_context(evolve(error.context, principal=None, respond=None))
        copied.__cause__ = copied.__context__ = copied.__traceback__ = None
        copied.log_message = self.text(error.log_message)
        copied.args = tuple(self._value(each, 0) for each in error.args)
        return copied

    def members(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a header or of claims without them."""
        return cast("dict[str, Any]", self._value(dict(members), 0))

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if depth == _DEEPEST and isinstance(value, Mapping | list | tuple):
            return "..."
        if isinstance(value, Mapping):
            pairs = cast("dict[Any, Any]", value).items()
            return {self._value(key, _DEEPEST): self._value(each, depth + 1) for key, each in pairs}
        if isinstance(value, list | tuple):
            return [self._value(each, depth + 1) for each in cast("list[Any]", value)]
        return value


def _forms(secret: str) -> tuple[str, ...]:
    """Return a secret as it is, and as it is in URLs, in JSON and in texts of ``ascii``."""
    return (
        secret,
        secret.encode("utf-8", "replace").decode(),
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        json.dumps(secret)[1:-1],
        ascii(secret)[1:-1],
    )


def _without_cut(text: str, secret: str, by: str, shortest: int) -> str:
    """Replace the beginning of a secret, at least so many characters, in case that a text was cut in it."""
    beginning = secret[:shortest]
    at = text.find(beginning) if len(secret) > shortest else -1
    while at >= 0:
        pairs = zip(text[at:], secret, strict=False)
        length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        text = text[:at] + by + text[at + length :]
        at = text.find(beginning, at + len(by))
    return text
