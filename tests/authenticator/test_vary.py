from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, abort, make_response, stream_with_context

from flask_jwtlib import Authenticator, BearerToken, Scope, current_principal
from flask_jwtlib.testing import TokenIssuer, bearer


class CookieExtractor:
    """Takes the token from a cookie, which caches don't treat as credentials."""

    def extract(self, request: Any) -> BearerToken | None:
        value = request.cookies.get("token")
        return None if value is None else BearerToken(value, source="cookie")


def vary_of(response: Any) -> set[str]:
    """Return everything that a response varies by, from all of its Vary lines."""
    return {
        name.strip().lower()
        for line in response.headers.getlist("Vary")
        for name in line.split(",")
    }


def test_responses_to_a_caller_vary_by_authorization(
    auth: Authenticator, app: Flask, token: str
) -> None:
    """RFC 9110 §12.5.5: a response made for one caller's header must not be served to another."""
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    response = app.test_client().get("/", headers=bearer(token))

    assert vary_of(response) == {"authorization"}
    assert "Cache-Control" not in response.headers


def test_anonymous_responses_vary_by_authorization(
    auth: Authenticator, app: Flask, expired: str
) -> None:
    """An optional route's response depends on the caller, so the anonymous one varies, too."""
    app.add_url_rule("/", "view", auth.optional_authentication(lambda: "in"))
    client = app.test_client()

    assert vary_of(client.get("/")) == {"authorization"}
    assert vary_of(client.get("/", headers=bearer(expired))) == {"authorization"}


@pytest.mark.parametrize("way", ["authenticate", "guard", "protect"])
def test_responses_vary_however_the_caller_was_authenticated(
    auth: Authenticator, app: Flask, token: str, way: str
) -> None:
    """Guards, default-deny and ``authenticate()`` mark the response as decorators do."""
    if way == "authenticate":
        app.add_url_rule("/", "view", lambda: auth.authenticate().subject)
    else:
        app.add_url_rule("/", "view", lambda: "in")
    if way == "guard":
        app.before_request(auth.guard())
    elif way == "protect":
        auth.protect(app)
    client = app.test_client()

    assert vary_of(client.get("/", headers=bearer(token))) == {"authorization"}
    by_query = client.get("/", query_string={"access_token": token})
    assert by_query.headers["Cache-Control"] == "private"


def test_views_without_authentication_are_not_marked(auth: Authenticator, app: Flask) -> None:
    """A response of an open view gets no headers of ours."""
    app.add_url_rule("/closed", "closed", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/", "view", lambda: "in")

    assert "Vary" not in app.test_client().get("/").headers


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["Accept-Encoding"], {"accept-encoding", "authorization"}, id="one"),
        pytest.param(["Accept, Cookie"], {"accept", "cookie", "authorization"}, id="list"),
        pytest.param(["Accept", "Cookie"], {"accept", "cookie", "authorization"}, id="two lines"),
        pytest.param(["authorization"], {"authorization"}, id="present"),
        pytest.param(["Accept", "Authorization"], {"accept", "authorization"}, id="second line"),
        pytest.param(
            ["Proxy-Authorization"], {"proxy-authorization", "authorization"}, id="longer name"
        ),
        pytest.param(["Cookie,Accept"], {"cookie", "accept", "authorization"}, id="no spaces"),
    ],
)
def test_a_views_own_vary_is_kept(
    auth: Authenticator, app: Flask, token: str, lines: list[str], expected: set[str]
) -> None:
    """Our value is added to a view's own Vary header, on however many lines."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> Response:
        response = make_response("in")
        for line in lines:
            response.headers.add("Vary", line)
        return response

    response = app.test_client().get("/", headers=bearer(token))

    assert vary_of(response) == expected


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_vary_by_authorization_is_not_repeated(
    auth: Authenticator, app: Flask, token: str, name: str
) -> None:
    """Nothing is added if the view already varies by Authorization."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> tuple[str, dict[str, str]]:
        return "in", {"Vary": f"Accept, {name}"}

    response = app.test_client().get("/", headers=bearer(token))

    assert response.headers.getlist("Vary") == [f"Accept, {name}"]


def test_vary_by_everything_is_kept(auth: Authenticator, app: Flask, token: str) -> None:
    """``Vary: *`` forbids any reuse, and is not changed."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> tuple[str, dict[str, str]]:
        return "in", {"Vary": "*"}

    assert "*" in vary_of(app.test_client().get("/", headers=bearer(token)))


@pytest.mark.parametrize("way", ["query", "form", "cookie"])
def test_responses_to_tokens_elsewhere_are_private(
    auth: Authenticator, app: Flask, token: str, way: str
) -> None:
    """RFC 6750 §2.3: a 2xx response to a token outside the header carries Cache-Control: private."""
    used = auth.evolve(extractor=CookieExtractor()) if way == "cookie" else auth
    view = used.requires_authentication(lambda: "in")
    app.add_url_rule("/", "view", view, methods=["GET", "POST"])
    client = app.test_client()

    if way == "query":
        response = client.get("/", query_string={"access_token": token})
    elif way == "form":
        response = client.post("/", data={"access_token": token})
    else:
        client.set_cookie("token", token)
        response = client.get("/")

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "private"
    assert vary_of(response) == {"authorization"}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param("public, max-age=60", {"private", "max-age=60"}, id="public"),
        pytest.param("max-age=60", {"private", "max-age=60"}, id="age alone"),
        pytest.param("private", {"private"}, id="private"),
        pytest.param("no-store", {"no-store"}, id="no-store"),
    ],
)
def test_a_views_own_cache_control_cannot_make_a_token_public(
    auth: Authenticator, app: Flask, token: str, own: str, expected: set[str]
) -> None:
    """``public`` set by the view is replaced by ``private``; stricter directives are kept."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> tuple[str, dict[str, str]]:
        return "in", {"Cache-Control": own}

    response = app.test_client().get("/", query_string={"access_token": token})

    assert set(response.headers["Cache-Control"].split(", ")) == expected


@pytest.mark.parametrize("status", [201, 204, 206, 299], ids=str)
def test_all_2xx_responses_are_private(
    auth: Authenticator, app: Flask, token: str, status: int
) -> None:
    """RFC 6750 §2.3 applies to every 2xx response."""
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: ("", status)))

    response = app.test_client().get("/", query_string={"access_token": token})

    assert response.headers["Cache-Control"] == "private"


@pytest.mark.parametrize("status", [301, 304, 404, 418, 500], ids=str)
def test_other_responses_are_private_as_well(
    auth: Authenticator, app: Flask, token: str, status: int
) -> None:
    """RFC 9110 §15.1: a 301 or 404 is cacheable by default, and may be meant for one caller."""
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: ("", status)))

    response = app.test_client().get("/", query_string={"access_token": token})

    assert response.headers["Cache-Control"] == "private"
    assert vary_of(response) == {"authorization"}


def test_refused_query_tokens_are_private(
    auth: Authenticator, app: Flask, token: str, expired: str
) -> None:
    """The refusal of a token from the query is private, as a response to its caller would be."""
    scoped = auth.requires_authentication(rules=[Scope("reports")])
    app.add_url_rule("/", "view", scoped(lambda: "in"))
    client = app.test_client()

    for value, status, cached in (
        (expired, 401, "private"),
        (token, 403, "private"),
        ("!", 400, None),
    ):
        response = client.get("/", query_string={"access_token": value})
        assert response.status_code == status
        assert response.headers.get("Cache-Control") == cached
        assert vary_of(response) == {"authorization"}


def test_an_aborting_view_is_marked(auth: Authenticator, app: Flask, token: str) -> None:
    """An error page for a caller varies as a 2xx response does."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> str:
        abort(404)

    response = app.test_client().get("/", headers=bearer(token))

    assert response.status_code == 404
    assert vary_of(response) == {"authorization"}


def test_a_stream_knows_its_caller(auth: Authenticator, app: Flask, issuer: TokenIssuer) -> None:
    """A streamed response still sees its caller while it is sent."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> Response:
        def produce() -> Iterator[str]:
            for number in range(3):
                yield f"{number} for {current_principal.subject}\n"

        return Response(stream_with_context(produce()))

    client = app.test_client()

    for name in ("alice", "bob"):
        response = client.get("/", headers=bearer(issuer.token(name)))
        assert response.text == "".join(f"{number} for {name}\n" for number in range(3))
        assert vary_of(response) == {"authorization"}


def test_streams_of_several_callers_do_not_mix(
    auth: Authenticator, app: Flask, issuer: TokenIssuer
) -> None:
    """Two streams that are read alternately each keep their own caller."""

    @app.get("/")
    @auth.requires_authentication
    def view() -> Response:
        subject = current_principal.subject

        def produce() -> Iterator[str]:
            for _ in range(3):
                yield subject or ""

        return Response(produce())

    responses = [
        app.test_client().get("/", headers=bearer(issuer.token(name)), buffered=False)
        for name in ("alice", "bob")
    ]
    streams = [response.iter_encoded() for response in responses]

    assert [[next(stream) for stream in streams] for _ in range(3)] == [[b"alice", b"bob"]] * 3
    for response in responses:
        response.close()
