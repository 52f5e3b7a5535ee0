"""Challenges and cache headers where tokens come by several schemes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.http import parse_set_header

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    HeaderTokenExtractor,
    Scope,
    UnauthorizedHandler,
)
from flask_jwtlib.errors import ForbiddenError, InvalidTokenError
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler

from .evidence_kit import CertificateExtractor, ProofExtractor
from .schemes_kit import (
    API_KEY,
    ApiKeyExtractor,
    ByScheme,
    CookieExtractor,
    FiveLineHandler,
    SilentExtractor,
)

ISSUER = TokenIssuer()
TOKEN = ISSUER.token()
COOKIE, KEY, HEADER = CookieExtractor(), ApiKeyExtractor(), HeaderTokenExtractor()
BY_SCHEME = {"Cookie": COOKIE, "ApiKey": KEY, "Bearer": HEADER}
ORDERS = list(permutations(BY_SCHEME))
ALL = CompositeTokenExtractor(COOKIE, KEY, HEADER)
HANDLERS: dict[str, Callable[[], Any]] = {
    "plain": UnauthorizedHandler,
    "problem": ProblemDetailsHandler,
    "five lines": FiveLineHandler,
}
with_each_handler = pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)


def client_of(app: Flask, extractor: Any, handler: Any = None) -> FlaskClient:
    """Return a client of an app with a required, an optional and a scoped route."""
    auth = Authenticator(
        keys=ISSUER.verification_key,
        extractor=extractor,
        validator=ByScheme(),
        failure_handler=handler or UnauthorizedHandler(),
    )
    app.add_url_rule("/", "required", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/optional", "optional", auth.optional_authentication(lambda: "in"))
    scoped = auth.requires_authentication(rules=[Scope("reports")])
    app.add_url_rule("/scoped", "scoped", scoped(lambda: "in"))
    return app.test_client(use_cookies=False)


def challenges_in(response: Any) -> str:
    """Return the one line with the challenges."""
    (line,) = response.headers.getlist("WWW-Authenticate")
    return str(line)


def cookie(token: str) -> dict[str, str]:
    """Return request headers with a token in the cookie."""
    return {"Cookie": f"token={token}"}


def key(value: str) -> dict[str, str]:
    """Return request headers with an API key."""
    return {"X-API-Key": value}


INVALID = 'error="invalid_token", error_description="The access token is malformed"'
UNKNOWN = 'error="invalid_token", error_description="The API key is unknown"'
MALFORMED = 'error="invalid_request", error_description="The API key is malformed"'
HEADER_MALFORMED = (
    'error="invalid_request", error_description="The Authorization header is malformed"'
)
LACKS = 'error="insufficient_scope", error_description="The access token lacks a required scope"'
REFUSED: dict[str, tuple[str, dict[str, str], int, str]] = {
    "nothing": ("/", {}, 401, "Cookie, ApiKey, Bearer"),
    "another scheme": ("/", {"Authorization": "Basic YTpi"}, 401, "Cookie, ApiKey, Bearer"),
    "a wrong token": ("/", bearer("a.b.c"), 401, f"Cookie, ApiKey, Bearer {INVALID}"),
    "a wrong cookie": ("/", cookie("a.b.c"), 401, f"Cookie {INVALID}, ApiKey, Bearer"),
    "a wrong key": ("/", key("key_1"), 401, f"Cookie, ApiKey {UNKNOWN}, Bearer"),
    "a malformed key": ("/", key("a"), 400, f"ApiKey {MALFORMED}"),
    "a malformed header": ("/", bearer("a b"), 400, f"Bearer {HEADER_MALFORMED}"),
    "a token without the scope": (
        "/scoped",
        bearer(TOKEN),
        403,
        f'Bearer {LACKS}, scope="reports"',
    ),
    "a cookie without the scope": (
        "/scoped",
        cookie(TOKEN),
        403,
        f'Cookie {LACKS}, scope="reports"',
    ),
    "a key without the scope": ("/scoped", key(API_KEY), 403, f'ApiKey {LACKS}, scope="reports"'),
    "nothing, with a scope": ("/scoped", {}, 401, 'Cookie, ApiKey, Bearer scope="reports"'),
}


@with_each_handler
@pytest.mark.parametrize(
    ("path", "headers", "status", "challenges"), REFUSED.values(), ids=list(REFUSED)
)
def test_an_error_belongs_to_the_scheme_that_was_used(
    app: Flask, handler: Any, path: str, headers: dict[str, str], status: int, challenges: str
) -> None:
    """All schemes are on one line of a 401. The error is in the challenge of the one that was used."""
    response = client_of(app, ALL, handler()).get(path, headers=headers)

    assert response.status_code == status
    assert challenges_in(response) == challenges


@with_each_handler
@pytest.mark.parametrize("headers", [{}, cookie("a"), key("key_1"), bearer("a.b.c")], ids=str)
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_the_order_of_extractors_is_that_of_the_challenges(
    app: Flask, handler: Any, headers: dict[str, str], order: Any
) -> None:
    """Each scheme occurs once, whatever the order, and exactly one of them has the error."""
    extractor = CompositeTokenExtractor(*map(BY_SCHEME.__getitem__, order))
    response = client_of(app, extractor, handler()).get("/", headers=headers)

    line = challenges_in(response)
    assert tuple(sorted(order, key=line.index)) == order
    assert [line.count(scheme) for scheme in order] == [1, 1, 1]
    assert line.count("error=") == (1 if headers else 0)


@pytest.mark.parametrize("handler", [UnauthorizedHandler, ProblemDetailsHandler])
def test_the_realm_is_the_handlers(app: Flask, handler: Any) -> None:
    """A handler's realm is shown in the challenge of each scheme."""
    response = client_of(app, ALL, handler(realm="reports")).get("/")

    assert challenges_in(response) == (
        'Cookie realm="reports", ApiKey realm="reports", Bearer realm="reports"'
    )


VARY = {
    "cookie": (COOKIE, {"cookie"}),
    "key": (KEY, {"x-api-key"}),
    "all": (ALL, {"cookie", "x-api-key", "authorization"}),
    "cookie and header": (CompositeTokenExtractor(HEADER, COOKIE), {"authorization", "cookie"}),
    "proof": (ProofExtractor(), {"authorization", "dpop"}),
    "silent": (SilentExtractor(), {"authorization"}),
    "wrapped": (CertificateExtractor(ALL), {"authorization"}),
    "silent and header": (CompositeTokenExtractor(SilentExtractor(), HEADER), {"authorization"}),
    "silent and key": (
        CompositeTokenExtractor(SilentExtractor(), KEY),
        {"authorization", "x-api-key"},
    ),
}


@with_each_handler
@pytest.mark.parametrize(("extractor", "names"), VARY.values(), ids=VARY)
def test_every_response_varies_by_all_credentials(
    app: Flask, handler: Any, extractor: Any, names: set[str]
) -> None:
    """Responses to callers, guests and the refused are private, and vary by each header that was read."""
    client = client_of(app, extractor, handler())
    everything = [
        {},
        bearer(TOKEN),
        bearer("a.b.c"),
        cookie(TOKEN),
        cookie("a"),
        key(API_KEY),
        key("a"),
    ]
    statuses: set[int] = set()
    for headers in everything:
        for path in ("/", "/optional", "/scoped"):
            response = client.get(path, headers=headers)
            statuses.add(response.status_code)
            vary = parse_set_header(", ".join(response.headers.getlist("Vary")))
            assert {name.lower() for name in vary} == names
            assert response.cache_control.private

    assert {200, 401} <= statuses <= {200, 400, 401, 403}


@with_each_handler
def test_a_header_alone_is_not_private(app: Flask, handler: Any) -> None:
    """Caches know ``Authorization``: its responses vary by it and are otherwise the view's."""
    client = client_of(app, HEADER, handler())

    for path in ("/", "/optional", "/scoped"):
        for headers in ({}, bearer(TOKEN), bearer("a.b.c")):
            response = client.get(path, headers=headers)
            assert response.headers["Vary"] == "Authorization"
            assert "Cache-Control" not in response.headers


def test_an_extractor_that_says_nothing_has_the_challenge_of_bearer(app: Flask) -> None:
    """It gets the challenge of RFC 6750, also inside of a composite."""
    client = client_of(app, SilentExtractor())
    composite = client_of(Flask("other"), CompositeTokenExtractor(KEY, SilentExtractor()))

    assert challenges_in(client.get("/", headers=bearer("a.b.c"))) == f"Bearer {INVALID}"
    assert challenges_in(composite.get("/", headers=bearer("a.b.c"))) == f"ApiKey, Bearer {INVALID}"


def test_composites_nest(app: Flask) -> None:
    """A composite inside of another keeps its schemes, each once, and the blame of its errors."""
    inner = CompositeTokenExtractor(KEY, ProofExtractor())
    client = client_of(app, CompositeTokenExtractor(HEADER, inner, exclusive=False))

    assert challenges_in(client.get("/")) == 'Bearer, ApiKey, DPoP algs="ES256"'
    assert challenges_in(client.get("/", headers=key("a"))) == f"ApiKey {MALFORMED}"


def test_two_tokens_are_refused_in_the_first_scheme(app: Flask) -> None:
    """A request with two tokens is a 400, which no single scheme is to blame for."""
    response = client_of(app, ALL).get("/", headers=bearer(TOKEN) | key(API_KEY))

    assert response.status_code == 400
    assert 'error="invalid_request"' in challenges_in(response)


def test_a_shared_error_is_not_changed(app: Flask) -> None:
    """An extractor may raise one error object for all requests: each composite blames its own scheme."""
    error = InvalidTokenError("not today")

    class Raising:
        def extract(self, request: Any) -> BearerToken | None:
            raise error

    class RaisingKey(Raising):
        challenges = KEY.challenges

    first = client_of(app, CompositeTokenExtractor(HEADER, RaisingKey()))
    second = client_of(Flask("other"), CompositeTokenExtractor(KEY, Raising()))

    assert "ApiKey error=" in challenges_in(first.get("/"))
    assert "Bearer error=" in challenges_in(second.get("/"))
    assert error.scheme is None


def test_an_error_may_name_its_scheme(app: Flask) -> None:
    """An extractor of several schemes says itself which one was used."""

    class Raising(ProofExtractor):
        def extract(self, request: Any) -> BearerToken | None:
            error = InvalidTokenError(description="no")
            error.scheme = "DPoP"
            raise error

    response = client_of(app, CompositeTokenExtractor(Raising(), KEY)).get("/")

    expected = 'Bearer, DPoP algs="ES256", error="invalid_token", error_description="no", ApiKey'
    assert challenges_in(response) == expected


@pytest.mark.parametrize(
    ("scheme", "on_401", "on_403"),
    [
        pytest.param("bearer", "ApiKey, Bearer error", "Bearer error", id="another case"),
        pytest.param("Session", "ApiKey, Bearer", "Session error", id="not stated"),
        pytest.param('Own", evil="', "ApiKey, Bearer", "ApiKey", id="malformed"),
        pytest.param("", "ApiKey error", "ApiKey error", id="empty"),
    ],
)
def test_a_scheme_that_is_not_stated(app: Flask, scheme: str, on_401: str, on_403: str) -> None:
    """A token of a scheme that its extractor doesn't state isn't blamed on another, and injects nothing."""

    class Odd:
        challenges = (*KEY.challenges, *HEADER.challenges)

        def extract(self, request: Any) -> BearerToken | None:
            token = HEADER.extract(request)
            return None if token is None else BearerToken(token.value, scheme=scheme)

    client = client_of(app, Odd())

    refused = challenges_in(client.get("/", headers=bearer("a.b.c")))
    lacking = challenges_in(client.get("/scoped", headers=bearer(TOKEN)))
    assert refused.startswith(on_401)
    assert refused.count("error=") == on_401.count("error")
    assert lacking.startswith(on_403)
    assert "evil" not in lacking
    assert lacking.count("error=") == on_403.count("error")


@pytest.mark.parametrize("how", ["tuple", "abort"])
def test_every_401_has_a_challenge(app: Flask, how: str) -> None:
    """RFC 9110 §15.5.2: also a 401 that a handler makes of another refusal."""

    class Closed(UnauthorizedHandler):
        def deny(self, error: Any) -> Any:
            return ({"error": "closed"}, 401) if how == "tuple" else abort(401)

    client = client_of(app, ALL, Closed())

    line = challenges_in(client.get("/scoped", headers=bearer(TOKEN)))
    assert line == 'Cookie, ApiKey, Bearer scope="reports"'
    assert challenges_in(client.get("/", headers=key("a"))) == "Cookie, ApiKey, Bearer"


def test_a_handler_may_choose_another_status(app: Flask) -> None:
    """A response with another status than 401 and the refusal's own gets no challenge."""

    class Hiding(UnauthorizedHandler):
        def deny(self, error: Any) -> Any:
            return "nothing here", 404

    response = client_of(app, ALL, Hiding()).get("/", headers=key("a"))

    assert (response.status_code, "WWW-Authenticate" in response.headers) == (404, False)


def test_a_refusal_that_no_credentials_cure_has_no_challenge(app: Flask) -> None:
    """A 403 without an error code has none, in any scheme."""

    class Forbidding:
        challenges = KEY.challenges

        def extract(self, request: Any) -> BearerToken | None:
            raise ForbiddenError("not from here")

    response = client_of(app, CompositeTokenExtractor(HEADER, Forbidding())).get("/")

    assert (response.status_code, "WWW-Authenticate" in response.headers) == (403, False)
