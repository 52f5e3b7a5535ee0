"""A token with ``cnf`` that nothing confirmed is refused, at every door and by every validator."""

# ruff: noqa: D103 - each function is named after the door

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask, Request, request

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    Claims,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    current_principal,
)
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .evidence_kit import KEY, ProofExtractor, ProofValidator

CNF = {"jkt": KEY}
ISSUER = TokenIssuer()
BOUND = ISSUER.token(cnf=CNF)


class Returning:
    """A validator of opaque tokens, which returns what it was given."""

    def __init__(self, returned: Any) -> None:
        self.returned = returned

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.returned


class Copying:
    """Copies what another validator confirmed for a request with a proof."""

    def __init__(self, copied: Callable[[Claims], Any]) -> None:
        self.copied = copied

    def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.copied(ProofValidator(JWTValidator()).validate(token, keys))


class OwnClaims(Claims):
    """Claims of an application's own class."""


def claims(kind: type[Claims] = Claims) -> Claims:
    return kind({"sub": "alice", "cnf": CNF}, checked_at=time.time())


VALIDATORS: dict[str, Any] = {
    "JWT": JWTValidator(),
    "subclass": type("Own", (JWTValidator,), {})(),
    "cached": CachingValidator(JWTValidator()),
    "router": IssuerRouter(
        TrustedIssuer(ISSUER.issuer, keys=ISSUER.verification_key, validator=JWTValidator())
    ),
    "opaque dict": Returning({"sub": "alice", "cnf": CNF}),
    "opaque mapping": Returning(MappingProxyType({"sub": "alice", "cnf": CNF})),
    "opaque claims": Returning(claims()),
    "own claims": Returning(claims(OwnClaims)),
    "confirmed without evidence": Returning(claims().confirming("jkt")),
    "another member": Returning(claims().confirming("x5t#S256")),
    "mapping in cnf": Returning({"sub": "alice", "cnf": MappingProxyType(CNF)}),
}


def assigning(confirmed: Claims) -> Claims:
    copied = copy.copy(confirmed)
    copied.confirmed, copied.response_headers = confirmed.confirmed, confirmed.response_headers
    return copied


def by_view(decorate: Callable[[Authenticator], Any]) -> Callable[[Flask, Any], str]:
    def enter(app: Flask, auth: Any) -> str:
        app.add_url_rule("/", "view", decorate(auth)(lambda: str(current_principal or "guest")))
        return app.test_client().get("/", headers=bearer(BOUND)).text

    return enter


def by_guard(app: Flask, auth: Any) -> str:
    app.before_request(auth.guard())
    return by_view(lambda _: lambda view: view)(app, auth)


def by_protect(app: Flask, auth: Any) -> str:
    auth.protect(app)
    return by_view(lambda _: lambda view: view)(app, auth)


def by_authenticate(app: Flask, auth: Any) -> str:
    return by_view(lambda auth: lambda _: lambda: str(auth.authenticate()))(app, auth)


def by_given_request(app: Flask, auth: Any) -> str:
    with app.app_context(), pytest.raises(ClaimError) as refusal:
        auth.authenticate(make_request(headers=bearer(BOUND)))
    return str(refusal.value)


def by_verify(app: Flask, auth: Any) -> str:
    with app.app_context(), pytest.raises(ClaimError) as refusal:
        auth.verify(BOUND)
    return str(refusal.value)


DOORS: dict[str, Callable[[Flask, Any], str]] = {
    "required": by_view(lambda auth: auth.requires_authentication),
    "strict": by_view(lambda auth: auth.optional_authentication(strict=True)),
    "guard": by_guard,
    "protect": by_protect,
    "authenticate": by_authenticate,
    "authenticate(request)": by_given_request,
    "verify": by_verify,
}


@pytest.mark.parametrize("late", [False, True], ids=["", "AppAuthenticator"])
@pytest.mark.parametrize("enter", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("validator", VALIDATORS.values(), ids=VALIDATORS)
def test_an_unconfirmed_token_is_refused(
    app: Flask, validator: Any, enter: Callable[[Flask, Any], str], late: bool
) -> None:
    """Every validator leads to the same refusal at every door."""
    auth: Any = Authenticator(keys=ISSUER.verification_key, validator=validator)
    if late:
        made, auth = auth, AppAuthenticator(lambda app: made)
        auth.init_app(app)

    told = enter(app, auth)

    assert told.strip() in {
        "The access token is bound to a key, and the request does not prove its possession",
        "The access token's claims are not accepted here",
    }


def test_an_unconfirmed_token_makes_a_guest(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """An optional route lets the request in as a guest, and the log says what is missing."""
    caplog.set_level("INFO", logger="flask_jwtlib")
    enter = by_view(lambda auth: auth.optional_authentication)

    assert enter(app, Authenticator(keys=ISSUER.verification_key)) == "guest"
    assert "the token is bound by 'jkt' in cnf, and no validator confirmed it" in caplog.text
    assert "confirmed_elsewhere" in caplog.text


@pytest.mark.parametrize(
    ("copied", "status"),
    [
        (lambda claims: claims, 200),
        (copy.copy, 401),
        (copy.deepcopy, 401),
        (lambda claims: pickle.loads(pickle.dumps(claims)), 401),
        (dict, 401),
        (lambda claims: Claims(claims, checked_at=claims.checked_at), 401),
        (lambda claims: claims | {}, 401),
        (lambda claims: claims.copy(), 401),
        (assigning, 401),
    ],
    ids=[
        "itself",
        "copy",
        "deepcopy",
        "pickle",
        "dict",
        "Claims",
        "union",
        "dict.copy",
        "assigned",
    ],
)
def test_copies_carry_no_confirmation(
    app: Flask, copied: Callable[[Claims], Mapping[str, Any]], status: int
) -> None:
    """Whatever a validator copies loses what was confirmed, and its headers for the response."""
    auth = Authenticator(
        keys=ISSUER.verification_key, extractor=ProofExtractor(), validator=Copying(copied)
    )
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))

    headers = bearer(BOUND) | {"DPoP": f"{KEY} GET http://localhost/"}
    response = app.test_client().get("/", headers=headers)

    assert response.status_code == status
    assert ("DPoP-Nonce" in response.headers) is (status == 200)


def test_the_module_api_refuses_a_bound_token(app: Flask) -> None:
    """The documented decorators, ``check_token`` and ``get_json_token`` refuse it."""
    flask_jwtlib.set_permanent_verification_key(ISSUER.public_pem)
    app.add_url_rule("/", "view", flask_jwtlib.requires_authentication(lambda: "in"))
    app.add_url_rule("/check", "check", lambda: str(flask_jwtlib.check_token(BOUND)))
    app.add_url_rule("/json", "json", flask_jwtlib.get_json_token)
    client = app.test_client()

    def statuses() -> list[int]:
        return [client.get(path, headers=bearer(BOUND)).status_code for path in ("/", "/json")]

    assert statuses() == [401, 401]
    assert client.get("/check").text == "False"
    default = flask_jwtlib.check_token
    flask_jwtlib.check_token = lambda token: True
    assert statuses() == [401, 401]
    flask_jwtlib.check_token = lambda token: default(token) or True
    assert statuses() == [401, 401]


def test_a_callback_that_checks_a_second_token_refuses_a_bound_one(app: Flask) -> None:
    """``check_token`` of another token than the request's own is False if that one is bound."""
    flask_jwtlib.set_permanent_verification_key(ISSUER.public_pem)
    default = flask_jwtlib.check_token
    flask_jwtlib.check_token = lambda token: default(token) and default(request.headers["X-Second"])
    app.add_url_rule("/", "view", flask_jwtlib.requires_authentication(lambda: "in"))
    client = app.test_client()

    def status(second: str) -> int:
        headers = bearer(ISSUER.token()) | {"X-Second": second}
        return client.get("/", headers=headers).status_code

    assert [status(ISSUER.token("bob")), status(BOUND)] == [200, 401]


def test_a_variant_of_the_module_api_may_confirm(app: Flask) -> None:
    """``default_authenticator.evolve`` takes a validator that confirms, and one's own exceptions."""
    flask_jwtlib.set_permanent_verification_key(ISSUER.public_pem)
    default = flask_jwtlib.default_authenticator
    confirming = default.evolve(
        extractor=ProofExtractor(), validator=ProofValidator(default.validator)
    )
    excepting = default.evolve(confirmed_elsewhere=["jkt"])
    for name, auth in {"proof": confirming, "proxy": excepting}.items():

        def view() -> Any:
            return flask_jwtlib.get_json_token()["cnf"]

        app.add_url_rule(f"/{name}", name, auth.requires_authentication(view))
    client = app.test_client()

    proof = {"DPoP": f"{KEY} GET http://localhost/proof"}
    assert client.get("/proof", headers=bearer(BOUND) | proof).json == CNF
    assert client.get("/proof", headers=bearer(BOUND)).status_code == 401
    assert client.get("/proxy", headers=bearer(BOUND)).json == CNF


def test_two_requests_at_once_keep_their_confirmations_apart(app: Flask) -> None:
    """A request that a validator sends while it validates another confirms nothing for that one."""
    extractor = CompositeTokenExtractor(ProofExtractor())

    class Asking:
        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            if "/inner" not in str(request):
                headers = bearer(BOUND) | {"DPoP": f"{KEY} GET http://localhost/inner"}
                assert app.test_client().get("/inner", headers=headers).status_code == 200
            return ProofValidator(JWTValidator()).validate(token, keys)

    auth = Authenticator(keys=ISSUER.verification_key, extractor=extractor, validator=Asking())
    for path in ("/", "/inner"):
        app.add_url_rule(path, path, auth.requires_authentication(lambda: "in"))

    assert app.test_client().get("/", headers=bearer(BOUND)).status_code == 401
    headers = bearer(BOUND) | {"DPoP": f"{KEY} GET http://localhost/"}
    assert app.test_client().get("/", headers=headers).status_code == 200


def test_a_refusing_validator_leaves_no_evidence_behind(app: Flask) -> None:
    """After a validator raised, the evidence of its request confirms nothing in the same thread."""
    kept: list[Claims] = []

    class Failing:
        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            if kept:
                return kept[0]
            kept.append(ProofValidator(JWTValidator()).validate(token, keys))
            raise InvalidTokenError("not today")

    auth = Authenticator(
        keys=ISSUER.verification_key, extractor=ProofExtractor(), validator=Failing()
    )
    app.add_url_rule("/", "view", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    headers = bearer(BOUND) | {"DPoP": f"{KEY} GET http://localhost/"}
    assert [client.get("/", headers=h).status_code for h in (headers, bearer(BOUND))] == [401, 401]
    assert claims().confirming("jkt").made_for(BearerToken("").evidence)


def test_an_extractor_of_another_request_is_asked(app: Flask) -> None:
    """``authenticate(request)`` uses the evidence of the request that it was given."""
    auth = Authenticator(
        keys=ISSUER.verification_key,
        extractor=ProofExtractor(),
        validator=ProofValidator(JWTValidator()),
    )

    def given(**headers: str) -> Request:
        return make_request(headers=bearer(BOUND) | headers)

    proof = f"{KEY} GET http://localhost/"
    with app.test_request_context(headers={"DPoP": proof}):
        assert auth.authenticate(given(DPoP=proof)).subject == "alice"
        with pytest.raises(ClaimError, match="bound to a key"):
            auth.authenticate(given())
