from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from inspect import isgeneratorfunction
from typing import Any

import pytest
from flask import Flask, Response, request

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    HeaderTokenExtractor,
    InvalidTokenError,
    KeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer, bearer

PATHS = pytest.mark.parametrize("path", ["/needed", "/optional", "/guarded"])


class Returning:
    """A strategy whose method returns, or raises, what it was made with."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def _result(self) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result() if isgeneratorfunction(self.result) else self.result

    def extract(self, request: Any) -> Any:
        return self._result()

    def keys_for(self, header: UnverifiedHeader) -> Any:
        return self._result()

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self._result()

    def deny(self, error: Exception) -> Any:
        return self._result()

    def anonymous(self, error: Exception) -> Any:
        return self._result()


class KeyLookupValidator:
    """Accepts every token that the provider has a key for."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        if not keys.keys_for(UnverifiedHeader("RS256")):
            raise InvalidTokenError("no key")
        return {"sub": "somebody"}


class KeysOnDemand(Sequence[VerificationKey]):
    """A sequence of keys that is neither list nor tuple."""

    def __init__(self, *keys: VerificationKey) -> None:
        self.keys = keys

    def __getitem__(self, index: Any) -> Any:
        return self.keys[index]

    def __len__(self) -> int:
        return len(self.keys)


class Ran:
    """Counts how often a view ran."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return current_principal.subject or "unnamed" if current_principal else "anonymous"


@pytest.fixture
def ran() -> Ran:
    """The view of ``serve``."""
    return Ran()


def serve(app: Flask, auth: Authenticator, view: Callable[[], str]) -> Any:
    """Put the view behind each kind of guard, and return a client."""
    app.add_url_rule("/needed", "needed", auth.requires_authentication(view))
    app.add_url_rule("/optional", "optional", auth.optional_authentication(view))
    app.add_url_rule("/guarded", "guarded", view)
    guard = auth.guard()

    @app.before_request
    def only_guarded() -> Any:
        return guard() if request.path == "/guarded" else None

    return app.test_client()


def assert_server_fault(response: Any, ran: Ran) -> None:
    """Assert a 503 with Retry-After and no challenge, and that the view did not run."""
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "WWW-Authenticate" not in response.headers
    assert ran.times == 0


@PATHS
@pytest.mark.parametrize(
    "claims",
    [None, True, "claims", b"claims", 1, [("sub", "admin")], object()],
    ids=lambda claims: type(claims).__name__,
)
def test_a_validator_that_returns_no_mapping_is_a_503(
    app: Flask, issuer: TokenIssuer, token: str, ran: Ran, path: str, claims: Any
) -> None:
    """A validator's return value that isn't a mapping is a server fault, truthy or not."""
    auth = Authenticator(keys=issuer.verification_key, validator=Returning(claims))

    assert_server_fault(serve(app, auth, ran).get(path, headers=bearer(token)), ran)


def test_a_validator_may_return_any_mapping(app: Flask, issuer: TokenIssuer, token: str) -> None:
    """A plain dict becomes Claims, with the time of the check."""
    auth = Authenticator(keys=issuer.verification_key, validator=Returning({"sub": "plain"}))

    with app.test_request_context(headers=bearer(token)):
        claims = auth.authenticate().claims

    assert type(claims) is Claims
    assert claims.subject == "plain"
    assert claims.checked_at > 1_600_000_000
    assert claims.header == {}


@PATHS
@pytest.mark.parametrize(
    "token",
    ["eyJ", b"eyJ", True, {"token": "eyJ"}, BearerToken(b"eyJ"), BearerToken(None)],  # type: ignore[arg-type]
    ids=["str", "bytes", "True", "dict", "token of bytes", "token of None"],
)
def test_an_extractor_that_returns_no_token_is_a_503(
    app: Flask, issuer: TokenIssuer, ran: Ran, path: str, token: Any
) -> None:
    """An extractor must return a BearerToken with text; anything else is a server fault."""
    auth = Authenticator(
        keys=issuer.verification_key, extractor=Returning(token), validator=Returning({"sub": "a"})
    )

    assert_server_fault(serve(app, auth, ran).get(path), ran)


class OwnToken(BearerToken):
    """A custom subclass of a token."""


class OwnText(str):
    """A custom subclass of text."""

    __slots__ = ()


class OwnClaims(Claims):
    """A custom subclass of claims."""


def test_subclasses_of_the_values_are_kept(app: Flask, issuer: TokenIssuer, token: str) -> None:
    """A strategy may return its own subclass of a token, of text or of claims."""
    claims = OwnClaims({"sub": "own"}, checked_at=0)
    for sent in (OwnToken(token), BearerToken(OwnText(token))):
        trusting = Authenticator(keys=issuer.verification_key, extractor=Returning(sent))
        with app.test_request_context():
            assert trusting.authenticate().subject == "alice"
            assert trusting.authenticate().token is sent
        with app.test_request_context():
            own = trusting.evolve(validator=Returning(claims))
            assert own.authenticate().claims is claims


@pytest.mark.parametrize("text", ["", " ", "a", "a.b", "a.b.c"])
def test_an_extractor_may_return_malformed_text(
    app: Flask, issuer: TokenIssuer, ran: Ran, text: str
) -> None:
    """Text that isn't a valid token is the client's error and is refused."""
    auth = Authenticator(keys=issuer.verification_key, extractor=Returning(BearerToken(text)))

    assert serve(app, auth, ran).get("/needed").status_code == 401
    assert ran.times == 0


def _keys_generated() -> Iterator[VerificationKey]:
    yield TokenIssuer().verification_key


GARBAGE = [
    pytest.param(None, "NoneType", id="None"),
    pytest.param(False, "bool", id="False"),
    pytest.param("key", "str", id="str"),
    pytest.param("", "str", id="empty str"),
    pytest.param(b"", "bytes", id="bytes"),
    pytest.param({}, "dict", id="dict"),
    pytest.param(42, "int", id="int"),
    pytest.param(_keys_generated, "generator", id="generator"),
    pytest.param(
        ["-----BEGIN PUBLIC KEY-----"], "a str, expected a VerificationKey", id="list of str"
    ),
    pytest.param((None,), "a NoneType, expected a VerificationKey", id="tuple of None"),
    pytest.param(ConnectionError("down"), "ConnectionError", id="raises"),
    pytest.param(KeyError("kid"), "KeyError", id="raises KeyError"),
    pytest.param(NotImplementedError("unregistered"), "NotImplementedError", id="not implemented"),
    pytest.param(RecursionError("deep"), "RecursionError", id="raises RecursionError"),
]


@PATHS
@pytest.mark.parametrize(("keys", "names"), GARBAGE)
def test_a_provider_that_returns_no_keys_is_an_outage(
    app: Flask,
    token: str,
    ran: Ran,
    caplog: pytest.LogCaptureFixture,
    path: str,
    keys: Any,
    names: str,
) -> None:
    """Anything but a sequence of keys, or an exception, is a 503, and the log names the cause."""
    auth = Authenticator(keys=Returning(keys))
    client = serve(app, auth, ran)

    with caplog.at_level(logging.DEBUG, "flask_jwtlib"):
        response = client.get(path, headers=bearer(token))

    assert_server_fault(response, ran)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert names in caplog.text
    assert token not in caplog.text


@PATHS
def test_a_custom_validator_gets_the_checked_provider(
    app: Flask, token: str, ran: Ran, path: str
) -> None:
    """A custom validator is protected from a provider's invalid return values, too."""
    auth = Authenticator(keys=Returning("truthy garbage"), validator=KeyLookupValidator())

    assert_server_fault(serve(app, auth, ran).get(path, headers=bearer(token)), ran)


@pytest.mark.parametrize(
    "keys", [pytest.param((), id="tuple"), pytest.param([], id="list"), KeysOnDemand()]
)
def test_a_provider_without_a_fitting_key_refuses_the_token(
    app: Flask, token: str, ran: Ran, keys: Any
) -> None:
    """An empty sequence means that no key fits: the token is refused with 401."""
    client = serve(app, Authenticator(keys=Returning(keys)), ran)

    refused = client.get("/needed", headers=bearer(token))
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert client.get("/optional", headers=bearer(token)).text == "anonymous"


def test_a_provider_may_return_any_sequence(app: Flask, issuer: TokenIssuer, token: str) -> None:
    """Keys may come in a tuple, a list or a custom sequence."""
    for keys in (
        (issuer.verification_key,),
        [issuer.verification_key],
        KeysOnDemand(issuer.verification_key),
    ):
        with app.test_request_context(headers=bearer(token)):
            assert Authenticator(keys=Returning(keys)).authenticate().subject == "alice"


@PATHS
def test_a_provider_chooses_its_retry_after(app: Flask, token: str, ran: Ran, path: str) -> None:
    """A provider's VerificationUnavailable keeps its Retry-After."""
    outage = VerificationUnavailable("maintenance", retry_after=77)
    response = serve(app, Authenticator(keys=Returning(outage)), ran).get(
        path, headers=bearer(token)
    )

    assert_server_fault(response, ran)
    assert response.headers["Retry-After"] == "77"


@PATHS
@pytest.mark.parametrize(
    "fetched",
    [
        None,
        "",
        "<html>busy</html>",
        "null",
        '{"error": "busy"}',
        {"keys": []},
        ConnectionError("x"),
    ],
    ids=["None", "empty", "HTML", "null", "error JSON", "no keys", "raises"],
)
def test_a_fetch_without_keys_is_an_outage(
    app: Flask, token: str, ran: Ran, path: str, fetched: Any
) -> None:
    """A key server's error page isn't a key: 503 on every kind of route."""
    auth = Authenticator(keys=TTLKeyProvider(Returning(fetched)._result))

    assert_server_fault(serve(app, auth, ran).get(path, headers=bearer(token)), ran)


def test_an_outage_does_not_affect_requests_without_a_token(app: Flask, ran: Ran) -> None:
    """Without a token no keys are needed: 401, or anonymous on optional routes."""
    client = serve(app, Authenticator(keys=Returning(ConnectionError("down"))), ran)

    assert client.get("/needed").status_code == 401
    assert client.get("/optional").text == "anonymous"


@pytest.mark.parametrize("path", ["/needed", "/guarded"])
def test_a_handler_that_returns_none_sends_the_default_refusal(
    app: Flask,
    issuer: TokenIssuer,
    ran: Ran,
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    """The default refusal is sent, and the mistake is logged."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=Returning(None))

    response = serve(app, auth, ran).get(path)

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert ran.times == 0
    assert "Returning.deny returned None" in caplog.text


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        pytest.param(("no", 418), 418, id="tuple"),
        pytest.param({"no": "entry"}, 200, id="dict"),
        pytest.param("", 200, id="empty text"),
        pytest.param([], 200, id="empty list"),
        pytest.param(Response("no", 403), 403, id="Response"),
    ],
)
def test_a_handlers_response_replaces_the_views(
    app: Flask, issuer: TokenIssuer, ran: Ran, returned: Any, status: int
) -> None:
    """A handler's response, even an empty one, is sent, and the view doesn't run."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=Returning(returned))
    client = serve(app, auth, ran)

    assert client.get("/needed").status_code == status
    assert client.get("/guarded").status_code == status
    assert ran.times == 0


@pytest.mark.parametrize(
    "returned",
    [None, "ignored", False, Response("ignored", 418)],
    ids=["None", "str", "False", "Response"],
)
def test_the_return_value_of_anonymous_is_ignored(
    app: Flask, issuer: TokenIssuer, ran: Ran, returned: Any
) -> None:
    """What ``anonymous`` returns doesn't change the response."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=Returning(returned))

    assert serve(app, auth, ran).get("/optional").text == "anonymous"
    assert ran.times == 1


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        pytest.param("extractor", "/needed", id="extractor"),
        pytest.param("extractor", "/optional", id="extractor, optional"),
        pytest.param("extractor", "/guarded", id="extractor, guard"),
        pytest.param("validator", "/needed", id="validator"),
        pytest.param("validator", "/optional", id="validator, optional"),
        pytest.param("validator", "/guarded", id="validator, guard"),
        pytest.param("failure_handler", "/needed", id="deny"),
        pytest.param("failure_handler", "/optional", id="anonymous"),
        pytest.param("failure_handler", "/guarded", id="deny, guard"),
    ],
)
def test_an_exception_of_a_strategy_propagates(
    app: Flask, issuer: TokenIssuer, token: str, ran: Ran, broken: str, path: str
) -> None:
    """A strategy's bug doesn't become a refusal: it reaches the application's error handling."""
    parts: dict[str, Any] = {broken: Returning(LookupError("a bug"))}
    auth = Authenticator(keys=issuer.verification_key, **parts)
    headers = {} if broken == "failure_handler" else bearer(token)

    with pytest.raises(LookupError, match="a bug"):
        serve(app, auth, ran).get(path, headers=headers)
    assert ran.times == 0


def test_an_extractors_value_error_is_a_bug(app: Flask, issuer: TokenIssuer, ran: Ran) -> None:
    """InvalidRequestError is a ValueError, but a plain ValueError is not a refusal."""
    auth = Authenticator(keys=issuer.verification_key, extractor=Returning(ValueError("a bug")))

    with pytest.raises(ValueError, match="a bug"):
        serve(app, auth, ran).get("/optional")


@pytest.mark.parametrize(
    "error",
    [VerificationUnavailable("the introspection endpoint is down", retry_after=9)],
    ids=["unavailable"],
)
@pytest.mark.parametrize("broken", ["extractor", "validator"])
@PATHS
def test_any_strategy_may_report_an_outage(
    app: Flask, issuer: TokenIssuer, token: str, ran: Ran, path: str, broken: str, error: Exception
) -> None:
    """VerificationUnavailable from an extractor or a validator is a 503, on optional routes as well."""
    parts: dict[str, Any] = {broken: Returning(error)}
    auth = Authenticator(keys=issuer.verification_key, **parts)

    response = serve(app, auth, ran).get(path, headers=bearer(token))

    assert_server_fault(response, ran)
    assert response.headers["Retry-After"] == "9"


@PATHS
def test_a_refusal_by_the_extractor_counts(
    app: Flask, issuer: TokenIssuer, ran: Ran, path: str
) -> None:
    """Any AuthenticationError from an extractor refuses the request."""
    error = InvalidTokenError("from the extractor")
    auth = Authenticator(keys=issuer.verification_key, extractor=Returning(error))

    response = serve(app, auth, ran).get(path)

    if path == "/optional":
        assert response.text == "anonymous"
    else:
        assert response.status_code == 401


def test_a_rule_may_report_an_outage(app: Flask, issuer: TokenIssuer, token: str, ran: Ran) -> None:
    """A rule that calls another service may report its outage: 503, on optional routes as well."""

    def revoked(claims: Claims) -> None:
        raise VerificationUnavailable("the revocation list is unreachable")

    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "view", auth.optional_authentication(rules=[revoked])(ran))

    assert_server_fault(app.test_client().get("/", headers=bearer(token)), ran)


def test_an_async_rule_is_a_wrong_composition(issuer: TokenIssuer) -> None:
    """It is refused when the view is decorated, since nothing would await it."""

    async def rule(claims: Claims) -> bool:
        return True

    auth = Authenticator(keys=issuer.verification_key)
    with pytest.raises(ConfigurationError, match="async"):
        auth.requires_authentication(rules=[rule])  # type: ignore[list-item]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_rule_that_returns_a_coroutine_refuses(
    app: Flask, issuer: TokenIssuer, token: str, ran: Ran
) -> None:
    """A coroutine is truthy, but does not accept."""

    async def accept() -> bool:
        return True

    def rule(claims: Claims) -> Any:
        return accept()

    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "view", auth.requires_authentication(rules=[rule])(ran))

    assert app.test_client().get("/", headers=bearer(token)).status_code == 401
    assert ran.times == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=["interrupt", "exit"])
def test_process_exits_propagate(app: Flask, token: str, ran: Ran, error: BaseException) -> None:
    """SystemExit and its like pass through a key provider."""
    client = serve(app, Authenticator(keys=Returning(error)), ran)

    with pytest.raises(type(error)):
        client.get("/optional", headers=bearer(token))
    assert ran.times == 0


def test_a_custom_failure_handler_gets_the_error(
    app: Flask, issuer: TokenIssuer, expired: str, ran: Ran
) -> None:
    """A handler gets the error that it responds to, for refusals and anonymous requests."""
    seen: list[tuple[str, str]] = []

    class Handler:
        def deny(self, error: Any) -> tuple[str, int]:
            seen.append(("deny", type(error).__name__))
            return "custom", error.status

        def anonymous(self, error: Any) -> None:
            seen.append(("anonymous", type(error).__name__))

    auth = Authenticator(
        keys=issuer.verification_key, extractor=HeaderTokenExtractor(), failure_handler=Handler()
    )
    client = serve(app, auth, ran)

    assert client.get("/needed").text == "custom"
    assert client.get("/guarded", headers=bearer(expired)).text == "custom"
    assert client.get("/optional", headers=bearer(expired)).text == "anonymous"
    assert seen == [
        ("deny", "MissingTokenError"),
        ("deny", "ExpiredTokenError"),
        ("anonymous", "ExpiredTokenError"),
    ]
