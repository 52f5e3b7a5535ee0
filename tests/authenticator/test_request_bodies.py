from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.exceptions import ClientDisconnected

import flask_jwtlib
from flask_jwtlib import Authenticator, JWTValidator, current_principal
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, bearer

FORM = "application/x-www-form-urlencoded"
ERRORS = [
    ConnectionResetError(104, "reset"),
    TimeoutError("timed out"),
    OSError("request data read error"),
    ValueError("I/O operation on closed file"),
    EOFError("gone"),
    ClientDisconnected(),
    None,
]


class BrokenInput(io.RawIOBase):
    """A server's input that ends or fails within a form."""

    def __init__(self, error: Exception | None) -> None:
        self._data = io.BytesIO(b"a=1&access_tok")
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._data.readinto(buffer)
        if not count and self._error is not None:
            raise self._error
        return count


def broken(error: Exception | None, *, terminated: bool, method: str = "POST") -> dict[str, Any]:
    """The test client's arguments for a broken form."""
    environ: dict[str, Any] = {"wsgi.input": BrokenInput(error), "CONTENT_LENGTH": "400"}
    if terminated:
        environ["wsgi.input_terminated"] = True
    return {"method": method, "content_type": FORM, "environ_overrides": environ}


@pytest.fixture
def app(auth: Authenticator, issuer: TokenIssuer) -> Flask:
    """An app in production mode, with a route for each way to guard it."""
    app = Flask("bodies")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    for path, guard in (
        ("/needed", auth.requires_authentication),
        ("/optional", auth.optional_authentication),
        ("/documented", flask_jwtlib.requires_authentication),
    ):
        app.add_url_rule(
            path,
            path,
            guard(lambda: "somebody" if current_principal else "anonymous"),
            methods=["POST", "PUT", "PATCH", "DELETE", "QUERY"],
        )
    return app


@pytest.fixture(params=["plain", "trap", "catch-all", "debug"])
def handling(request: pytest.FixtureRequest, app: Flask) -> Flask:
    """The app, with each kind of error handler."""
    if request.param == "trap":
        app.config["TRAP_BAD_REQUEST_ERRORS"] = True
    elif request.param == "catch-all":
        app.register_error_handler(Exception, lambda error: ("oops", 500))
    elif request.param == "debug":
        app.debug = True
    return app


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
@pytest.mark.parametrize("header", [False, True], ids=["form alone", "header token"])
def test_a_broken_body_is_an_invalid_request(
    handling: Flask,
    token: str,
    caplog: pytest.LogCaptureFixture,
    error: Exception | None,
    terminated: bool,
    header: bool,
) -> None:
    """A body that fails or ends too early is 400 invalid_request, with challenge, signal and log line."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    heard: list[str | None] = []

    def listen(sender: Flask, *, error: Any, **_: object) -> None:
        heard.append(error.error_code)

    headers = bearer(token) if header else {}
    with request_refused.connected_to(listen, handling):
        response = handling.test_client().open(
            "/needed", headers=headers, **broken(error, terminated=terminated)
        )

    assert response.status_code == 400
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_request", error_description="The request body is incomplete"'
    )
    assert heard == ["invalid_request"]
    (line,) = caplog.messages
    assert line.startswith("InvalidRequestError: the request's body can't be read: ")
    assert line.endswith("after 14 of 400 bytes [POST /needed]")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
def test_a_broken_body_is_anonymous_on_optional_routes(
    handling: Flask, token: str, error: Exception | None, terminated: bool
) -> None:
    """An optional route treats it as any malformed request; the documented decorator responds 401."""
    client = handling.test_client()

    optional = client.open(
        "/optional", headers=bearer(token), **broken(error, terminated=terminated)
    )
    documented = client.open("/documented", **broken(error, terminated=terminated))

    assert (optional.status_code, optional.text) == (200, "anonymous")
    if handling.error_handler_spec[None][None]:
        # The documented API raises its refusal, so the app's own handler sees it.
        assert documented.text == "oops"
    else:
        assert documented.status_code == 401
        assert 'error="invalid_request"' in documented.headers["WWW-Authenticate"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "QUERY", "put", "Query"])
def test_a_broken_body_is_refused_with_any_method(app: Flask, method: str) -> None:
    """An incomplete form is malformed, whatever the method."""
    response = app.test_client().open("/needed", **broken(None, terminated=True, method=method))

    assert response.status_code == 400


@pytest.mark.parametrize("method", ["post", "Post", "pOST", "put", "query", "QUERY", "DELETE"])
def test_two_tokens_are_refused_with_any_method(app: Flask, token: str, method: str) -> None:
    """A header token and a form token together are refused, however the method is spelled."""
    response = app.test_client().open(
        "/needed",
        data={"access_token": token},
        content_type=FORM,
        headers=bearer(token),
        environ_overrides={"REQUEST_METHOD": method},
    )

    assert response.status_code == 400
    assert "more than one way" in response.text


MANY_FIELDS = "&".join(f"{number:x}" for number in range(100_000))[:490_000].rpartition("&")[0]


@pytest.mark.parametrize("limit", [500_000, 100_000_000], ids=["default", "larger"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(MANY_FIELDS, id="names"),
        pytest.param("&" * 490_000, id="empty fields"),
        pytest.param("access_token=a&" * 30_000, id="tokens"),
        pytest.param(f"access%5Ftoken=a&{MANY_FIELDS}", id="escaped name"),
        pytest.param(MANY_FIELDS[:16_000], id="short"),
        pytest.param("access_token=a&" * 1000, id="short, tokens"),
    ],
)
def test_an_anonymous_form_uses_bounded_memory(app: Flask, body: str, limit: int) -> None:
    """An anonymous client's form uses no multiple of its size in memory."""
    app.config["MAX_FORM_MEMORY_SIZE"] = limit
    client = app.test_client()
    data = body.encode()
    client.post("/needed", data=b"a=1", content_type=FORM)

    tracemalloc.start()
    try:
        response = client.post("/needed", data=data, content_type=FORM)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert response.status_code in (400, 401)
    # One of them is the client's own copy.
    assert peak < 2 * len(data) + 500_000


def test_the_view_can_read_its_form(auth: Authenticator, token: str) -> None:
    """After a token in a form or a header, the view can read the form, the files and the bytes."""
    app = Flask("views")
    auth.protect(app)

    @app.post("/form")
    def form() -> Any:
        return request.form.to_dict()

    @app.post("/bytes")
    def data() -> Any:
        return request.get_data()

    @app.post("/stream")
    def stream() -> Any:
        return request.stream.read()

    @app.post("/files")
    def files() -> Any:
        return request.files["f"].read() + request.form["a"].encode()

    client = app.test_client()
    header = bearer(token)
    for size in (1, 100_000):
        fields = {"a": "x" * size}
        assert client.post("/form", data=fields, headers=header).get_json() == fields
        for path in ("/bytes", "/stream"):
            assert client.post(path, data=fields, headers=header).data == b"a=" + b"x" * size
            upload = {"f": (io.BytesIO(b"u" * size), "f.txt"), "a": "1"}
            assert client.post("/files", data=upload, headers=header).data == b"u" * size + b"1"
    sent = {"a": "1", "access_token": token}
    assert client.post("/form", data=sent).get_json() == sent
    for path in ("/bytes", "/stream"):
        assert client.post(path, data=sent).text == f"a=1&access_token={token}"


def test_the_default_extractor_follows_the_validators_max_size(issuer: TokenIssuer) -> None:
    """A token that the validator's ``max_size`` accepts is found in a form, too, without another option."""
    long = issuer.token("alice", padding="x" * 20_000)

    def status(auth: Authenticator) -> int:
        app = Flask("sizes")
        app.add_url_rule("/", view_func=auth.requires_authentication(lambda: ""), methods=["POST"])
        return app.test_client().post("/", data={"access_token": long}).status_code

    small = Authenticator(keys=issuer.verification_key)
    large = Authenticator(keys=issuer.verification_key, validator=JWTValidator(max_size=40_000))
    assert [status(small), status(large)] == [401, 200]
    assert status(small.evolve(validator=JWTValidator(max_size=40_000))) == 200
    assert status(large.evolve(validator=JWTValidator())) == 401
