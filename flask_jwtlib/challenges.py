"""The headers of a refusal: ``WWW-Authenticate`` (RFC 9110 §11.6.1) and ``Retry-After``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar, Protocol, cast

from attrs import frozen

__all__ = [
    "BEARER",
    "Challenge",
    "add_missing_headers",
    "merged_challenges",
    "refusal_headers",
    "refusal_text",
]

# RFC 6750 §3 allows these characters in error_description and scope. A realm may have no others either.
_UNSAFE = re.compile(r"[^\x20-\x21\x23-\x5B\x5D-\x7E]")
# The schemes whose challenges have `scope` and `resource_metadata` (RFC 6750 §3, RFC 9449 §7.1, RFC 9728
# §5.1).
_OAUTH_SCHEMES = frozenset({"bearer", "dpop"})
# A challenge begins with a scheme: a token that is followed neither by "=" nor by another parameter's name.
_SCHEME = re.compile(r"(?:^|,)\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?=\s+[^=\s]|\s*(?:,|$))")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A string without an end reaches to the end of the line.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)')


@frozen(init=False)
class Challenge:
    """Asks the client for credentials of one scheme (RFC 9110 §11.6.1).

    ``str`` returns it as a part of a ``WWW-Authenticate`` header. Characters that the header doesn't allow
    become ``?``.

    Args:
        scheme: The authentication scheme, such as ``"Bearer"``.
        **parameters: Its parameters: ``Challenge("DPoP", algs="ES256 EdDSA")``.
    """

    scheme: str
    parameters: tuple[tuple[str, str], ...]

    def __init__(self, scheme: str, **parameters: str) -> None:
        cast("Any", self).__attrs_init__(scheme, tuple(parameters.items()))

    def __str__(self) -> str:
        shown = [f'{name}="{_UNSAFE.sub("?", value)}"' for name, value in self.parameters if value]
        return f"{self.scheme} {', '.join(shown)}" if shown else self.scheme

    def adding(self, **parameters: str | None) -> Challenge:
        """Return a copy with further parameters. It has its own ones first, and keeps their values."""
        own = dict(self.parameters)
        more = {name: value for name, value in parameters.items() if value and name not in own}
        return Challenge(self.scheme, **own, **more)


BEARER = (Challenge("Bearer"),)
"""The challenges of an extractor that doesn't state its own (RFC 6750 §3)."""


class _Context(Protocol):
    @property
    def challenges(self) -> tuple[Challenge, ...]: ...
    @property
    def scheme(self) -> str | None: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def resource_metadata(self) -> str | None: ...
    @property
    def realm(self) -> str | None: ...


class _Refusal(Protocol):
    """The attributes of a refusal that its headers are made from."""

    status: ClassVar[int]
    error_code: ClassVar[str | None]

    @property
    def description(self) -> Any: ...
    @property
    def context(self) -> _Context: ...
    @property
    def headers(self) -> Iterable[tuple[str, str]]: ...


def refusal_text(error: _Refusal) -> str:
    """Return the ``description`` of a refusal, which is its text for the client, as a plain string.

    Lazy strings are evaluated, and other values converted by ``str``. Half surrogate pairs, which can't be
    encoded, become ``?``. The text is empty if there is no description or ``str`` raises.
    """
    return _plain(error.description)


def _plain(value: object) -> str:
    if value is None:
        return ""
    try:
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - a lazy translation may raise anything
        return ""
    return text if text.isascii() else text.encode(errors="replace").decode()


def refusal_headers(error: _Refusal, *, realm: str | None = None) -> list[tuple[str, str]]:
    """Return the headers of a refusal.

    These are ``WWW-Authenticate``, or ``Retry-After`` if the refusal is our own outage, and the refusal's own
    ``headers``. A 401 has a challenge for each scheme that the extractor accepts, in one line. Another status
    has only that of the scheme that the client used, and a 403 without an error code has none. The
    parameters ``error`` and ``error_description`` belong to the scheme that the client used.

    Args:
        error: The refusal.
        realm: The name of the protected space (RFC 9110 §11.5), for challenges that don't have their own. By
            default that of the ``Authenticator``'s failure handler.
    """
    headers = list(error.headers)
    if hasattr(error, "retry_after"):
        headers.append(("Retry-After", _whole_seconds(cast("Any", error).retry_after)))
    status, code = error.status, error.error_code
    # RFC 9110 §15.5.2: a 401 must have a challenge. Other responses may.
    if status == 401 or code is not None:
        description = error.description
        if description is not None and type(description) is not str:
            description = _plain(description)
        context = error.context
        line = _challenge_line(
            context.challenges,
            context.scheme,
            status == 401,
            realm or context.realm,
            code,
            description,
            _needed_scopes(error) if status in (401, 403) else None,
            context.resource_metadata,
        )
        headers.append(("WWW-Authenticate", line))
    return headers


def add_missing_headers(headers: Any, error: _Refusal) -> None:
    """Add the headers of a refusal to those of a response, without replacing any.

    Args:
        headers: The headers of the response, as Werkzeug has them.
        error: The refusal.
    """
    missing = [each for each in refusal_headers(error) if each[0] not in headers]
    for name, value in missing:
        headers.add(name, value)


def _needed_scopes(error: _Refusal) -> str | None:
    """Return the scopes that the route needs, with those that the refusal names itself."""
    scopes = error.context.scopes
    own: object = getattr(error, "scope", None)
    if own is not None:
        named = own if type(own) is str else _plain(own)
        scopes = (*scopes, *(word for word in named.split() if word not in scopes))
    return " ".join(scopes) or None


# Nearly all refusals are among a few. The bound is for descriptions that an application generates.
@lru_cache(maxsize=256)
def _challenge_line(
    challenges: tuple[Challenge, ...],
    used: str | None,
    every_scheme: bool,
    realm: str | None,
    code: str | None,
    description: str | None,
    scope: str | None,
    resource_metadata: str | None,
) -> str:
    given = challenges[0].scheme if used is None or not _TOKEN.fullmatch(used) else used
    used = (used or given).lower()
    if not every_scheme:
        stated = (challenge for challenge in challenges if challenge.scheme.lower() == used)
        challenges = (next(stated, Challenge(given)),)
    shown: list[Challenge] = []
    for challenge in challenges:
        scheme = challenge.scheme.lower()
        added: dict[str, str | None] = {}
        if code is not None and scheme == used:
            added = {"error": code, "error_description": description}
        if scheme in _OAUTH_SCHEMES or (scheme == used and not every_scheme):
            added |= {"scope": scope, "resource_metadata": resource_metadata}
        own = challenge.parameters
        if realm and not any(name == "realm" for name, _ in own):
            challenge = Challenge(challenge.scheme, realm=realm, **dict(own))  # noqa: PLW2901 - the same one
        shown.append(challenge.adding(**added))
    return ", ".join(map(str, shown))


def merged_challenges(ours: str, present: Iterable[str]) -> str:
    """Return one ``WWW-Authenticate`` line with our challenges, and those of other schemes from other lines.

    Args:
        ours: Our challenges.
        present: The header's present lines. Their challenges stay as they are, also those of our schemes.
    """
    line = ", ".join(present)
    schemes = {found.lower() for found in _schemes(line)}
    missing = [part for part in _parts(ours) if _schemes(part)[0].lower() not in schemes]
    return ", ".join([*missing, line] if line else missing)


def _schemes(line: str) -> list[str]:
    return [found[1] for found in _SCHEME.finditer(_QUOTED.sub('""', line))]


def _parts(line: str) -> list[str]:
    """Split a line into its challenges."""
    masked = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), line)
    starts = [found.start(1) for found in _SCHEME.finditer(masked)]
    ends = [*starts[1:], len(line)]
    return [line[start:end].rstrip(", ") for start, end in zip(starts, ends, strict=True)]


def _whole_seconds(value: Any) -> str:
    """Return whole seconds for ``Retry-After`` (RFC 9110 §10.2.3). It is 5 if the value isn't a number."""
    try:
        return str(max(0, math.ceil(value)))
    except (TypeError, ValueError, OverflowError):
        return "5"
