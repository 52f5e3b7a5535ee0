"""Causes in the form of what was sent: it isn't a whole, bare token."""

from __future__ import annotations

import re

from flask_jwtlib.errors import (
    BadSignatureError,
    InvalidRequestError,
    MalformedCredentialsError,
    MalformedTokenError,
    MissingTokenError,
)
from flask_jwtlib.explain import Facts, Found, recognises
from flask_jwtlib.interfaces import challenges_of

__all__ = ["FINDERS"]

_SCHEME = re.compile(
    r"\s*(bearer|jwt|token|dpop|basic|apikey|digest|negotiate)(\s*:\s*|\s+)(?=\S)", re.IGNORECASE
)
_NOTHING_VALUES = frozenset(
    {
        "undefined",
        "null",
        "none",
        "nan",
        "nil",
        "true",
        "false",
        "[object object]",
        "[object promise]",
    }
)
_PLACEHOLDER = re.compile(
    r"\{\{.*\}\}|\$\{?\w+\}?|\$\(.*\)|<[^<>]+>|%\w+%|\{\w+\}"
    r"|(?:your|my|the|insert|paste)[ _-].*token.*|(?:access[_ -]?)?token",
    re.IGNORECASE | re.DOTALL,
)
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
_PERCENT = re.compile(r"%(?:2[0BEF]|3[AD]|0[AD])", re.IGNORECASE)


def _refused_by_form(facts: Facts) -> bool:
    return isinstance(
        facts.error,
        MalformedTokenError | InvalidRequestError | MalformedCredentialsError | MissingTokenError,
    )


@recognises("token-empty")
def empty(facts: Facts) -> Found | None:
    """No text was given, or only the scheme."""
    if _refused_by_form(facts) and facts.token.strip().lower() in {"", "bearer"}:
        return Found(
            "No token was sent, or only the word Bearer.",
            "Send the access token that the provider issued where the app looks for it, usually as "
            "Authorization: Bearer TOKEN, and check that the variable which should have it is set.",
        )
    return None


@recognises("placeholder-sent")
def placeholder(facts: Facts) -> Found | None:
    """A template's placeholder was sent, such as ``{{token}}`` or ``$TOKEN``."""
    if _refused_by_form(facts) and _PLACEHOLDER.fullmatch(facts.token.strip()):
        return Found(
            "The text is a placeholder, which nothing replaced by a token.",
            "Set the variable in the client, such as Postman's environment or the shell: quotes "
            "like '$TOKEN' keep a shell from replacing it.",
        )
    return None


@recognises("javascript-value-sent")
def javascript_value(facts: Facts) -> Found | None:
    """``undefined``, ``null`` or ``[object Object]`` was sent in place of a token."""
    if _refused_by_form(facts) and facts.token.strip().lower() in _NOTHING_VALUES:
        return Found(
            "The text is what JavaScript or Python writes for a missing value or for an object.",
            "In the client, wait until the token has been fetched, await the promise, and put "
            "the string access_token into the header, not the object that has it.",
        )
    return None


@recognises("bearer-twice")
def scheme_twice(facts: Facts) -> Found | None:
    """The scheme was sent twice: ``Bearer Bearer eyJ…``."""
    found = _SCHEME.match(facts.token)
    if not (_refused_by_form(facts) and found):
        return None
    before = facts.given[: facts.given.find(facts.token)] if facts.token in facts.given else ""
    if not (before.lower().find(found[1].lower()) >= 0 or _SCHEME.match(facts.token, found.end())):
        return None
    return Found(
        f"The word {found[1].capitalize()} is sent twice, so the second one is taken for the "
        "token.",
        "Remove one of the two: the value that the client keeps as the token has the scheme "
        "already, or the client's library adds it.",
    )


@recognises("scheme-with-colon")
def scheme_with_colon(facts: Facts) -> Found | None:
    """A colon follows the scheme: ``Bearer: eyJ…``."""
    found = _SCHEME.match(facts.token)
    if _refused_by_form(facts) and found and ":" in found[2]:
        return Found(
            f"A colon follows the word {found[1].capitalize()}, where there must be only a space.",
            "Send 'Authorization: Bearer' followed by a space and the token, without a colon "
            "after Bearer.",
        )
    return None


@recognises("wrong-scheme")
def wrong_scheme(facts: Facts) -> Found | None:
    """The token was sent with another scheme than the app accepts, such as ``Token`` or ``JWT``."""
    found = _SCHEME.match(facts.token)
    if _refused_by_form(facts) and found:
        accepted = " or ".join(each.scheme for each in challenges_of(facts.authenticator.extractor))
        return Found(
            f"The text begins with {found[1]}, which isn't a scheme that the app accepts.",
            f"Send the token with the scheme {accepted}, or in HeaderTokenExtractor(scheme=…) "
            "configure the scheme that your clients send.",
        )
    return None


@recognises("token-in-json")
def in_json(facts: Facts) -> Found | None:
    """The provider's whole response was sent, such as ``{"access_token": "eyJ…"}``."""
    if _refused_by_form(facts) and facts.token.strip().startswith(("{", "[")):
        return Found(
            "The text is JSON, as in the response of a token endpoint, and not the token in it.",
            "Read the member access_token from the response, and send only its value.",
        )
    return None


@recognises("token-in-quotes")
def in_quotes(facts: Facts) -> Found | None:
    """Quotes are around the token."""
    text = facts.token.strip()
    quoted = text[:1] in _QUOTES or text[-1:] in _QUOTES or text.lower().startswith("%22")
    if _refused_by_form(facts) and text and quoted:
        return Found(
            "Quotes are around the token, or at one end of it.",
            "Send the token without quotes: parse the JSON or the environment file that it comes "
            "from, instead of copying a part of its text.",
        )
    return None


@recognises("token-repeated")
def repeated(facts: Facts) -> Found | None:
    """The token was sent twice in one text, as by a second header that a proxy joined to the first."""
    text = facts.token.strip()
    parts = [part for part in re.split(r"[,;\s]+", text) if part]
    half = len(text) // 2
    doubled = len(text) > 20 and text[:half] == text[half:]
    joined = len(parts) > 1 and all(part.count(".") == 2 for part in parts)
    if _refused_by_form(facts) and (doubled or joined):
        return Found(
            "The text has more than one token, one after the other.",
            "Send one Authorization header with one token: two libraries of the client may both "
            "add the header, or the token was pasted twice.",
        )
    return None


@recognises("token-url-encoded")
def url_encoded(facts: Facts) -> Found | None:
    """The token is percent-encoded, with ``%2E`` in place of its dots."""
    if _refused_by_form(facts) and _PERCENT.search(facts.token):
        return Found(
            "The token is percent-encoded, as for a URL or a cookie, and a header needs it as it "
            "is.",
            "Decode it in the client before it is sent, with decodeURIComponent or "
            "urllib.parse.unquote.",
        )
    return None


@recognises("token-wrapped")
def wrapped(facts: Facts) -> Found | None:
    """White space or a line break is within the token, as after copying it from a terminal or an e-mail."""
    text = facts.token.strip()
    # A line break within the claims is found by the signature only.
    refused = _refused_by_form(facts) or isinstance(facts.error, BadSignatureError)
    if refused and ("\\n" in text or any(map(str.isspace, text))):
        return Found(
            "White space or a line break is within the token, as after copying it from several "
            "lines.",
            "Send the token in one line, without spaces: base64 -w0 and similar tools don't wrap "
            "their output.",
        )
    return None


@recognises("token-with-white-space")
def white_space(facts: Facts) -> Found | None:
    """White space or a line break is around the token, as after reading it from a file."""
    if _refused_by_form(facts) and facts.token != facts.token.strip():
        return Found(
            "White space or a line break is around the token, as at the end of a file.",
            "Strip the text in the client before it is sent, as with token.strip().",
        )
    return None


FINDERS = (
    empty,
    placeholder,
    javascript_value,
    scheme_twice,
    scheme_with_colon,
    wrong_scheme,
    in_json,
    in_quotes,
    repeated,
    url_encoded,
    wrapped,
    white_space,
)
