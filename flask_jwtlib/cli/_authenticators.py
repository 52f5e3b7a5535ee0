"""Names the Authenticators of an app, and describes what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import attrs
from attrs import frozen
from flask import Flask

from .. import default_authenticator
from ..audit import authenticators_of
from ..authenticator import Authenticator
from ..claim_rules import Audience, Issuer
from ..key_providers import NoKeyProvider
from ..log_text import one_line

__all__ = ["NamedAuthenticator", "named_authenticators"]

# More than strategies that wrap each other have.
_DEEPEST = 10


@frozen
class NamedAuthenticator:
    """The name of an Authenticator in the output of a command, and what tells it from others.

    Attributes:
        name: ``"1"``, ``"2"`` and so on, or ``"module API"`` for ``flask_jwtlib.default_authenticator``.
        extractor: The class of its extractor.
        keys: The class of its key provider. Empty if its validator has its own keys, or needs none.
        validator: The class of its validator.
        issuers: The issuers that its rules accept. Empty if it has no such rule.
        audiences: The audiences that its rules accept. Empty if it has no such rule.
    """

    name: str
    extractor: str
    keys: str
    validator: str
    issuers: tuple[str, ...]
    audiences: tuple[str, ...]


def named_authenticators(app: Flask) -> dict[Authenticator, NamedAuthenticator]:
    """Return the authenticators of an app's guards and decorators, with their names.

    They are numbered in the order of ``authenticators_of``: those of guards first.
    """
    found = authenticators_of(app)
    numbered = [each for each in found if each is not default_authenticator]
    return {
        each: _named(str(numbered.index(each) + 1) if each in numbered else "module API", each)
        for each in found
    }


def _named(name: str, found: Authenticator) -> NamedAuthenticator:
    rules = list(_rules_of(found.validator, _DEEPEST))
    has_keys = not isinstance(found.keys, NoKeyProvider)
    return NamedAuthenticator(
        name,
        type(found.extractor).__name__,
        type(found.keys).__name__ if has_keys else "",
        type(found.validator).__name__,
        _accepted(rules, Issuer),
        _accepted(rules, Audience),
    )


def _accepted(rules: list[Issuer | Audience], kind: type[Issuer | Audience]) -> tuple[str, ...]:
    values = (value for rule in rules if isinstance(rule, kind) for value in rule.accepted)
    return tuple(dict.fromkeys(map(one_line, values)))


def _rules_of(value: Any, deepest: int) -> Iterator[Issuer | Audience]:
    """Yield the rules in a validator, or in those that it consists of, if they are attrs classes."""
    if isinstance(value, Issuer | Audience):
        yield value
    elif deepest == 0 or isinstance(value, str | type):
        return
    elif isinstance(value, Mapping):
        for each in cast("Any", value).values():
            yield from _rules_of(each, deepest - 1)
    elif isinstance(value, list | tuple):
        for each in cast("Any", value):
            yield from _rules_of(each, deepest - 1)
    elif attrs.has(kind := cast("Any", type(value))):
        for field in attrs.fields(kind):
            if field.name == "issuer" and isinstance(value.issuer, str):
                # As the `TrustedIssuer` of an `IssuerRouter` has it.
                yield Issuer(value.issuer)
            yield from _rules_of(getattr(value, field.name, None), deepest - 1)
