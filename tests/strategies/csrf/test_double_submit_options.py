"""Where a double-submit token is read, and options that are refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, request

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    ConfigurationError,
    HeaderTokenExtractor,
    JWTValidator,
)
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor

from .double_submit_kit import ISSUER, claims_of, composed, cookie, csrf, made

GOOD = made(claims_of())


def sent(
    options: DoubleSubmit | None = None,
    *,
    prepare: Callable[[Flask], object] = lambda app: None,
    headers: dict[str, str] | None = None,
    **how: Any,
) -> tuple[int, Any]:
    """Return the status of a POST to a view, and the form that the view saw."""
    auth = composed(options)
    app = Flask("forms")
    app.testing = True
    app.config["SECRET_KEY"] = "the app's secret key, of 32 bytes"
    prepare(app)

    @app.post("/")
    @auth.requires_authentication
    def view() -> dict[str, Any]:
        return {"form": request.form.to_dict(flat=False), "files": list(request.files)}

    ours = cookie(ISSUER.token()) | (headers or {})
    response = app.test_client(use_cookies=False).post("/", headers=ours, **how)
    return response.status_code, response.json


def test_the_view_still_reads_the_form() -> None:
    """After the field was read, the view gets the whole form."""
    data = {"csrf_token": GOOD, "text": "hello"}
    assert sent(data=data) == (
        200,
        {"form": {"csrf_token": [GOOD], "text": ["hello"]}, "files": []},
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f"csrf_token={GOOD}&csrf_token={GOOD}", id="twice"),
        pytest.param(f"csrf_token=&csrf_token={GOOD}", id="empty-and-good"),
        pytest.param("csrf_token=", id="empty"),
        pytest.param("csrf_token", id="without-a-value"),
        pytest.param(f"CSRF_TOKEN={GOOD}", id="upper-case"),
        pytest.param(f"xcsrf_token={GOOD}", id="longer-name"),
        pytest.param(f"csrf_token[]={GOOD}", id="array"),
        pytest.param(f"a=csrf_token={GOOD}", id="in-a-value"),
        pytest.param(f"csrf_token={GOOD}&text=" + "a" * 65_536, id="too-long"),
    ],
)
def test_a_form_without_one_good_field_is_refused(body: str) -> None:
    """The field must be in the form once, and the form within the limit."""
    assert sent(data=body, content_type="application/x-www-form-urlencoded")[0] == 403


def test_other_bodies_are_not_read() -> None:
    """JSON and multipart bodies need the header, unless the app has parsed the form before."""
    multipart = {"csrf_token": GOOD, "file": (BytesIO(b"x"), "x.txt")}
    assert sent(json={"csrf_token": GOOD})[0] == 403
    assert sent(data=f"csrf_token={GOOD}", content_type="text/plain")[0] == 403
    assert sent(data=dict(multipart))[0] == 403
    assert sent(json={"a": 1}, headers=csrf(GOOD))[0] == 200


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_that_the_app_has_parsed_is_used(content_type: str) -> None:
    """If a function before the view has read the form, its field counts, in a multipart form, too."""

    def prepare(app: Flask) -> None:
        @app.before_request
        def read() -> None:
            assert request.form

    data = {"csrf_token": GOOD, "text": "hello"}
    assert sent(prepare=prepare, data=data, content_type=content_type)[0] == 200
    assert sent(prepare=prepare, data={"text": "hello"}, content_type=content_type)[0] == 403


def test_the_header_counts_before_the_form() -> None:
    """If there is a header, the form isn't read."""
    assert sent(headers=csrf(GOOD), data={"csrf_token": "wrong"})[0] == 200
    assert sent(headers=csrf("wrong"), data={"csrf_token": GOOD})[0] == 403
    assert sent(headers=csrf(""), data={"csrf_token": GOOD})[0] == 403


def test_header_and_field_can_be_chosen() -> None:
    """Both have other names by option, and a form need not be read at all."""
    options = DoubleSubmit("X-XSRF-TOKEN", form_field="_csrf", max_form_size=1000)
    assert sent(options, headers={"X-XSRF-TOKEN": GOOD})[0] == 200
    assert sent(options, data={"_csrf": GOOD})[0] == 200
    assert sent(options, data={"_csrf": GOOD, "text": "a" * 1000})[0] == 403
    assert sent(options, headers=csrf(GOOD), data={"csrf_token": GOOD})[0] == 403
    headers_only = DoubleSubmit(form_field=None)
    assert sent(headers_only, headers=csrf(GOOD))[0] == 200
    assert sent(headers_only, data={"csrf_token": GOOD})[0] == 403


def test_without_a_limit_it_never_expires() -> None:
    """An infinite ``max_age`` sets no limit."""
    old = DoubleSubmit(clock=lambda: 1.0)
    assert sent(headers=csrf(made(claims_of(), old)))[0] == 403
    assert sent(DoubleSubmit(max_age=math.inf), headers=csrf(made(claims_of(), old)))[0] == 200


@pytest.mark.parametrize(
    "options",
    [{"header": ""}, {"header": None}, {"header": "X CSRF"}, {"header": "X-CSRF:"}, {"header": "ü"},
     {"form_field": ""}, {"form_field": "a b"}, {"form_field": "a=b"}, {"form_field": 5},
     {"max_age": 0}, {"max_age": -1}, {"max_age": True}, {"max_age": "60"}, {"max_age": math.nan},
     {"max_form_size": 0}, {"max_form_size": None}],
    ids=repr,
)  # fmt: skip
def test_a_wrong_option_is_refused(options: dict[str, Any]) -> None:
    """Options are checked when the object is made."""
    with pytest.raises(ConfigurationError):
        DoubleSubmit(**options)


@pytest.mark.parametrize(
    "claims",
    [{}, {"iss": "i"}, {"sub": ""}, {"sub": 5}, {"sub": "a", "iss": 5}, {"sub": "a", "sid": None}],
    ids=repr,
)
def test_no_token_is_made_for_nobody(claims: dict[str, Any]) -> None:
    """A token can't be tied to claims that name neither a session nor a user."""
    with pytest.raises(ConfigurationError, match="can't be tied"):
        made(claims)


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "late": (lambda: AppAuthenticator(lambda app: composed()), "in the function that it calls"),
    "class": (lambda: Authenticator, "not to <class"),
    "nothing": (lambda: None, "not to None"),
    "twice": (composed, "has a DoubleSubmit already"),
}


@pytest.mark.parametrize(("given", "said"), MISTAKES.values(), ids=MISTAKES)
def test_it_is_added_to_an_authenticator_once(given: Callable[[], Any], said: str) -> None:
    """It can't be added to anything but an ``Authenticator``, and only once."""
    with pytest.raises(ConfigurationError, match=said):
        DoubleSubmit().added_to(given())


def test_the_parts_wrap_strategies() -> None:
    """Each half wraps a strategy of its role."""
    options: Any = DoubleSubmit()
    for wrong in (CookieTokenExtractor, "cookie", JWTValidator()):
        with pytest.raises(ConfigurationError, match="wraps a TokenExtractor object"):
            options.extractor(wrong)
    for wrong in (JWTValidator, "jwt", HeaderTokenExtractor()):
        with pytest.raises(ConfigurationError, match="wraps a TokenValidator object"):
            options.validator(wrong)
    assert options.validator(JWTValidator(max_size=5000)).max_size == 5000
