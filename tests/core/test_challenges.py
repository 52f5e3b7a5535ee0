"""Challenges, and the headers of a refusal that are made from them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException

from flask_jwtlib import AuthenticationError, InvalidTokenError, VerificationUnavailable
from flask_jwtlib.challenges import (
    Challenge,
    add_missing_headers,
    merged_challenges,
    refusal_headers,
)
from flask_jwtlib.errors import (
    CrossSiteError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
    Refusal,
    RefusalContext,
)

COOKIE, BEARER, DPOP = (
    Challenge("Cookie", realm="shop"),
    Challenge("Bearer"),
    Challenge("DPoP", algs="ES256 EdDSA"),
)
NO_TOKEN = MissingTokenError()
EXPIRED = InvalidTokenError(description="expired")
EXPIRED_PARAMETERS = 'error="invalid_token", error_description="expired"'


def challenge_of(error: Refusal, **context: Any) -> str | None:
    """Return the challenge of a refusal in a context, or None."""
    headers = refusal_headers(error.in_context(RefusalContext(**context)))
    assert [name for name, _ in headers].count("WWW-Authenticate") <= 1
    return dict(headers).get("WWW-Authenticate")


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        pytest.param(Challenge("Bearer"), "Bearer", id="scheme"),
        pytest.param(Challenge("A", b="1", a="2"), 'A b="1", a="2"', id="in the given order"),
        pytest.param(Challenge("A", b="", a="2"), 'A a="2"', id="without empty ones"),
        pytest.param(Challenge("A", b='"\\\r\n\xe9'), 'A b="?????"', id="unsafe"),
    ],
)
def test_a_challenge_is_shown_with_its_parameters(challenge: Challenge, text: str) -> None:
    """RFC 9110 §11.6.1: a scheme and quoted parameters, without a character that ends the quotes."""
    assert str(challenge) == text


def test_adding_keeps_a_challenges_own_parameters() -> None:
    """Further parameters follow its own ones, which keep their values; an empty one is left out."""
    challenge = Challenge("A", b="own").adding(b="other", c="more", d="", e=None)

    assert challenge == Challenge("A", b="own", c="more")


@pytest.mark.parametrize(
    ("context", "challenge"),
    [
        pytest.param({}, f"Bearer {EXPIRED_PARAMETERS}", id="bearer by default"),
        pytest.param(
            {"challenges": (BEARER, DPOP), "scheme": "dpop"},
            f'Bearer, DPoP algs="ES256 EdDSA", {EXPIRED_PARAMETERS}',
            id="the used scheme, in any case",
        ),
        pytest.param(
            {
                "challenges": (COOKIE, BEARER),
                "scopes": ("a", "b"),
                "resource_metadata": "https://m",
            },
            f'Cookie realm="shop", {EXPIRED_PARAMETERS}, '
            'Bearer scope="a b", resource_metadata="https://m"',
            id="scopes for OAuth's schemes",
        ),
        pytest.param(
            {"challenges": (COOKIE, BEARER), "scheme": "Bearer", "realm": "api"},
            f'Cookie realm="shop", Bearer realm="api", {EXPIRED_PARAMETERS}',
            id="a realm for those without one",
        ),
        pytest.param(
            {"challenges": (BEARER,), "scheme": "Cookie"}, "Bearer", id="an unstated scheme"
        ),
    ],
)
def test_a_401_has_a_challenge_for_each_scheme(context: Any, challenge: str) -> None:
    """RFC 9110 §15.5.2: a client learns each way to authenticate, and the fault of the one that it used."""
    assert challenge_of(EXPIRED, **context) == challenge


def test_a_missing_token_has_no_code_in_any_scheme() -> None:
    """RFC 6750 §3.1: a client that sent nothing learns the schemes and the scopes, but no error."""
    challenge = challenge_of(NO_TOKEN, challenges=(COOKIE, BEARER, DPOP), scopes=("a",))

    assert challenge == (
        'Cookie realm="shop", Bearer scope="a", DPoP algs="ES256 EdDSA", scope="a"'
    )


@pytest.mark.parametrize(
    ("scheme", "challenge"),
    [
        ("DPoP", 'DPoP algs="ES256 EdDSA", error='),
        ("Cookie", 'Cookie realm="shop", error='),
        ("Other", "Other error="),
        (None, 'Cookie realm="shop", error='),
    ],
    ids=["stated", "first", "unstated", "none"],
)
@pytest.mark.parametrize(
    "error", [InvalidRequestError(), InsufficientScopeError("a")], ids=["400", "403"]
)
def test_another_status_has_the_used_schemes_challenge(
    error: Refusal, scheme: str | None, challenge: str
) -> None:
    """A 400 and a 403 say what was wrong, in the scheme that the client used, and offer no other one."""
    shown = challenge_of(error, challenges=(COOKIE, BEARER, DPOP), scheme=scheme)

    assert str(shown).startswith(challenge)
    assert str(shown).count("error=") == 1
    assert not re.search(r", (Cookie|Bearer|DPoP)\b", str(shown))


@pytest.mark.parametrize(
    "error",
    [ForbiddenError(), CrossSiteError(), VerificationUnavailable()],
    ids=["forbidden", "cross-site", "outage"],
)
def test_what_no_token_would_change_has_no_challenge(error: Refusal) -> None:
    """A client that fetched another token would be refused again."""
    assert challenge_of(error, challenges=(COOKIE, BEARER), scopes=("a",)) is None


def test_the_routes_scopes_come_before_those_of_the_refusal() -> None:
    """RFC 6750 §3: the challenge names every needed scope once, those that a rule found missing, too."""
    challenge = challenge_of(InsufficientScopeError("c a"), scopes=("a", "b"))

    assert str(challenge).endswith('scope="a b c"')


def test_a_refusals_own_headers_come_first() -> None:
    """A refusal may bring headers, such as a fresh nonce."""
    error = InvalidTokenError(headers=[("DPoP-Nonce", "n")])

    assert [name for name, _ in refusal_headers(error)] == ["DPoP-Nonce", "WWW-Authenticate"]


def test_an_argument_replaces_the_contexts_realm() -> None:
    """A handler's realm counts for its own responses."""
    error = NO_TOKEN.in_context(RefusalContext(realm="context"))

    assert refusal_headers(error) == [("WWW-Authenticate", 'Bearer realm="context"')]
    assert refusal_headers(error, realm="own") == [("WWW-Authenticate", 'Bearer realm="own"')]


def test_any_refusal_may_say_when_to_try_again() -> None:
    """An application's error with ``retry_after``, such as a 429, gets the header."""

    class TooManyRequests(HTTPException):
        code = 429

    class Throttled(AuthenticationError, TooManyRequests):
        error_code = None
        retry_after = 1.5

    assert refusal_headers(Throttled()) == [("Retry-After", "2")]


def test_present_headers_are_not_replaced() -> None:
    """A response keeps the headers that it has, and gets those that it lacks, even one that occurs twice."""
    error = InvalidTokenError(headers=[("Set-Cookie", "a"), ("Set-Cookie", "b"), ("X-Own", "new")])
    headers = Headers({"x-own": "old"})
    add_missing_headers(headers, error)

    assert headers.getlist("X-Own") == ["old"]
    assert headers.getlist("Set-Cookie") == ["a", "b"]
    assert "WWW-Authenticate" in headers


BOTH = 'Bearer error="invalid_token", error_description="no, Basic please", DPoP algs="ES256"'


@pytest.mark.parametrize(
    ("ours", "present", "merged"),
    [
        pytest.param("Bearer", [], "Bearer", id="nothing"),
        pytest.param("Bearer", [""], "Bearer", id="empty"),
        pytest.param(BOTH, [], BOTH, id="ours with a quoted comma"),
        pytest.param(BOTH, ["Basic"], f"{BOTH}, Basic", id="a quoted scheme of ours"),
        pytest.param(
            'Bearer realm="a"', ['bearer realm="b"'], 'bearer realm="b"', id="the same scheme"
        ),
        pytest.param(BOTH, [BOTH], BOTH, id="all of ours"),
        pytest.param(
            "Bearer, DPoP",
            ["Basic, dpop"],
            "Bearer, Basic, dpop",
            id="one of ours, without parameters",
        ),
        pytest.param(
            "Bearer",
            ['Basic realm="x, Bearer y"'],
            'Bearer, Basic realm="x, Bearer y"',
            id="a scheme in quotes",
        ),
        pytest.param(
            "Bearer",
            [r'Digest realm="a\", Bearer b", qop="auth, auth-int", stale=false'],
            r'Bearer, Digest realm="a\", Bearer b", qop="auth, auth-int", stale=false',
            id="an escaped quote",
        ),
        pytest.param(
            "Bearer",
            ['Basic realm="open, Bearer'],
            'Bearer, Basic realm="open, Bearer',
            id="quotes without an end",
        ),
        pytest.param(
            "Bearer",
            ["Negotiate YWJj==", 'Basic realm="b"'],
            'Bearer, Negotiate YWJj==, Basic realm="b"',
            id="token68, in two lines",
        ),
        pytest.param(
            "Bearer",
            ['Negotiate YWJj==, Bearer scope="a"'],
            'Negotiate YWJj==, Bearer scope="a"',
            id="the same scheme after token68",
        ),
        pytest.param(
            "Bearer",
            ['Basic realm = "b" , Bearer = "x"'],
            'Bearer, Basic realm = "b" , Bearer = "x"',
            id="a parameter with the scheme's name",
        ),
        pytest.param(
            "Bearer", [", ,\tBearer ,"], ", ,\tBearer ,", id="the same scheme among empty elements"
        ),
    ],
)
def test_challenges_are_merged(ours: str, present: list[str], merged: str) -> None:
    """RFC 9110 §11.6.1: other challenges of the header stay, and ours are added to schemes that it lacks."""
    assert merged_challenges(ours, present) == merged


@pytest.mark.parametrize(
    "line",
    ['"' * 50_000, '"\\' * 50_000, "a " * 50_000, "a," * 50_000],
    ids=["quotes", "escapes", "words", "elements"],
)
def test_a_long_header_is_merged_in_little_time(line: str) -> None:
    """A header of any form takes time in proportion to its length."""
    assert merged_challenges("Bearer", [line]).endswith(line)
