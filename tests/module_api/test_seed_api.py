# ruff: noqa: E501, RUF001 - the documentation is quoted letter for letter, a sentence on a line
"""Each sentence of the documented module API is quoted by a test of its behaviour."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest
from flask import Flask, Response, g, make_response, request
from flask.testing import FlaskClient
from jose import jwt
from werkzeug.exceptions import HTTPException

import flask_jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer

SENTENCES = (
    # Module level attributes
    "flask_jwtlib.JWT_ALGO = 'RS256'",
    "The algorithm to use to verify JWTs.",
    "This should be a string recognizable to jwt.decode()’s ‘algorithm’ kwarg.",
    "flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 300",
    "How long to hold onto a verification key we get from calling retrieve_verification_key() in seconds.",
    "Note: This value will be ignored if set_permanent_verification_key() has been called.",
    # Functions
    "flask_jwtlib.set_permanent_verification_key(verification_key)",
    "Sets a permanent verification key",
    "Note: If this function is called retrieve_verification_key() never will be by verification_key()",
    "Parameters:verification_key (str) – The key to always use for verification",
    "Returns:None",
    "Return type:NoneType",
    "flask_jwtlib.verification_key()",
    "Returns the verification key used for verifying JWTs.",
    "This function includes the machinery for managing the verification key cache, and is how all other functions/decorators which require it retrieve the verification key internally.",
    "Returns:The verification key",
    "Return type:str",
    "flask_jwtlib.get_json_token(verify=True)",
    "A wrapper for get_token() which decodes the token and returns the JSON",
    "Parameters:verify (bool) – Whether or not to verify the token, as well as decoding it",
    "Returns:The decoded token",
    "Return type:dict",
    "flask_jwtlib.is_authenticated()",
    "Returns:Whether or not the current request is authenticated",
    "Return type:bool",
    # Callbacks
    "Functionality may be changed or introduced by registering callbacks to these functions.",
    "flask_jwtlib.retrieve_verification_key()",
    "A callback to refresh the verification key",
    "Useful if the verification key is on a remote source and may be changed periodically.",
    "If implemented, this function should return the verification key as a str or, in the event of failure, raise an exception.",
    "Raises:NotImplemented – if no callback is registered",
    "flask_jwtlib.check_token(token)",
    "Check the token.",
    "This function will be called from within the decorators to determine if a token is valid or not.",
    "You should override this function if token validity within your service is determined by anything other than strictly the validity of the token signature, eg: token key values.",
    "For the default implementation see _DEFAULT_CHECK_TOKEN()",
    "Returns:Whether or not the token is valid",
    "flask_jwtlib.get_token()",
    "A callback that should return the encoded token",
    "The default implementation uses only the token retrieval methods specificed in RFC 6750.",
    "If you want to extend it override this function with one of your own, optionally calling flask_jwtlib._DEFAULT_GET_TOKEN() in your own implementation",
    "Returns:The token, or None if no token could be retrieved",
    "Return type:str or NoneType",
    "flask_jwtlib.requires_authentication_failure_callback()",
    "A callback for when the client doesn’t provide a valid token.",
    "This callback must have a return value.",
    "For the default implementation see _DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()",
    "Returns:A response",
    "flask_jwtlib.optional_authentication_failure_callback()",
    "A callback for when the client doesn’t provide a token.",
    "This callback should not have a return value.",
    "Dumping any (now invalid) tokens out of caches should probably be done here.",
    "For the default implementation see _DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK()",
    # Decorators
    "flask_jwtlib.requires_authentication(f)",
    "A decorator for applying to routes where authentication is required.",
    "In the event a user is not authenticated the return value of requires_authentication_failure_callback() will be returned instead of the return value of the route.",
    "In any decorated endpoint, sets the following attributes on flask.g on success:",
    "authenticated (bool): Whether or not the user is authenticated",
    "raw_token (str): The encoded token",
    "json_token (dict): The decoded token as a dict",
    "flask_jwtlib.optional_authentication(f)",
    "A decorator for applying to routes where authentication is optional.",
    "In the event a user is not authenticated optional_authentication_failure_callback() will be called, but the decorated endpoint will still be returned.",
    "In any decorated endpoint, sets the following attributes on flask.g:",
    "raw_token (str or None): The encoded token, or None if no token was provided",
    "json_token (dict or None): The decoded token as a dict, or None if no token was provided.",
    # Default callback implementations
    "These functions are provided as default implementations for callbacks, and should not be overriden in order to change functionality (unless you really know what you’re doing).",
    "Instead, in order to alter callback behavior override the callback function itself, optionally calling the default implementations as provided here if you want to extend, rather than override, the functionality.",
    "flask_jwtlib._DEFAULT_CHECK_TOKEN(token)",
    "The default implementation of the token checking function, exposed as check_token().",
    "Parameters:token (str) – The token as an encoded string.",
    "flask_jwtlib._DEFAULT_GET_TOKEN()",
    "The default implementation of retrieving a bearer token from a request, exposed as get_token().",
    "Expects the request to supply the token in one of the three ways specified in RFC 6750:",
    "via the header",
    "via a form argument",
    "via the query string",
    "Returns:The token, or None",
    "flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()",
    "The default callback for failing to provide authentication when it is required: Throw a 401.",
    "Exposed as requires_authentication_failure_callback().",
    "Returns:A 401 response",
    "flask_jwtlib._DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK()",
    "The default callback for failing to provide authentication when it is optional: Do nothing.",
    "Exposed as optional_authentication_failure_callback().",
)

_Test = TypeVar("_Test", bound=Callable[..., None])
QUOTED: dict[str, list[str]] = {}


def promise(*sentences: str) -> Callable[[_Test], _Test]:
    """Mark a test as one that checks these sentences of the documentation."""

    def note(test: _Test) -> _Test:
        for sentence in sentences:
            QUOTED.setdefault(sentence, []).append(test.__name__)
        return test

    return note


def test_every_sentence_is_quoted_by_a_test() -> None:
    """Each sentence of the documentation has a test, and tests quote no other sentence."""
    assert set(QUOTED) == set(SENTENCES)
    module = sys.modules[__name__]
    for names in QUOTED.values():
        for name in names:
            assert name.startswith("test_")
            assert inspect.isfunction(getattr(module, name))


@promise("flask_jwtlib.JWT_ALGO = 'RS256'")
def test_rs256_is_the_default_algorithm(trusting: FlaskClient, issuer: TokenIssuer) -> None:
    """By default, a token signed with RS256 is accepted and one with RS512 is not."""
    assert flask_jwtlib.JWT_ALGO == "RS256"
    rs512 = TokenIssuer(algorithm="RS512", private_key=issuer.private_key)
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert trusting.get("/required", headers=bearer(rs512.token())).status_code == 401


@promise("The algorithm to use to verify JWTs.")
def test_the_assigned_algorithm_verifies(
    client: FlaskClient, issuer: TokenIssuer, ec_issuer: TokenIssuer
) -> None:
    """After assigning ES256, only tokens signed with it are accepted."""
    flask_jwtlib.JWT_ALGO = "ES256"
    flask_jwtlib.set_permanent_verification_key(ec_issuer.public_pem)
    assert client.get("/required", headers=bearer(ec_issuer.token())).status_code == 200
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 401


@promise("This should be a string recognizable to jwt.decode()’s ‘algorithm’ kwarg.")
@pytest.mark.parametrize(
    "algorithm",
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"],
)
def test_the_algorithm_is_any_string_that_jwt_decode_accepts(
    client: FlaskClient, algorithm: str
) -> None:
    """Each signature algorithm of python-jose's ``jwt.decode`` can be assigned."""
    secret = "a secret of sixty-four characters, which is enough for every hash"
    if algorithm.startswith("HS"):
        signer, key = TokenIssuer(algorithm=algorithm, private_key=secret.encode()), secret
    else:
        signer = TokenIssuer(algorithm=algorithm)
        key = signer.public_pem
    token = signer.token("alice", iat=None, exp=None)
    assert jwt.decode(token, key, algorithms=algorithm)["sub"] == "alice"

    flask_jwtlib.JWT_ALGO = algorithm
    flask_jwtlib.set_permanent_verification_key(key)
    response = client.get("/required", headers=bearer(token))
    assert response.json is not None
    assert response.json["json_token"]["sub"] == "alice"


@promise("flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 300")
def test_a_key_is_cached_for_300_seconds_by_default(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """The default timeout is 300, so that requests in quick succession fetch once."""
    assert flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT == 300
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    for _ in range(5):
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert len(fetch.calls) == 1


@promise(
    "How long to hold onto a verification key we get from calling retrieve_verification_key() in seconds."
)
@pytest.mark.parametrize(("seconds", "fetches"), [(0, 3), (3600, 1)], ids=["not at all", "an hour"])
def test_the_timeout_limits_how_long_a_fetched_key_is_cached(
    client: FlaskClient, issuer: TokenIssuer, recorded: Any, seconds: int, fetches: int
) -> None:
    """Three requests fetch three times with a timeout of 0, and once with a long one."""
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = seconds
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    for _ in range(3):
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert len(fetch.calls) == fetches


@promise(
    "Note: This value will be ignored if set_permanent_verification_key() has been called.",
    "Note: If this function is called retrieve_verification_key() never will be by verification_key()",
)
def test_a_permanent_key_is_never_refreshed(
    trusting: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """With a permanent key, a timeout of 0 never calls ``retrieve_verification_key``."""
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: "never asked for")
    for _ in range(3):
        assert flask_jwtlib.verification_key() == issuer.public_pem
        assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert fetch.calls == []


@promise(
    "flask_jwtlib.set_permanent_verification_key(verification_key)",
    "Sets a permanent verification key",
    "Parameters:verification_key (str) – The key to always use for verification",
)
def test_the_permanent_key_verifies(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A PEM ``str``, passed by the documented keyword, verifies only its issuer's tokens."""
    flask_jwtlib.set_permanent_verification_key(verification_key=issuer.public_pem)
    for _ in range(2):
        assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
        assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 401


@promise("Returns:None", "Return type:NoneType")
def test_setting_the_permanent_key_returns_none(issuer: TokenIssuer) -> None:
    """``set_permanent_verification_key`` returns None."""
    # Its annotation is None as well: a type checker would not let the value be used.
    procedure: Any = flask_jwtlib.set_permanent_verification_key
    assert procedure(issuer.public_pem) is None


@promise(
    "flask_jwtlib.verification_key()",
    "Returns the verification key used for verifying JWTs.",
    "Returns:The verification key",
    "Return type:str",
)
def test_verification_key_returns_the_key_in_use(client: FlaskClient, issuer: TokenIssuer) -> None:
    """The ``str`` that it returns, permanent or fetched, verifies our tokens in python-jose."""
    token = issuer.token("alice", iat=None, exp=None)
    flask_jwtlib.retrieve_verification_key = lambda: issuer.public_pem
    for permanent in (None, issuer.public_pem):
        flask_jwtlib.set_permanent_verification_key(permanent)
        assert client.get("/required", headers=bearer(token)).status_code == 200
        key = flask_jwtlib.verification_key()
        assert type(key) is str
        assert jwt.decode(token, key, algorithms="RS256")["sub"] == "alice"


@promise(
    "This function includes the machinery for managing the verification key cache, and is how all other functions/decorators which require it retrieve the verification key internally."
)
def test_every_function_uses_verification_key(
    app: Flask, client: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """Decorators, ``check_token`` and ``get_json_token`` share its cache, and get the key only from it."""
    flask_jwtlib.retrieve_verification_key = fetch = recorded(lambda: issuer.public_pem)
    token = issuer.token()

    def use_everything() -> None:
        assert client.get("/required", headers=bearer(token)).status_code == 200
        assert client.get("/optional", headers=bearer(token)).json["authenticated"] is True  # type: ignore[index]
        with app.test_request_context(headers=bearer(token)):
            assert flask_jwtlib.check_token(token)
            assert flask_jwtlib.get_json_token()["sub"] == "alice"

    use_everything()
    assert flask_jwtlib.verification_key() == issuer.public_pem
    assert len(fetch.calls) == 1

    flask_jwtlib.verification_key = ask = recorded(lambda: issuer.public_pem)
    use_everything()
    assert len(ask.calls) == 4
    assert len(fetch.calls) == 1


@promise(
    "flask_jwtlib.get_json_token(verify=True)",
    "A wrapper for get_token() which decodes the token and returns the JSON",
    "Returns:The decoded token",
    "Return type:dict",
)
def test_get_json_token_decodes_what_get_token_returns(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """The claims of the token that ``get_token()`` returns, from any location, are returned as a ``dict``."""
    flask_jwtlib.get_token = lambda: request.cookies.get("token")

    @app.get("/claims")
    def claims() -> dict[str, Any]:
        decoded = flask_jwtlib.get_json_token()
        assert isinstance(decoded, dict)
        assert decoded == flask_jwtlib.get_json_token(verify=True)
        return decoded

    trusting.set_cookie("token", issuer.token("alice", role="admin"))
    response = trusting.get("/claims")
    assert response.json is not None
    assert (response.json["sub"], response.json["role"]) == ("alice", "admin")


@promise("Parameters:verify (bool) – Whether or not to verify the token, as well as decoding it")
def test_verify_chooses_whether_the_token_is_verified(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A forged token raises by default and with ``verify=True``, and is decoded with ``verify=False``."""
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with app.test_request_context(headers=bearer(other_issuer.token("mallory"))):
        with pytest.raises(flask_jwtlib.errors.BadSignatureError):
            flask_jwtlib.get_json_token()
        with pytest.raises(flask_jwtlib.errors.BadSignatureError):
            flask_jwtlib.get_json_token(verify=True)
        assert flask_jwtlib.get_json_token(verify=False)["sub"] == "mallory"


@promise(
    "flask_jwtlib.is_authenticated()",
    "Returns:Whether or not the current request is authenticated",
    "Return type:bool",
)
def test_is_authenticated_is_about_the_current_request(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """It is True behind a decorator that accepted the token, and False otherwise, always a ``bool``."""
    responses: list[bool] = []

    @app.get("/ask")
    @flask_jwtlib.optional_authentication
    def ask() -> str:
        responses.append(flask_jwtlib.is_authenticated())
        return "asked"

    trusting.get("/ask", headers=bearer(issuer.token()))
    trusting.get("/ask", headers=bearer(other_issuer.token()))
    trusting.get("/ask")
    assert responses == [True, False, False]
    assert {type(response) for response in responses} == {bool}


@promise("Functionality may be changed or introduced by registering callbacks to these functions.")
def test_assigned_callbacks_are_used(client: FlaskClient, issuer: TokenIssuer) -> None:
    """All five callbacks, assigned to the module, are called in later requests."""
    asked: list[str] = []

    def fetch() -> str:
        asked.append("retrieve_verification_key")
        return issuer.public_pem

    def find() -> str | None:
        asked.append("get_token")
        return request.args.get("t")

    def check(token: str) -> bool:
        asked.append("check_token")
        return True

    def refuse() -> tuple[str, int]:
        asked.append("requires_authentication_failure_callback")
        return "who are you?", 401

    def note() -> None:
        asked.append("optional_authentication_failure_callback")

    flask_jwtlib.retrieve_verification_key = fetch
    flask_jwtlib.get_token = find
    flask_jwtlib.check_token = check
    flask_jwtlib.requires_authentication_failure_callback = refuse
    flask_jwtlib.optional_authentication_failure_callback = note

    assert client.get("/required", query_string={"t": issuer.token()}).status_code == 200
    assert asked == ["get_token", "check_token", "retrieve_verification_key"]
    asked.clear()
    assert client.get("/required").text == "who are you?"
    assert asked == ["get_token", "requires_authentication_failure_callback"]
    asked.clear()
    assert client.get("/optional").status_code == 200
    assert asked == ["get_token", "optional_authentication_failure_callback"]


@promise(
    "flask_jwtlib.retrieve_verification_key()",
    "A callback to refresh the verification key",
)
def test_retrieve_verification_key_refreshes_the_key(
    client: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """When the cached key is too old, the callback's next return value replaces it."""
    keys = [issuer.public_pem]
    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = lambda: keys[-1]
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    keys.append(other_issuer.public_pem)
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 200
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 401


class KeyServer(ThreadingHTTPServer):
    """Serves one changeable text on a loopback port."""

    text = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/key.pem"


class _ServeText(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Keep the test's output clean."""


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    """A running key server."""
    with KeyServer(("127.0.0.1", 0), _ServeText) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@promise("Useful if the verification key is on a remote source and may be changed periodically.")
def test_a_key_on_a_server_may_change(
    client: FlaskClient, key_server: KeyServer, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A callback that fetches the key over HTTP follows a rotation without a restart."""

    def fetch() -> str:
        with urlopen(key_server.url, timeout=5) as response:
            text: str = response.read().decode()
        return text

    flask_jwtlib.VERIFICATION_KEY_CACHE_TIMEOUT = 0
    flask_jwtlib.retrieve_verification_key = fetch
    key_server.text = issuer.public_pem
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200
    key_server.text = other_issuer.public_pem
    assert client.get("/required", headers=bearer(other_issuer.token())).status_code == 200


@promise(
    "If implemented, this function should return the verification key as a str or, in the event of failure, raise an exception."
)
def test_the_key_callback_returns_a_str_or_raises(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A ``str`` verifies tokens; an exception is a server fault, a 503."""

    def fail() -> str:
        raise ConnectionError("the key server is down")

    flask_jwtlib.retrieve_verification_key = fail
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503
    flask_jwtlib.retrieve_verification_key = lambda: str(issuer.public_pem)
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 200


@promise("Raises:NotImplemented – if no callback is registered")
def test_an_unregistered_key_callback_raises(client: FlaskClient, issuer: TokenIssuer) -> None:
    """The default raises ``NotImplementedError``, and no request with a token is accepted."""
    with pytest.raises(NotImplementedError, match="retrieve_verification_key"):
        flask_jwtlib.retrieve_verification_key()
    assert client.get("/required", headers=bearer(issuer.token())).status_code == 503


@promise(
    "flask_jwtlib.check_token(token)",
    "Check the token.",
    "Returns:Whether or not the token is valid",
)
def test_check_token_returns_whether_a_token_is_valid(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A view may pass it any encoded token, and gets True or False."""

    @app.post("/check")
    def check() -> dict[str, bool]:
        ask: Any = flask_jwtlib.check_token
        valid = ask(token=request.get_json())
        assert type(valid) is bool
        return {"valid": valid}

    assert trusting.post("/check", json=issuer.token()).json == {"valid": True}
    assert trusting.post("/check", json=other_issuer.token()).json == {"valid": False}
    assert trusting.post("/check", json=issuer.token(exp=1)).json == {"valid": False}
    assert trusting.post("/check", json="no token").json == {"valid": False}


@promise(
    "This function will be called from within the decorators to determine if a token is valid or not."
)
def test_the_decorators_call_check_token(
    trusting: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """Both decorators call it with the encoded token and use its return value."""
    token = issuer.token()
    flask_jwtlib.check_token = yes = recorded(lambda token: True)
    assert trusting.get("/required", headers=bearer(token)).status_code == 200
    assert trusting.get("/optional", headers=bearer(token)).json["authenticated"] is True  # type: ignore[index]
    assert yes.calls == [(token,), (token,)]
    flask_jwtlib.check_token = no = recorded(lambda token: False)
    assert trusting.get("/required", headers=bearer(token)).status_code == 401
    assert trusting.get("/optional", headers=bearer(token)).json["authenticated"] is False  # type: ignore[index]
    assert no.calls == [(token,), (token,)]


@promise(
    "You should override this function if token validity within your service is determined by anything other than strictly the validity of the token signature, eg: token key values."
)
def test_an_overridden_check_token_can_check_claims(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A replacement that checks a claim accepts only tokens that have it."""

    def only_admins(token: str) -> bool:
        return bool(
            flask_jwtlib._DEFAULT_CHECK_TOKEN(token)
            and flask_jwtlib.get_json_token().get("role") == "admin"
        )

    flask_jwtlib.check_token = only_admins
    assert trusting.get("/required", headers=bearer(issuer.token(role="admin"))).status_code == 200
    assert trusting.get("/required", headers=bearer(issuer.token(role="guest"))).status_code == 401
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 401


@promise(
    "For the default implementation see _DEFAULT_CHECK_TOKEN()",
    "flask_jwtlib._DEFAULT_CHECK_TOKEN(token)",
    "The default implementation of the token checking function, exposed as check_token().",
    "Parameters:token (str) – The token as an encoded string.",
    "Returns:Whether or not the token is valid",
    "Return type:bool",
)
def test_the_default_check_token_has_both_names(
    app: Flask, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """``check_token`` is ``_DEFAULT_CHECK_TOKEN`` until replaced, and is False for invalid tokens."""
    assert flask_jwtlib.check_token is flask_jwtlib._DEFAULT_CHECK_TOKEN
    flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
    with app.test_request_context():
        assert flask_jwtlib._DEFAULT_CHECK_TOKEN(token=issuer.token()) is True
        assert flask_jwtlib._DEFAULT_CHECK_TOKEN(token=other_issuer.token()) is False


@promise("flask_jwtlib.get_token()", "A callback that should return the encoded token")
def test_the_token_that_get_token_returns_is_used(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A replacement's token is checked and exposed, whatever else the request carries."""
    chosen = issuer.token("chosen")
    flask_jwtlib.get_token = lambda: chosen
    response = trusting.get("/required", headers=bearer(issuer.token("sent")))
    assert response.json is not None
    assert response.json["raw_token"] == chosen
    assert response.json["json_token"]["sub"] == "chosen"


@promise("The default implementation uses only the token retrieval methods specificed in RFC 6750.")
@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Cookie": "access_token={}"}},
        {"headers": {"X-Access-Token": "{}"}},
        {"headers": {"Authorization": "Token {}"}},
        {"headers": {"Authorization": "{}"}},
        {"query_string": {"token": "{}"}},
        {"json": {"access_token": "{}"}},
        {"data": "access_token={}", "content_type": "text/plain"},
        {"data": {"access_token": "{}"}, "content_type": "multipart/form-data"},
    ],
    ids=[
        "cookie",
        "own header",
        "own scheme",
        "no scheme",
        "own parameter",
        "JSON",
        "plain text",
        "multipart",
    ],
)
def test_by_default_a_token_elsewhere_is_ignored(
    trusting: FlaskClient, issuer: TokenIssuer, options: dict[str, Any]
) -> None:
    """A valid token in a location that RFC 6750 doesn't name counts as none: 401 without an error code."""
    token = issuer.token()
    filled = {
        name: {key: text.format(token) for key, text in value.items()}
        if isinstance(value, dict)
        else value.format(token)
        for name, value in options.items()
    }
    response = trusting.post("/required", **filled)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@promise(
    "If you want to extend it override this function with one of your own, optionally calling flask_jwtlib._DEFAULT_GET_TOKEN() in your own implementation"
)
def test_an_overridden_get_token_can_extend_the_default(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A replacement that falls back to a cookie accepts tokens from there and from the header."""
    flask_jwtlib.get_token = lambda: (
        flask_jwtlib._DEFAULT_GET_TOKEN() or request.cookies.get("token")
    )
    assert trusting.get("/required").status_code == 401
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    trusting.set_cookie("token", issuer.token())
    assert trusting.get("/required").status_code == 200


@promise(
    "Returns:The token, or None if no token could be retrieved",
    "Return type:str or NoneType",
)
def test_get_token_returns_the_token_or_none(app: Flask, issuer: TokenIssuer) -> None:
    """``get_token()`` returns the encoded token unchanged, or None without one."""
    token = issuer.token()
    with app.test_request_context(headers=bearer(token)):
        found = flask_jwtlib.get_token()
        assert type(found) is str
        assert found == token
    with app.test_request_context():
        assert flask_jwtlib.get_token() is None


@promise(
    "flask_jwtlib.requires_authentication_failure_callback()",
    "A callback for when the client doesn’t provide a valid token.",
    "Returns:A response",
)
@pytest.mark.parametrize("kind", ["none", "forged", "expired", "malformed"])
def test_the_failure_callback_is_called_without_a_valid_token(
    trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, recorded: Any, kind: str
) -> None:
    """The client gets its response, for a missing token and for each kind of bad one."""
    tokens = {"forged": other_issuer.token(), "expired": issuer.token(exp=1), "malformed": "a.b.c"}
    flask_jwtlib.requires_authentication_failure_callback = refuse = recorded(
        lambda: Response("members only", 401, {"X-Refused": "yes"})
    )
    response = trusting.get("/required", headers=bearer(tokens[kind]) if kind in tokens else {})
    assert (response.status_code, response.text, response.headers["X-Refused"]) == (
        401,
        "members only",
        "yes",
    )
    assert refuse.calls == [()]
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert refuse.calls == [()]


@promise("This callback must have a return value.")
def test_a_failure_callback_that_returns_none_still_refuses(
    app: Flask, trusting: FlaskClient, recorded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The default refusal is sent, and the log says so."""
    view = recorded(lambda: "secret")
    app.add_url_rule("/secret", "secret", flask_jwtlib.requires_authentication(view))
    callback: Any = recorded(lambda: None)
    flask_jwtlib.requires_authentication_failure_callback = callback
    response = trusting.get("/secret")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert view.calls == []
    assert callback.calls == [()]
    assert "returned None" in caplog.text


@promise(
    "For the default implementation see _DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()",
    "flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()",
    "The default callback for failing to provide authentication when it is required: Throw a 401.",
    "Exposed as requires_authentication_failure_callback().",
    "Returns:A 401 response",
)
def test_the_default_failure_callback_raises_a_401(app: Flask, trusting: FlaskClient) -> None:
    """It raises an HTTP exception with a 401 response; a request without a token gets that 401."""
    assert (
        flask_jwtlib.requires_authentication_failure_callback
        is flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK
    )
    with app.test_request_context(), pytest.raises(HTTPException) as thrown:
        flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()
    assert thrown.value.code == 401
    assert thrown.value.get_response().status_code == 401
    assert trusting.get("/required").status_code == 401


@promise(
    "flask_jwtlib.optional_authentication_failure_callback()",
    "A callback for when the client doesn’t provide a token.",
)
def test_the_optional_failure_callback_is_called_when_no_token_is_provided(
    trusting: FlaskClient, issuer: TokenIssuer, recorded: Any
) -> None:
    """It is called for a request without a token on an optional route, and never with a valid one."""
    flask_jwtlib.optional_authentication_failure_callback = note = recorded(lambda: None)
    trusting.get("/optional")
    assert note.calls == [()]
    trusting.get("/optional", headers=bearer(issuer.token()))
    assert note.calls == [()]


@promise("This callback should not have a return value.")
@pytest.mark.parametrize("value", [None, "text", ("text", 401), Response("text", 403)], ids=repr)
def test_the_optional_failure_callbacks_return_value_is_ignored(
    trusting: FlaskClient, value: Any
) -> None:
    """Whatever it returns, the client gets the view's response."""
    callback: Any = lambda: value  # noqa: E731 - typed as what the documentation advises against
    flask_jwtlib.optional_authentication_failure_callback = callback
    response = trusting.get("/optional")
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["authenticated"] is False


@promise("Dumping any (now invalid) tokens out of caches should probably be done here.")
def test_the_optional_failure_callback_can_remove_tokens_from_a_cache(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """It runs within the request, so it can find the token that became invalid."""
    token = issuer.token(exp=1)
    cache = {token: "alice's profile", issuer.token("bob"): "bob's profile"}

    def dump() -> None:
        cache.pop(flask_jwtlib.get_token() or "", None)

    flask_jwtlib.optional_authentication_failure_callback = dump
    assert trusting.get("/optional", headers=bearer(token)).status_code == 200
    assert list(cache.values()) == ["bob's profile"]


@promise(
    "For the default implementation see _DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK()",
    "flask_jwtlib._DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK()",
    "The default callback for failing to provide authentication when it is optional: Do nothing.",
    "Exposed as optional_authentication_failure_callback().",
)
def test_the_default_optional_failure_callback_does_nothing(
    app: Flask, trusting: FlaskClient
) -> None:
    """It returns None, raises nothing and leaves ``flask.g`` unchanged; the view runs."""
    default: Any = flask_jwtlib._DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK
    assert flask_jwtlib.optional_authentication_failure_callback is default
    with app.test_request_context():
        g.mine = "kept"
        assert default() is None
        assert list(g) == ["mine"]
    assert trusting.get("/optional").status_code == 200


@promise(
    "flask_jwtlib.requires_authentication(f)",
    "A decorator for applying to routes where authentication is required.",
)
def test_requires_authentication_guards_a_route(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """A decorated route is served only to callers with a valid token, with its URL arguments."""

    def view(name: str) -> str:
        return f"hello {name}"

    app.add_url_rule("/hello/<name>", "hello", flask_jwtlib.requires_authentication(f=view))
    assert trusting.get("/hello/you", headers=bearer(issuer.token())).text == "hello you"
    assert trusting.get("/hello/you", headers=bearer(other_issuer.token())).status_code == 401
    assert trusting.get("/hello/you").status_code == 401


@promise(
    "In the event a user is not authenticated the return value of requires_authentication_failure_callback() will be returned instead of the return value of the route."
)
@pytest.mark.parametrize(
    "value",
    ["text", ("text", 418), ({"error": "text"}, 401, {"X-Why": "text"}), {"error": "text"}],
    ids=["str", "status", "triple", "dict"],
)
def test_the_failure_callbacks_return_value_replaces_the_routes(
    app: Flask, trusting: FlaskClient, recorded: Any, value: Any
) -> None:
    """The callback may return anything that a view may, and the view doesn't run."""
    view = recorded(lambda: "secret")
    app.add_url_rule("/secret", "secret", flask_jwtlib.requires_authentication(view))
    flask_jwtlib.requires_authentication_failure_callback = lambda: value
    with app.test_request_context():
        expected = make_response(value)
    response = trusting.get("/secret")
    assert (response.status_code, response.data) == (expected.status_code, expected.data)
    assert response.headers.get("X-Why") == expected.headers.get("X-Why")
    assert view.calls == []


@promise(
    "In any decorated endpoint, sets the following attributes on flask.g on success:",
    "authenticated (bool): Whether or not the user is authenticated",
    "raw_token (str): The encoded token",
    "json_token (dict): The decoded token as a dict",
)
def test_requires_authentication_sets_three_attributes_on_g(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """In the view they are True, the token as sent, and its claims as a ``dict``."""
    token = issuer.token("alice", role="admin")

    @app.get("/g")
    @flask_jwtlib.requires_authentication
    def view() -> dict[str, Any]:
        assert g.authenticated is True
        assert type(g.raw_token) is str
        assert g.raw_token == token
        assert isinstance(g.json_token, dict)
        return g.json_token

    response = trusting.get("/g", headers=bearer(token))
    assert response.json == jwt.get_unverified_claims(token)


@promise(
    "flask_jwtlib.optional_authentication(f)",
    "A decorator for applying to routes where authentication is optional.",
)
def test_optional_authentication_serves_all_requests(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """A decorated route is served with a token and without, and can tell which."""

    def view() -> str:
        return f"hello {g.json_token['sub'] if g.authenticated else 'stranger'}"

    app.add_url_rule("/hello", "hello", flask_jwtlib.optional_authentication(f=view))
    assert trusting.get("/hello", headers=bearer(issuer.token("alice"))).text == "hello alice"
    assert trusting.get("/hello").text == "hello stranger"


@promise(
    "In the event a user is not authenticated optional_authentication_failure_callback() will be called, but the decorated endpoint will still be returned."
)
@pytest.mark.parametrize("kind", ["none", "forged", "expired", "malformed"])
def test_an_optional_route_runs_after_its_callback(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer, kind: str
) -> None:
    """The callback runs first, then the view, whose response is sent, for every reason."""
    order: list[str] = []
    tokens = {"forged": other_issuer.token(), "expired": issuer.token(exp=1), "malformed": "a.b.c"}
    flask_jwtlib.optional_authentication_failure_callback = lambda: order.append("callback")

    @app.get("/page")
    @flask_jwtlib.optional_authentication
    def page() -> str:
        order.append("view")
        return "the page"

    response = trusting.get("/page", headers=bearer(tokens[kind]) if kind in tokens else {})
    assert (response.status_code, response.text) == (200, "the page")
    assert order == ["callback", "view"]


@promise(
    "In any decorated endpoint, sets the following attributes on flask.g:",
    "authenticated (bool): Whether or not the user is authenticated",
    "raw_token (str or None): The encoded token, or None if no token was provided",
    "json_token (dict or None): The decoded token as a dict, or None if no token was provided.",
)
def test_optional_authentication_sets_three_attributes_on_g(
    trusting: FlaskClient, issuer: TokenIssuer
) -> None:
    """They have the caller if there was a token, and are False, None and None without one."""
    token = issuer.token("alice")
    assert trusting.get("/optional", headers=bearer(token)).json == {
        "is_authenticated": True,
        "authenticated": True,
        "raw_token": token,
        "json_token": jwt.get_unverified_claims(token),
    }
    assert trusting.get("/optional").json == {
        "is_authenticated": False,
        "authenticated": False,
        "raw_token": None,
        "json_token": None,
    }


@promise(
    "These functions are provided as default implementations for callbacks, and should not be overriden in order to change functionality (unless you really know what you’re doing)."
)
def test_overriding_a_default_implementation_changes_nothing(
    trusting: FlaskClient,
    issuer: TokenIssuer,
    other_issuer: TokenIssuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The decorators use the callbacks, so overriding a ``_DEFAULT_…`` by mistake has no effect."""
    monkeypatch.setattr(flask_jwtlib, "_DEFAULT_CHECK_TOKEN", lambda token: True)
    monkeypatch.setattr(flask_jwtlib, "_DEFAULT_GET_TOKEN", issuer.token)
    monkeypatch.setattr(
        flask_jwtlib, "_DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK", lambda: ("come in", 200)
    )
    assert trusting.get("/required", headers=bearer(other_issuer.token())).status_code == 401
    assert trusting.get("/required").status_code == 401
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200


@promise(
    "Instead, in order to alter callback behavior override the callback function itself, optionally calling the default implementations as provided here if you want to extend, rather than override, the functionality."
)
def test_overridden_callbacks_can_call_their_defaults(
    trusting: FlaskClient, issuer: TokenIssuer, other_issuer: TokenIssuer
) -> None:
    """Four replacements that record the call and then call their default behave as the defaults do."""
    noted: list[str] = []

    def check(token: str) -> bool:
        noted.append("check")
        return flask_jwtlib._DEFAULT_CHECK_TOKEN(token)

    def find() -> str | None:
        noted.append("find")
        return flask_jwtlib._DEFAULT_GET_TOKEN()

    def refuse() -> Any:
        noted.append("refuse")
        return flask_jwtlib._DEFAULT_REQUIRES_AUTHENTICATION_FAILURE_CALLBACK()

    def note() -> None:
        noted.append("note")
        flask_jwtlib._DEFAULT_OPTIONAL_AUTHENTICATION_FAILURE_CALLBACK()

    flask_jwtlib.check_token = check
    flask_jwtlib.get_token = find
    flask_jwtlib.requires_authentication_failure_callback = refuse
    flask_jwtlib.optional_authentication_failure_callback = note
    assert trusting.get("/required", headers=bearer(issuer.token())).status_code == 200
    assert trusting.get("/required", headers=bearer(other_issuer.token())).status_code == 401
    assert trusting.get("/optional").status_code == 200
    assert noted == ["find", "check", "find", "check", "refuse", "find", "note"]


@promise(
    "flask_jwtlib._DEFAULT_GET_TOKEN()",
    "The default implementation of retrieving a bearer token from a request, exposed as get_token().",
    "Expects the request to supply the token in one of the three ways specified in RFC 6750:",
    "via the header",
    "via a form argument",
    "via the query string",
    "Returns:The token, or None",
    "Return type:str or NoneType",
)
@pytest.mark.parametrize("place", ["header", "form argument", "query string", "nowhere"])
def test_the_default_get_token_reads_the_three_locations(
    app: Flask, trusting: FlaskClient, issuer: TokenIssuer, place: str
) -> None:
    """A token in any one of the three is returned; without one, None is returned."""
    assert flask_jwtlib.get_token is flask_jwtlib._DEFAULT_GET_TOKEN
    token = issuer.token()
    ways: dict[str, dict[str, Any]] = {
        "header": {"headers": bearer(token)},
        "form argument": {"data": {"access_token": token}},
        "query string": {"query_string": {"access_token": token}},
        "nowhere": {},
    }
    with app.test_request_context(method="POST", **ways[place]):
        assert flask_jwtlib._DEFAULT_GET_TOKEN() == (None if place == "nowhere" else token)
    status = 401 if place == "nowhere" else 200
    assert trusting.post("/required", **ways[place]).status_code == status
