"""Evidence that must be confirmed: an extractor without the validator that belongs to it lets nobody in."""

from __future__ import annotations

import copy
import logging
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen
from flask import Flask, Request

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    Claims,
    HeaderTokenExtractor,
    JWTValidator,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
    current_principal,
)
from flask_jwtlib.evidence import MustBeConfirmed
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer


@frozen
class Form(MustBeConfirmed):
    digest: str


@frozen
class LongForm(Form):
    """A subclass is evidence of its own."""


@frozen
class FormExtractor(TokenExtractor):
    """Attaches the evidence of a header to the token."""

    kind: type[Form] = Form

    def extract(self, request: Request) -> BearerToken | None:
        token = HeaderTokenExtractor().extract(request)
        digest = request.headers.get("Digest")
        return token.with_evidence(self.kind(digest)) if token and digest else token


@frozen
class FormValidator(TokenValidator):
    """Confirms what it is told to."""

    inner: TokenValidator
    confirmed: tuple[Any, ...] = (Form,)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return self.inner.validate(token, keys).confirming(*self.confirmed)


class Remembering:
    """Returns for every request what was confirmed for the first one."""

    def __init__(self, kept: Callable[[Claims], Any]) -> None:
        self.kept = kept
        self.first: Any = None

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        if self.first is None:
            self.first = self.kept(FormValidator(JWTValidator()).validate(token, keys))
        return self.first


JWT = JWTValidator()
ISSUER = TokenIssuer()
ROUTER = IssuerRouter(
    TrustedIssuer(ISSUER.issuer, keys=ISSUER.verification_key, validator=JWTValidator())
)
OPEN = {"Digest": "abc"}


def entered(enter: str, auth: Any, headers: dict[str, str]) -> tuple[int, str]:
    """Return the status and the body of a view that is protected in one of the ways."""
    app = Flask("app")
    app.testing = True
    if isinstance(auth, AppAuthenticator):
        auth.init_app(app)

    def caller() -> str:
        return str(current_principal or "guest")

    def asking() -> str:
        return str(auth.authenticate())

    view: Any = caller
    if enter == "required":
        view = auth.requires_authentication(caller)
    elif enter in ("optional", "strict"):
        view = auth.optional_authentication(strict=enter == "strict")(caller)
    elif enter == "authenticate":
        view = asking
    app.add_url_rule("/", "view", view)
    if enter == "protect":
        auth.protect(app)
    elif enter == "guard":
        app.before_request(auth.guard())
    response = app.test_client().get("/", headers=headers)
    return response.status_code, response.text


@pytest.mark.parametrize(
    "enter", ["required", "optional", "strict", "protect", "guard", "authenticate"]
)
@pytest.mark.parametrize(
    "validator",
    [JWT, CachingValidator(JWT), ROUTER, FormValidator(JWT, ()), FormValidator(JWT, ("Form",)),
     FormValidator(JWT, ("jkt",)), FormValidator(JWT, (LongForm,)), FormValidator(JWT, (MustBeConfirmed,))],
    ids=["JWT", "cached", "router", "nothing", "its name", "member of cnf", "subclass", "base class"],
)  # fmt: skip
def test_without_its_validator_nobody_gets_in(validator: Any, enter: str) -> None:
    """If no validator confirmed exactly this evidence, the response is a 503, on every route."""
    auth = Authenticator(
        keys=ISSUER.verification_key, validator=validator, extractor=FormExtractor()
    )

    status, text = entered(enter, auth, bearer(ISSUER.token()) | OPEN)

    assert status == 503
    assert "alice" not in text


def test_a_subclass_is_confirmed_by_itself() -> None:
    """Confirming the base class of some evidence doesn't confirm the evidence."""
    auth = Authenticator(
        keys=ISSUER.verification_key,
        validator=FormValidator(JWT),
        extractor=FormExtractor(LongForm),
    )

    assert entered("required", auth, bearer(ISSUER.token()) | OPEN)[0] == 503


@pytest.mark.parametrize(
    "validator",
    [FormValidator(JWT), CachingValidator(FormValidator(JWT)), FormValidator(CachingValidator(JWT)),
     FormValidator(ROUTER), FormValidator(JWT, (Form, "jkt", LongForm))],
    ids=["alone", "in a cache", "around a cache", "around a router", "with others"],
)  # fmt: skip
def test_its_validator_confirms_it(validator: Any) -> None:
    """Confirmed evidence is accepted, each time; a token without evidence needs nothing."""
    auth = Authenticator(
        keys=ISSUER.verification_key,
        validator=validator,
        extractor=FormExtractor(),
        scope_hierarchy={"a": ["b"]},
    )
    late = AppAuthenticator(lambda app: auth)
    token = bearer(ISSUER.token())

    for _ in range(2):
        assert entered("required", auth, token | OPEN) == (200, "alice")
        assert entered("protect", late, token | OPEN) == (200, "alice")
        assert entered("required", auth, token) == (200, "alice")
    assert str(auth.verify(ISSUER.token())) == "alice"


@pytest.mark.parametrize(
    "kept",
    [
        lambda claims: claims,
        copy.copy,
        lambda claims: pickle.loads(pickle.dumps(claims)),
        lambda claims: Claims(claims, checked_at=time.time()),
    ],
    ids=["object", "copy", "pickled", "new claims"],
)
def test_a_confirmation_counts_for_its_own_request(kept: Any) -> None:
    """What was confirmed for one request's evidence confirms nothing for another request."""
    auth = Authenticator(
        keys=ISSUER.verification_key, validator=Remembering(kept), extractor=FormExtractor()
    )
    token = bearer(ISSUER.token())
    entered("required", auth, token | OPEN)

    assert entered("required", auth, token | {"Digest": "other"})[0] == 503


def test_a_token_is_not_bound_by_the_name_of_evidence() -> None:
    """A member of ``cnf`` isn't confirmed because some evidence with that name is."""
    auth = Authenticator(
        keys=ISSUER.verification_key, validator=FormValidator(JWT), extractor=FormExtractor()
    )
    bound = bearer(ISSUER.token(cnf={"Form": "abc"}))

    assert entered("required", auth, bound | OPEN)[0] == 401


def test_the_log_says_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the evidence, and what to do; it doesn't show the evidence itself."""
    caplog.set_level(logging.INFO, logger="flask_jwtlib")
    auth = Authenticator(keys=ISSUER.verification_key, extractor=FormExtractor())

    entered("required", auth, bearer(ISSUER.token()) | {"Digest": "secret-digest"})

    assert "attached Form to the token, and no validator has checked it" in caplog.text
    assert "secret-digest" not in caplog.text
