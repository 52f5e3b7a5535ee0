"""``check`` accepts every strategy that the generated tests combine."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from threading import local

import pytest
from flask import Flask, Request, request

from flask_jwtlib import TokenExtractor, TokenValidator
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.contracts import check

from .combinations import AUDIENCE, PLACES, REFUSERS, Place, Refuser, Verifier, make_verifiers

pytestmark = pytest.mark.usefixtures("few_rounds")
ISSUER = TokenIssuer(claims={"aud": AUDIENCE})
# These read the app's session or sign with its secret key, and the contract's app has neither.
OF_THE_APP = {"session", "double submit"}
# It returns no response: it raises the error, and the app's own error handlers respond.
RAISING = {"raised"}


def sent_by(place: Place) -> Callable[[str], Request]:
    """Return a function that makes the request by which a client sends a token."""
    app = Flask("recorder", root_path=".")
    received = local()

    @app.before_request
    def record() -> str:
        body = request.get_data()
        received.request = Request({**request.environ, "wsgi.input": BytesIO(body)})
        return ""

    def request_with(token: str) -> Request:
        place.send(app.test_client(), token)
        return received.request  # type: ignore[no-any-return]

    return request_with


def extractors() -> dict[str, tuple[TokenExtractor, Place]]:
    """Return the extractors that need nothing of the app."""
    return {
        place.name: (place.extractor, place) for place in PLACES if place.name not in OF_THE_APP
    }


@pytest.mark.parametrize(("extractor", "place"), extractors().values(), ids=extractors())
def test_an_extractor(extractor: TokenExtractor, place: Place) -> None:
    """The extractor keeps its contract with the requests by which a client sends a token."""
    check(extractor, request_with=sent_by(place))


def validators() -> dict[str, TokenValidator]:
    """Return the validators of JWTs."""
    verifiers: list[Verifier] = make_verifiers(ISSUER, forger=TokenIssuer())
    return {each.name: each.validator for each in verifiers if each.schemes != {"ApiKey"}}


@pytest.mark.parametrize("validator", validators().values(), ids=validators())
def test_a_validator(validator: TokenValidator) -> None:
    """The validator keeps its contract: it refuses all bad tokens."""
    check(validator, issuer=ISSUER, rules=["Issuer", "Audience", "ClaimTypes"])


HANDLERS = {refuser.name: refuser for refuser in REFUSERS if refuser.name not in RAISING}


@pytest.mark.parametrize("refuser", HANDLERS.values(), ids=HANDLERS)
def test_a_failure_handler(refuser: Refuser) -> None:
    """The failure handler keeps its contract."""
    check(refuser.handler)
