"""Requests for tests of extractors."""

from __future__ import annotations

from flask import Request

from flask_jwtlib.testing import make_request


def test_a_request_has_the_given_parts() -> None:
    """Method, path, query, headers and form are those that were given."""
    request = make_request("/a?b=c", method="PUT", headers={"X-D": "e"}, data={"f": "g"})

    assert type(request) is Request
    assert (request.method, request.path, request.args["b"]) == ("PUT", "/a", "c")
    assert (request.headers["X-D"], request.form["f"]) == ("e", "g")


def test_the_default_request() -> None:
    """Without arguments it is a GET of the root without credentials."""
    request = make_request()

    assert (request.method, request.path, request.authorization) == ("GET", "/", None)
