"""Every extractor, validator and failure handler that the generated tests combine, and how each is used.

To have a new strategy combined with all others, list it here.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory, field, frozen
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    FailureHandler,
    HeaderTokenExtractor,
    Issuer,
    JWTValidator,
    RaisingHandler,
    TokenExtractor,
    TokenValidator,
    UnauthorizedHandler,
    current_principal,
)
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from flask_jwtlib_strategies.extractors.origin import OriginCheckedTokenExtractor
from flask_jwtlib_strategies.extractors.session import SessionTokenExtractor
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor
from flask_jwtlib_strategies.failure_handlers.json_template import JSONHandler
from flask_jwtlib_strategies.failure_handlers.login_redirect import LoginRedirectHandler
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.failure_handlers.routed import RoutedHandler
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

AUDIENCE = "https://api.example"
PROXY_HEADER = "Cf-Access-Jwt-Assertion"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}

ISSUER_NAME = "https://issuer.example"
CSRF = DoubleSubmit()
DEVELOPMENT = DevelopmentTokens(rules=[Audience(AUDIENCE)])
API_KEY = generate_api_key()
UNKNOWN_API_KEY = generate_api_key()


@frozen
class Place:
    """An extractor, and how a client sends it a token.

    Args:
        name: Its name in the tests.
        extractor: The extractor.
        scheme: The scheme of the tokens.
        vary: The headers by which responses vary.
        send: Sends a token with a client.
        schemes: The schemes of all challenges.
        validator: Puts the extractor's own validator around another one.
        is_public: Whether a shared cache may keep the responses, which it does only if the app says so.
    """

    name: str
    extractor: TokenExtractor
    scheme: str
    vary: tuple[str, ...]
    send: Callable[[FlaskClient, str], TestResponse]
    schemes: tuple[str, ...] = field(
        kw_only=True, default=Factory(lambda self: (self.scheme,), takes_self=True)
    )
    validator: Callable[[TokenValidator], TokenValidator] = field(
        kw_only=True, default=lambda validator: validator
    )
    is_public: bool = field(kw_only=True, default=False)


def _by_header(
    name: str, scheme: str = "", **more: str
) -> Callable[[FlaskClient, str], TestResponse]:
    return lambda client, token: client.get("/", headers={name: f"{scheme}{token}", **more})


def _by_cookie(client: FlaskClient, token: str) -> TestResponse:
    client.set_cookie("__Host-access_token", token)
    return client.post("/", headers=SAME_ORIGIN)


def _by_double_submit(client: FlaskClient, token: str) -> TestResponse:
    client.set_cookie("__Host-access_token", token)
    with client.application.app_context():
        submitted = CSRF.token_for({"iss": ISSUER_NAME, "sub": "alice"})
    return client.post("/", headers={**SAME_ORIGIN, CSRF.header: submitted})


def _by_session(client: FlaskClient, token: str) -> TestResponse:
    with client.session_transaction() as kept:
        kept["access_token"] = token
    return client.post("/", headers=SAME_ORIGIN)


_BEARER = BearerTokenExtractor(query=False)
_CHECKED = ("Sec-Fetch-Site", "Origin")
_by_bearer = _by_header("Authorization", "Bearer ")

PLACES = (
    Place("Bearer", _BEARER, "Bearer", ("Authorization",), _by_bearer, is_public=True),
    Place(
        "JWT",
        HeaderTokenExtractor(scheme="JWT"),
        "JWT",
        ("Authorization",),
        _by_header("Authorization", "JWT "),
        is_public=True,
    ),
    Place(
        "header of a proxy",
        CrossSiteCheckedTokenExtractor(HeaderTokenExtractor(PROXY_HEADER)),
        PROXY_HEADER,
        (PROXY_HEADER, *_CHECKED),
        _by_header(PROXY_HEADER),
    ),
    Place(
        "header of a script",
        HeaderTokenExtractor("X-Token", ambient=False),
        "X-Token",
        ("X-Token",),
        _by_header("X-Token"),
    ),
    Place(
        "query",
        QueryTokenExtractor(),
        "Bearer",
        (),
        lambda client, token: client.get("/", query_string={"access_token": token}),
    ),
    Place(
        "form",
        FormTokenExtractor(),
        "Bearer",
        (),
        lambda client, token: client.post("/", data={"access_token": token}),
    ),
    Place(
        "JSON",
        JSONTokenExtractor(),
        "Bearer",
        (),
        lambda client, token: client.post("/", json={"access_token": token}),
    ),
    Place(
        "WebSocket",
        WebSocketTokenExtractor(),
        "Bearer",
        ("Upgrade", "Sec-WebSocket-Protocol"),
        _by_header(
            "Sec-WebSocket-Protocol", "chat, bearer.", Upgrade="websocket", Connection="Upgrade"
        ),
    ),
    Place("cookie", CookieTokenExtractor(), "Cookie", ("Cookie", *_CHECKED), _by_cookie),
    Place(
        "double submit",
        CSRF.extractor(CookieTokenExtractor()),
        "Cookie",
        ("Cookie", *_CHECKED, CSRF.header),
        _by_double_submit,
        validator=CSRF.validator,
    ),
    Place("session", SessionTokenExtractor(), "Cookie", ("Cookie", *_CHECKED), _by_session),
    Place("API key", APIKeyExtractor(), "ApiKey", ("X-API-Key",), _by_header("X-API-Key")),
    Place(
        "listed origin",
        OriginCheckedTokenExtractor(HeaderTokenExtractor(), origins=["https://app.example"]),
        "Bearer",
        ("Authorization", "Origin"),
        _by_header("Authorization", "Bearer ", Origin="https://app.example"),
    ),
    Place(
        "Bearer and development",
        DEVELOPMENT.extractor(_BEARER),
        "Bearer",
        ("Authorization",),
        _by_bearer,
        validator=DEVELOPMENT.validator,
        is_public=True,
    ),
    *(
        Place(
            f"{name} of several",
            CompositeTokenExtractor(_BEARER, CookieTokenExtractor(), APIKeyExtractor()),
            scheme,
            ("Authorization", "Cookie", *_CHECKED, "X-API-Key"),
            send,
            schemes=("Bearer", "Cookie", "ApiKey"),
        )
        for name, scheme, send in (
            ("Bearer", "Bearer", _by_bearer),
            ("cookie", "Cookie", _by_cookie),
            ("API key", "ApiKey", _by_header("X-API-Key")),
        )
    ),
)
"""The extractors."""


@frozen
class Verifier:
    """A validator, with tokens that it accepts and refuses.

    Args:
        name: Its name in the tests.
        validator: The validator.
        good: A token that it accepts, of the subject ``alice``.
        bad: Tokens that it refuses, each with the reason.
        schemes: The schemes whose tokens it accepts. None for all.
    """

    name: str
    validator: TokenValidator
    good: str = field(repr=False)
    bad: dict[str, str] = field(repr=False)
    schemes: frozenset[str] | None = field(kw_only=True, default=None)


def make_verifiers(issuer: TokenIssuer, forger: TokenIssuer) -> list[Verifier]:
    """Make the validators, for tokens of an issuer."""
    rules = [Issuer(issuer.issuer), Audience(AUDIENCE)]
    jwt = JWTValidator(rules=rules)
    api_key = APIKeyValidator([APIKeyRecord("alice", digest=api_key_digest(API_KEY))])
    router = IssuerRouter(
        TrustedIssuer(issuer.issuer, keys=issuer.verification_key, audience=AUDIENCE)
    )
    good = issuer.token("alice", aud=AUDIENCE)
    bad = {
        "expired-token": issuer.token("alice", aud=AUDIENCE, exp=1),
        "token-not-yet-valid": issuer.token("alice", aud=AUDIENCE, nbf=2**40),
        "wrong-audience": issuer.token("alice", aud="https://other.example"),
        "bad-signature": forger.token("alice", aud=AUDIENCE),
        "malformed-token": "abc",
    }
    per_scheme = PerSchemeValidator(
        {
            "Bearer": jwt,
            "JWT": jwt,
            "Cookie": jwt,
            PROXY_HEADER: jwt,
            "X-Token": jwt,
            "ApiKey": api_key,
        }
    )
    keys = {"invalid-token": UNKNOWN_API_KEY, "malformed-token": good}
    return [
        Verifier("JWT", jwt, good, bad),
        Verifier("cached", CachingValidator(jwt), good, bad),
        Verifier("router", router, good, bad),
        Verifier(
            "by scheme",
            per_scheme,
            good,
            bad,
            schemes=frozenset(per_scheme.validators) - {"ApiKey"},
        ),
        Verifier("key by scheme", per_scheme, API_KEY, keys, schemes=frozenset({"ApiKey"})),
        Verifier("key", api_key, API_KEY, keys, schemes=frozenset({"ApiKey"})),
    ]


@frozen
class Refuser:
    """A failure handler, and what its responses look like.

    Args:
        name: Its name in the tests.
        handler: The handler.
        media_type: The media type of the responses.
        reason: Returns the reason in the body of a response. Returns None if the handler doesn't send it.
        vary: The headers by which its responses vary.
    """

    name: str
    handler: FailureHandler
    media_type: str
    reason: Callable[[TestResponse], str | None] = lambda _response: None
    vary: tuple[str, ...] = ()


def _of_json(name: str) -> Callable[[TestResponse], str | None]:
    return lambda response: response.json[name] if response.json else ""


REFUSERS = (
    Refuser("text", UnauthorizedHandler(), "text/plain"),
    Refuser("raised", RaisingHandler(), "text/plain"),
    Refuser("problem", ProblemDetailsHandler(), "application/problem+json", _of_json("reason")),
    Refuser(
        "template",
        JSONHandler(lambda error: {"code": error.reason}),
        "application/json",
        _of_json("code"),
    ),
    Refuser(
        "log-in page",
        LoginRedirectHandler("/login"),
        "application/problem+json",
        _of_json("reason"),
        ("Accept", "Sec-Fetch-Mode"),
    ),
    Refuser(
        "by path",
        RoutedHandler(ProblemDetailsHandler(), paths={"/pages": UnauthorizedHandler()}),
        "application/problem+json",
        _of_json("reason"),
    ),
)
"""The failure handlers."""


def app_of(
    place: Place, verifier: Verifier, refuser: Refuser, issuer: TokenIssuer
) -> tuple[Flask, Authenticator]:
    """Return an app whose only view, ``view``, shows the caller, and its ``Authenticator``."""
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=place.extractor,
        validator=place.validator(verifier.validator),
        failure_handler=refuser.handler,
    )
    app = Flask("resource_server")
    app.secret_key = "the session is signed by it"

    @app.route("/", methods=["GET", "POST"])
    @app.route("/", websocket=True)
    @auth.requires_authentication
    def view() -> str:
        return f"the caller is {current_principal.subject}"

    return app, auth
