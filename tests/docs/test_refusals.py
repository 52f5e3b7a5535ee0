"""Every program in ``docs/refusals.rst`` does what its text says, and the table of reasons is complete."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

import flask_jwtlib
import flask_jwtlib_strategies
from flask_jwtlib import errors
from flask_jwtlib.errors import Refusal
from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import client_behind, client_of, requirement

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/refusals.rst"
ROOT = Path(__file__).parents[2]
SITE = "https://app.example"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
SAME_ORIGIN = {**BROWSER, "Sec-Fetch-Site": "same-origin"}
USER = {"user": "alice", "password": "secret"}


def refusals() -> set[type[Refusal]]:
    """Return the classes of all public refusals of both packages."""
    found: set[type[Refusal]] = set()
    for package in flask_jwtlib, flask_jwtlib_strategies:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "._" not in module.name:
                for value in vars(importlib.import_module(module.name)).values():
                    if isinstance(value, type) and issubclass(value, Refusal):
                        found.add(value)
    return found


class TestReasons:
    def test_the_table_has_every_reason_with_its_status(self) -> None:
        """Each reason of both packages is documented once, with the status of its errors."""
        text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
        rows = re.findall(r"^   \* - ``([a-z-]+)``\n     - (\d+|any)\n", text, re.MULTILINE)
        expected = {
            kind.reason: str(kind.code or "any")
            for kind in refusals()
            # Its 401 is that of the module API, as the text says.
            if kind is not errors.MalformedCredentialsError
        }
        assert dict(rows) == expected
        assert len(rows) == len(expected)

    def test_an_application_sets_its_own(self, run: Run, issuer: TokenIssuer) -> None:
        """A class of one's own has its own reason, and sends its second text only."""
        suspended = run(DOCUMENT, "class SuspendedError")["SuspendedError"]
        error = suspended("suspended by alice", description="This account is suspended")

        def rule(_: object) -> None:
            raise error

        auth = run(DOCUMENT, "ProblemDetailsHandler(type_base")["auth"]
        client = client_behind(auth.requires_authentication(rules=[rule]))
        problem = client.get("/", headers=bearer(issuer.token())).json
        assert problem is not None
        assert (problem["status"], problem["reason"]) == (403, "account-suspended")
        assert problem["detail"] == "This account is suspended"


class TestProblemDetails:
    @pytest.mark.parametrize("base", [None, "https://api.example/problems#"], ids=repr)
    def test_the_body_of_an_expired_token(
        self, run: Run, issuer: TokenIssuer, base: str | None
    ) -> None:
        """The body is the one in the text, with the type of the text where there is no ``type_base``."""
        program = run(DOCUMENT, "ProblemDetailsHandler(type_base")
        if base is None:
            handler = program["ProblemDetailsHandler"]()
            program["auth"] = program["auth"].evolve(failure_handler=handler)
        response = client_behind(requirement(program)).get("/", headers=bearer(issuer.token(exp=1)))
        assert response.content_type == "application/problem+json"
        assert response.json == {
            "type": (base or "urn:flask-jwtlib:problem:") + "expired-token",
            "title": "Expired token",
            "status": 401,
            "detail": "The access token expired",
            "reason": "expired-token",
            "error": "invalid_token",
        }


class TestOwnJSON:
    def test_refusals_have_the_format(self, run: Run, issuer: TokenIssuer) -> None:
        """Each refusal is the function's JSON, with the usual challenge."""
        client = client_behind(requirement(run(DOCUMENT, "JSONHandler(as_json)")))
        none = client.get("/")
        assert none.json == {"code": "missing-token", "message": "Authentication is required"}
        assert (none.status_code, none.headers["WWW-Authenticate"]) == (401, "Bearer")
        old = client.get("/", headers=bearer(issuer.token(exp=1)))
        assert old.json == {"code": "expired-token", "message": "The access token expired"}


class TestWholeApp:
    def test_it_takes_three_lines(self) -> None:
        """The reader writes three lines, besides the ``Authenticator``."""
        text = (ROOT / DOCUMENT).read_text(encoding="utf-8")
        program = text.partition("@app.errorhandler(HTTPException)\n")[2].partition(
            "\nThe response"
        )[0]
        assert len(program.strip().splitlines()) + 1 == 3

    def test_all_errors_have_one_format(self, run: Run, issuer: TokenIssuer) -> None:
        """A refusal and a 404 have the same format, and the refusal keeps its challenge."""
        client = client_of(run(DOCUMENT, "RaisingHandler()"))
        none = client.get("/")
        assert none.json == {"code": "missing-token", "message": "Authentication is required"}
        assert (none.status_code, none.headers["WWW-Authenticate"]) == (401, "Bearer")
        unknown = client.get("/", headers=bearer(issuer.token()))
        assert unknown.json is not None
        assert (unknown.status_code, unknown.json["code"]) == (404, "Not Found")

    def test_other_headers_are_kept_by_the_errors_own_response(
        self, run: Run, issuer: TokenIssuer
    ) -> None:
        """``Allow`` of a 405 is lost in a new response, and kept in that of ``get_response``."""
        lossy, program = (run(DOCUMENT, "RaisingHandler()") for _ in range(2))
        for each in lossy, program:
            each["app"].add_url_rule("/", view_func=lambda: "in")
        caller = bearer(issuer.token())
        assert "Allow" not in client_of(lossy).post("/", headers=caller).headers

        @program["app"].errorhandler(HTTPException)
        def keep_headers(error: HTTPException) -> Response:
            response = error.get_response()
            response.data = json.dumps(program["as_json"](error)[0])
            response.content_type = "application/json"
            return response

        client = client_of(program)
        other = client.post("/", headers=caller)
        assert other.status_code == 405
        assert "GET" in other.headers["Allow"]
        none = client.get("/")
        assert none.json == {"code": "missing-token", "message": "Authentication is required"}
        assert none.headers.getlist("WWW-Authenticate") == ["Bearer"]


class TestRedirect:
    def test_a_user_logs_in_and_comes_back(self, run: Run, issuer: TokenIssuer) -> None:
        """A page redirects to the log-in page, which redirects back with a cookie that opens the page."""
        client = client_of(run(DOCUMENT, 'LoginRedirectHandler("log_in")'))
        client.application.config["TOKEN_OF_USER"] = lambda user, _: issuer.token(user)
        page = client.get("/reports?page=2", headers=BROWSER, base_url=SITE)
        assert (page.status_code, page.location) == (302, "/login?next=/reports%3Fpage%3D2")
        form = client.get(page.location, headers=BROWSER, base_url=SITE)
        assert "<form method=post>" in form.text
        back = client.post(page.location, data=USER, headers=SAME_ORIGIN, base_url=SITE)
        assert (back.status_code, back.location) == (302, "/reports?page=2")
        page = client.get(back.location, headers=BROWSER, base_url=SITE)
        assert page.text == "the reports of alice"

    def test_nobody_is_sent_to_another_site(self, run: Run, issuer: TokenIssuer) -> None:
        """The log-in view uses the default in place of another site."""
        client = client_of(run(DOCUMENT, 'LoginRedirectHandler("log_in")'))
        client.application.config["TOKEN_OF_USER"] = lambda user, _: issuer.token(user)
        for attack in "//evil.example", "/\\evil.example", "https:evil.example":
            back = client.post(
                "/login", query_string={"next": attack}, data=USER, headers=SAME_ORIGIN
            )
            assert (back.status_code, back.location) == (302, "/reports")

    def test_programs_get_problem_details(self, run: Run) -> None:
        """A program isn't redirected, and neither is a browser whose POST is refused."""
        client = client_of(run(DOCUMENT, 'LoginRedirectHandler("log_in")'))
        for response in client.get("/reports"), client.post("/reports", headers=BROWSER):
            assert response.json is not None
            assert (response.status_code, response.json["reason"]) == (401, "missing-token")
            assert {"Accept", "Sec-Fetch-Mode"} <= set(response.headers["Vary"].split(", "))


class TestRoutes:
    def test_pages_and_api_differ(self, run: Run) -> None:
        """The API has problem details for browsers, too; other pages redirect."""
        client = client_of(run(DOCUMENT, "RoutedHandler("))
        for path in "/api", "/api/unknown":
            response = client.get(path, headers=BROWSER)
            assert response.content_type == "application/problem+json"
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert client.get("/apis", headers=BROWSER).location == "/login?next=/apis"
