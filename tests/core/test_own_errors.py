"""Error classes of an application, and the responses that Flask makes of errors."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.exceptions import Conflict, Forbidden, HTTPException, Unauthorized

from flask_jwtlib import AuthenticationError, Authenticator, InvalidTokenError
from flask_jwtlib.errors import (
    ClaimError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingClaimError,
    MissingTokenError,
    Refusal,
    RefusalContext,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer, bearer


def test_an_own_reason_is_a_class_with_a_description() -> None:
    """An organisation's own refusal inherits status and code."""

    class Revoked(InvalidTokenError):
        """The token was revoked."""

        description = "The access token was revoked"

    error = Revoked("list 7")
    assert (error.description, str(error), error.log_message) == (
        "The access token was revoked",
        "The access token was revoked",
        "list 7",
    )
    assert (Revoked.status, Revoked.error_code, Revoked.allows_anonymous) == (
        401,
        "invalid_token",
        True,
    )


def test_an_own_status_is_a_class_of_werkzeugs() -> None:
    """A refusal with another status derives from Werkzeug's class, too. Optional routes refuse it, too."""

    class Suspended(AuthenticationError, Conflict):
        """The account is suspended."""

        error_code = None
        description = "Suspended"

    assert (Suspended.status, Suspended.code, Suspended.allows_anonymous) == (409, 409, False)
    assert isinstance(Suspended(), Conflict)


def test_a_class_may_say_whether_optional_routes_serve_it() -> None:
    """``allows_anonymous`` can be set by a class, and its subclasses inherit it."""

    class Banned(AuthenticationError, Unauthorized):
        allows_anonymous = False

    class Tolerated(AuthenticationError, Forbidden):
        allows_anonymous = True

    class BannedForever(Banned):
        pass

    assert not Banned.allows_anonymous
    assert not BannedForever.allows_anonymous
    assert Tolerated.allows_anonymous


@pytest.mark.parametrize(
    ("bases", "attributes"),
    [
        pytest.param((AuthenticationError,), {}, id="no status"),
        pytest.param((AuthenticationError,), {"status": 403}, id="a number only"),
        pytest.param((AuthenticationError, HTTPException), {}, id="no status of Werkzeug's"),
        pytest.param((InvalidTokenError,), {"status": 403}, id="another number"),
        pytest.param((InvalidTokenError,), {"code": "invalid_token"}, id="OAuth's code"),
        pytest.param((InvalidTokenError, Forbidden), {}, id="two statuses"),
        pytest.param((ForbiddenError, InvalidTokenError), {}, id="two reasons"),
        pytest.param((Forbidden, AuthenticationError), {}, id="in the wrong order"),
        pytest.param((Refusal,), {}, id="of the base"),
    ],
)
def test_a_class_without_exactly_one_status_is_refused(
    bases: tuple[type, ...], attributes: dict[str, Any]
) -> None:
    """The class statement raises, and says what to derive from; so no request meets such an error."""
    with pytest.raises(
        TypeError, match=r"Own needs exactly one status.*\(AuthenticationError, Forbidden\)"
    ):
        type("Own", bases, attributes)


def test_the_base_cannot_be_raised() -> None:
    """``AuthenticationError`` has no status, so raising it says which classes have one."""
    with pytest.raises(TypeError, match="raise a subclass, such as InvalidTokenError"):
        raise AuthenticationError("no")


def test_a_base_class_of_an_application_has_no_status_either() -> None:
    """An abstract class groups an application's refusals, and can't be raised itself."""

    class Own(AuthenticationError, abstract=True):
        """The refusals of an organisation."""

    class Suspended(Own, Forbidden):
        """The account is suspended."""

    with pytest.raises(TypeError, match="Own has no HTTP status"):
        raise Own
    assert Suspended.status == 403
    assert isinstance(Suspended(), Own)


REFUSALS = [
    MissingTokenError(),
    InvalidRequestError(),
    InvalidTokenError(),
    ClaimError("iss"),
    MissingClaimError("iss"),
    InsufficientScopeError("a"),
    VerificationUnavailable(),
]
each_refusal = pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)


@each_refusal
@pytest.mark.parametrize("kind", [KeyError, LookupError, ValueError, RuntimeError])
def test_an_apps_handler_of_pythons_errors_gets_no_refusal(
    app: Flask, error: Refusal, kind: type[Exception]
) -> None:
    """An app that makes a 404 of each KeyError, or a 400 of each ValueError, still refuses as it should."""
    app.testing = False

    @app.errorhandler(kind)
    def handle(_: Exception) -> tuple[str, int]:
        return "captured", 404

    @app.get("/")
    def view() -> None:
        raise error

    response = app.test_client().get("/")
    assert (response.status_code, response.text) == (error.status, f"{error}\n")


@pytest.mark.parametrize("kind", [KeyError, ValueError])
@pytest.mark.parametrize("sent", ["nothing", "two tokens", "without the claim"])
def test_a_routes_refusal_reaches_no_handler_of_pythons_errors(
    app: Flask, issuer: TokenIssuer, sent: str, kind: type[Exception]
) -> None:
    """Neither a malformed request nor a rule that reads an absent claim becomes the app's own error."""
    auth = Authenticator(keys=issuer.verification_key)
    rule = lambda claims: claims["tenant"] == "a"  # noqa: E731
    app.register_error_handler(kind, lambda _: ("captured", 404))
    app.add_url_rule("/", "view", auth.requires_authentication(rules=[rule])(lambda: "in"))

    @app.get("/asked")
    def ask() -> str:
        return str(auth.authenticate().claims["sub"])

    headers = {
        "nothing": {},
        "two tokens": {"Authorization": "Bearer a b"},
        "without the claim": bearer(issuer.token()),
    }[sent]
    client = app.test_client()
    status = {"nothing": 401, "two tokens": 400, "without the claim": 401}[sent]
    assert client.get("/", headers=headers).status_code == status
    if sent != "without the claim":
        assert client.get("/asked", headers=headers).status_code == status


@each_refusal
def test_flasks_default_response_has_status_challenge_and_text(app: Flask, error: Refusal) -> None:
    """Raised without an Authenticator, a refusal is a response of plain text with its headers."""
    response = error.get_response()

    assert response.status_code == error.status
    assert response.get_data(as_text=True) == f"{error.description}\n"
    assert response.mimetype == "text/plain"
    assert ("WWW-Authenticate" in response.headers) is not isinstance(
        error, VerificationUnavailable
    )


def test_a_refusal_responds_with_the_authenticators_handler() -> None:
    """In context, the handler makes the response. The error that it gets doesn't call it again."""
    seen: list[Refusal] = []

    def respond(error: Refusal) -> Response:
        seen.append(error)
        return Response("own", error.status)

    error = InvalidTokenError("why").in_context(RefusalContext(realm="api", respond=respond))

    assert error.get_response().get_data(as_text=True) == "own"
    (handled,) = seen
    assert (handled.log_message, handled.context) == ("why", RefusalContext(realm="api"))
    assert handled.get_response().headers["WWW-Authenticate"].startswith('Bearer realm="api"')


def test_a_lazy_description_is_a_plain_text_in_context() -> None:
    """An app's error handler can put the description into JSON."""

    class Lazy:
        def __str__(self) -> str:
            return "nein"

    error = InvalidTokenError(description=Lazy())  # type: ignore[arg-type]

    assert type(error.in_context(RefusalContext()).description) is str
    assert error.in_context(RefusalContext()).description == "nein"


def test_an_abstract_class_says_that_no_optional_route_accepts_it() -> None:
    """``allows_anonymous`` of a class without a status holds for the classes below it."""

    class Demanding(AuthenticationError, abstract=True):
        allows_anonymous = False

    class NeedsSecondFactor(Demanding, Unauthorized):
        pass

    class Mixin:
        allows_anonymous = False

    class NeedsNonce(Mixin, AuthenticationError, Unauthorized):
        pass

    assert not NeedsSecondFactor.allows_anonymous
    assert not NeedsNonce.allows_anonymous
