from __future__ import annotations

import re
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from werkzeug.exceptions import Unauthorized

from flask_jwtlib import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    UnauthorizedHandler,
    VerificationUnavailable,
)
from flask_jwtlib.challenges import refusal_headers, refusal_text
from flask_jwtlib.errors import (
    ClaimError,
    ExpiredTokenError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
)

# RFC 9110 §11.6.1: a challenge is a scheme and parameters, each at most once.
CHALLENGE = re.compile(r'Bearer(?: (\w+="[^"\\]*")(?:, (\w+="[^"\\]*"))*)?')


class Undescribed(AuthenticationError, Unauthorized):
    """A refusal without a description."""


def challenge_of(error: AuthenticationError, **options: Any) -> str:
    """Return the challenge among a refusal's headers."""
    return dict(refusal_headers(error, **options))["WWW-Authenticate"]


ERRORS = [
    pytest.param(MissingTokenError(), 401, "Bearer", id="missing"),
    pytest.param(
        InvalidRequestError(),
        400,
        'Bearer error="invalid_request", '
        'error_description="The request\'s credentials are malformed"',
        id="request",
    ),
    pytest.param(
        InvalidTokenError(),
        401,
        'Bearer error="invalid_token", error_description="The access token is invalid"',
        id="token",
    ),
    pytest.param(
        ExpiredTokenError("exp", "expired 60 s ago"),
        401,
        'Bearer error="invalid_token", error_description="The access token expired"',
        id="expired",
    ),
    pytest.param(
        ClaimError("iss", "iss is 'x'", description="own words"),
        401,
        'Bearer error="invalid_token", error_description="own words"',
        id="claim",
    ),
    pytest.param(
        InsufficientScopeError("mail reports:read"),
        403,
        'Bearer error="insufficient_scope", '
        'error_description="The access token lacks a required scope", scope="mail reports:read"',
        id="scope",
    ),
    pytest.param(Undescribed(), 401, 'Bearer error="invalid_token"', id="no description"),
]


@pytest.mark.parametrize(("error", "status", "challenge"), ERRORS)
def test_status_and_challenge(error: AuthenticationError, status: int, challenge: str) -> None:
    """RFC 6750 §3, §3.1: each refusal has its status, and one WWW-Authenticate that says why."""
    response = UnauthorizedHandler().deny(error)

    assert response.status_code == status
    assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert challenge_of(error) == challenge


@pytest.mark.parametrize(("error", "status", "challenge"), ERRORS)
def test_the_realm_comes_first(error: AuthenticationError, status: int, challenge: str) -> None:
    """RFC 9110 §11.5: a configured realm is in every challenge, once."""
    shown = UnauthorizedHandler(realm="api").deny(error).headers["WWW-Authenticate"]

    assert shown.startswith('Bearer realm="api"')
    assert shown.count("realm=") == 1
    assert shown.replace('realm="api"', "").replace(" , ", " ").strip() == challenge


@pytest.mark.parametrize(("error", "status", "challenge"), ERRORS)
def test_each_parameter_appears_at_most_once(
    error: AuthenticationError, status: int, challenge: str
) -> None:
    """RFC 6750 §3: no attribute appears more than once."""
    shown = challenge_of(error, realm="api")
    names = re.findall(r'(\w+)="', shown)

    assert CHALLENGE.fullmatch(shown)
    assert len(names) == len(set(names))


def test_no_code_without_credentials() -> None:
    """RFC 6750 §3.1: a request without credentials SHOULD NOT get an error code or any other information."""
    assert challenge_of(MissingTokenError("the log's words")) == "Bearer"
    assert challenge_of(MissingTokenError(), realm="api") == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "foreign",
    ['"', "\\", "\n", "\r\nX-Evil: yes", "\t", "\x7f", "\x00", "\N{SNOWMAN}", "\xe9", "\u2028"],
    ids=ascii,
)
def test_characters_that_a_challenge_may_not_hold_are_replaced(foreign: str) -> None:
    """RFC 6750 §3: descriptions and scopes are %x20-21 / %x23-5B / %x5D-7E; the rest becomes ``?``."""
    description = challenge_of(InvalidTokenError(description=f"a{foreign}b"))
    scope = challenge_of(InsufficientScopeError(f"a{foreign}b"))

    for challenge in (description, scope):
        assert CHALLENGE.fullmatch(challenge)
        assert challenge.isascii()
        assert challenge.isprintable()
    assert description.count("?") == sum(
        not (character in " !" or "#" <= character <= "[" or "]" <= character <= "~")
        for character in foreign
    )


def test_every_permitted_character_is_kept() -> None:
    """RFC 6750 §3: every character that a description may hold is sent unchanged."""
    permitted = "".join(chr(code) for code in (0x20, 0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)))

    assert f'error_description="{permitted}"' in challenge_of(
        InvalidTokenError(description=permitted)
    )


def test_a_custom_code_is_made_safe_too() -> None:
    """The code of an application's own error class can't break the header."""

    class Own(InvalidTokenError):
        """An error with an unusual code."""

        error_code = 'own"\r\n'

    assert CHALLENGE.fullmatch(challenge_of(Own()))


def test_an_outage_has_retry_after_and_no_challenge() -> None:
    """A server fault is a 503 with Retry-After (RFC 9110 §10.2.3) and without a challenge."""
    response = UnauthorizedHandler(realm="api").deny(VerificationUnavailable(retry_after=7))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "7"
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(MissingTokenError(), "Authentication is required\n", id="missing"),
        pytest.param(InvalidTokenError("log"), "The access token is invalid\n", id="token"),
        pytest.param(InvalidTokenError(description="why"), "why\n", id="own description"),
        pytest.param(
            VerificationUnavailable("the log's words"),
            "The token can't be verified at the moment\n",
            id="outage",
        ),
    ],
)
def test_the_body_is_a_line_of_text(error: Any, text: str) -> None:
    """The body has the challenge's description as text, and nothing of the log message."""
    response = UnauthorizedHandler().deny(error)

    assert response.get_data(as_text=True) == text
    assert response.mimetype == "text/plain"


def test_refusals_have_no_caching_headers() -> None:
    """No refusal is marked as cacheable."""
    for error in (MissingTokenError(), InvalidTokenError(), VerificationUnavailable()):
        headers = UnauthorizedHandler().deny(error).headers
        assert not {"Cache-Control", "Expires", "ETag"} & set(headers.keys())


def test_anonymous_does_nothing() -> None:
    """The default handler ignores anonymous requests."""
    assert UnauthorizedHandler().anonymous(MissingTokenError()) is None


def test_refusal_headers() -> None:
    """``refusal_headers`` returns a refusal's headers, for handlers with another body."""
    assert refusal_headers(MissingTokenError(), realm="api") == [
        ("WWW-Authenticate", 'Bearer realm="api"')
    ]
    assert refusal_headers(VerificationUnavailable(retry_after=9)) == [("Retry-After", "9")]


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\nb", "caf\xe9", "\t", 5, b"api"], ids=ascii)
def test_an_invalid_realm_is_refused(realm: Any) -> None:
    """A realm with quotes, control or non-ASCII characters raises when composing."""
    with pytest.raises(ConfigurationError, match="expected printable ASCII"):
        UnauthorizedHandler(realm=realm)


@pytest.mark.parametrize("realm", [None, "api", "my api, v2 (test)"])
def test_a_valid_realm_is_accepted(realm: str | None) -> None:
    """A realm may hold any printable ASCII without quotes and backslashes."""
    assert UnauthorizedHandler(realm=realm).realm == realm


def test_the_handler_is_a_value() -> None:
    """Handlers of the same realm are equal and frozen; the realm is keyword-only."""
    assert UnauthorizedHandler(realm="a") == UnauthorizedHandler(realm="a")
    with pytest.raises(FrozenInstanceError):
        UnauthorizedHandler().realm = "a"  # type: ignore[misc]
    with pytest.raises(TypeError):
        UnauthorizedHandler("a")  # type: ignore[misc]


def test_each_refusal_has_its_own_response() -> None:
    """Two refusals by the same error share no mutable response object."""
    handler, error = UnauthorizedHandler(), MissingTokenError()
    first = handler.deny(error)
    first.headers["X-Changed"] = "yes"
    first.headers["WWW-Authenticate"] = "changed"

    assert handler.deny(error).headers["WWW-Authenticate"] == "Bearer"
    assert "X-Changed" not in handler.deny(error).headers


class Lazy:
    """A lazy string, as Flask-Babel's: it is translated each time it is used."""

    language = "en"

    def __init__(self, **texts: str) -> None:
        self._texts = texts

    def __str__(self) -> str:
        return self._texts[self.language]

    def __eq__(self, other: object) -> bool:
        return str(self) == other

    def __hash__(self) -> int:
        return hash(str(self))

    def __len__(self) -> int:
        return len(str(self))


class Untranslatable:
    """A lazy string whose translation always fails."""

    def _fail(self, *_: object) -> Any:
        raise RuntimeError("working outside of the request context")

    __str__ = __repr__ = __bool__ = __len__ = __eq__ = __hash__ = __format__ = _fail


class Text(str):
    """A subclass of ``str``, such as MarkupSafe's."""

    __slots__ = ()


DESCRIPTIONS = [
    pytest.param(Lazy(en="not you"), "not you", id="lazy"),
    pytest.param(Text("not you"), "not you", id="subclass"),
    pytest.param(b"not \xff", "not \ufffd", id="bytes"),
    pytest.param(5, "5", id="number"),
    pytest.param(0, "0", id="zero"),
    pytest.param(["a", {"b": None}], "['a', {'b': None}]", id="list"),
    pytest.param({"detail": "x"}, "{'detail': 'x'}", id="dict"),
    pytest.param(LookupError("x"), "x", id="exception"),
    pytest.param(Untranslatable(), "", id="raises"),
    pytest.param("", "", id="empty"),
    pytest.param("half \ud800 pair", "half ? pair", id="surrogate"),
    pytest.param(Lazy(en="half \udfff"), "half ?", id="lazy surrogate"),
    pytest.param("T\xfcr zu", "T\xfcr zu", id="umlaut"),
]


def with_description(description: Any) -> list[Any]:
    """Make errors of each kind that may have a description, in each way to set it."""

    class Own(InvalidTokenError):
        pass

    class Down(VerificationUnavailable):
        pass

    Own.description = Down.description = description
    assigned = InvalidTokenError("m")
    assigned.description = description
    return [
        Own(),
        Down(),
        assigned,
        InvalidTokenError(description=description),
        ClaimError("a", description=description),
        InsufficientScopeError("a", description=description),
    ]


@pytest.mark.parametrize(("description", "text"), DESCRIPTIONS)
def test_any_description_can_be_sent(description: Any, text: str) -> None:
    """Whatever description an application sets, the refusal is sent, with text."""
    for error in with_description(description):
        assert refusal_text(error) == text
        response = UnauthorizedHandler().deny(error)
        assert response.status_code == error.status
        assert response.get_data(as_text=True) == f"{text}\n"
        if not isinstance(error, VerificationUnavailable):
            challenge = response.headers["WWW-Authenticate"]
            assert CHALLENGE.fullmatch(challenge)
            assert ("error_description" in challenge) == bool(text)


def test_a_lazy_description_is_translated_for_each_request() -> None:
    """The language is that of the refused request, not of an earlier one."""
    error = InvalidTokenError(description=Lazy(en="no", de="nein"))  # type: ignore[arg-type]

    for language, text in (("en", "no"), ("de", "nein"), ("en", "no")):
        Lazy.language = language
        response = UnauthorizedHandler().deny(error)
        assert response.get_data(as_text=True) == f"{text}\n"
        assert f'error_description="{text}"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("scope", [Lazy(en="a b"), Text("a b")], ids=["lazy", "subclass"])
def test_a_scope_that_is_not_a_plain_string_is_shown(scope: Any) -> None:
    """A scope may come from a setting or a translation, too."""
    assert 'scope="a b"' in challenge_of(InsufficientScopeError(scope))


@pytest.mark.parametrize(
    ("seconds", "header"),
    [
        (7, "7"),
        (0.2, "1"),
        (-3, "0"),
        (None, "5"),
        ("9", "5"),
        (float("inf"), "5"),
        (float("nan"), "5"),
    ],
    ids=repr,
)
def test_retry_after_is_whole_seconds(seconds: Any, header: str) -> None:
    """RFC 9110 §10.2.3: whatever a custom provider sets, the header is a whole number."""
    error = VerificationUnavailable(retry_after=seconds)

    assert refusal_headers(error) == [("Retry-After", header)]
