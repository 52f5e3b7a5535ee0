"""An authenticator that is made at import, and configured for each app later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Blueprint, Flask, current_app
from flask.testing import FlaskClient

from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    Authenticator,
    Issuer,
    JWTValidator,
    Scope,
    VerificationUnavailable,
    current_principal,
    public,
)
from flask_jwtlib.errors import InsufficientScopeError, InvalidTokenError
from flask_jwtlib.testing import TokenIssuer, bearer
from tests.authenticator.callers import GATEWAY_HEADER, GatewayExtractor
from tests.kit import PATIENCE

A = TokenIssuer("https://a.example")
B = TokenIssuer("https://b.example")


def by_config(app: Flask) -> Authenticator:
    """Make the Authenticator of an app, from what its configuration says."""
    issuer: TokenIssuer = app.config["TRUSTED"]
    return Authenticator(
        keys=issuer.verification_key,
        validator=JWTValidator(rules=[Issuer(issuer.issuer), Audience(app.config["AUDIENCE"])]),
        policies=app.config.get("POLICIES", ()),
    )


def create_app(
    blueprint: Blueprint, trusted: TokenIssuer, *auths: AppAuthenticator, **config: Any
) -> Flask:
    """Make an app that trusts one issuer, with a blueprint whose views were decorated before."""
    app = Flask(__name__)
    app.testing = True
    app.config.update(TRUSTED=trusted, AUDIENCE="api", **config)
    app.register_blueprint(blueprint)
    for auth in auths:
        auth.init_app(app)
    return app


@pytest.fixture
def auth() -> AppAuthenticator:
    """An authenticator that no app has configured."""
    return AppAuthenticator(by_config)


@pytest.fixture
def blueprint(auth: AppAuthenticator) -> Blueprint:
    """A blueprint with a view of each kind."""
    blueprint = Blueprint("reports", __name__)

    @blueprint.get("/needed")
    @auth.requires_authentication
    def needed() -> str:
        return f"{current_app.config['TRUSTED'].issuer} {current_principal.subject}"

    @blueprint.get("/scoped")
    @auth.requires_authentication(rules=[Scope("read")])
    def scoped() -> str:
        return str(current_principal.subject)

    @blueprint.get("/optional")
    @auth.optional_authentication
    def optional() -> str:
        return str(current_principal.subject) if current_principal else "guest"

    @blueprint.get("/strict")
    @auth.optional_authentication(strict=True)
    def strict() -> str:
        return str(current_principal.subject) if current_principal else "guest"

    @blueprint.get("/asking")
    def asking() -> str:
        return str(auth.authenticate().subject)

    @blueprint.get("/open")
    @public
    def index() -> str:
        return "open"

    return blueprint


PATHS = ["/needed", "/scoped", "/optional", "/strict", "/asking"]


def get(client: FlaskClient, path: str, token: str | None = None) -> tuple[int, str]:
    """Return status and body of a response."""
    response = client.get(path, headers={} if token is None else bearer(token))
    return response.status_code, response.text


def test_two_apps_share_a_decorated_blueprint(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """Each app decides by its own settings, also while requests to both are served in turns."""
    clients = [create_app(blueprint, issuer, auth).test_client() for issuer in (A, B)]

    for _ in range(2):
        for client, own, other in ((clients[0], A, B), (clients[1], B, A)):
            token = own.token("alice", aud="api", scope="read")
            assert get(client, "/needed", token) == (200, f"{own.issuer} alice")
            assert get(client, "/scoped", token) == (200, "alice")
            assert get(client, "/optional", token) == (200, "alice")
            assert get(client, "/asking", token) == (200, "alice")
            assert get(client, "/scoped", own.token(aud="api"))[0] == 403
            for path in PATHS:
                status = get(client, path, other.token(aud="api", scope="read"))
                assert status == (200, "guest") if path == "/optional" else status[0] == 401


def test_requests_to_two_apps_at_the_same_time(
    auth: AppAuthenticator, blueprint: Blueprint
) -> None:
    """Threads that serve requests to different apps use the settings of their own app."""
    apps = [create_app(blueprint, issuer, auth) for issuer in (A, B)]
    tokens = [issuer.token(aud="api") for issuer in (A, B)]

    def hammer(number: int) -> set[int]:
        client, own, other = apps[number].test_client(), tokens[number], tokens[1 - number]
        return {get(client, "/needed", own)[0] for _ in range(20)} | {
            get(client, "/needed", other)[0] + 1000 for _ in range(20)
        }

    with ThreadPoolExecutor(4) as pool:
        for seen in pool.map(hammer, [0, 1, 0, 1], timeout=PATIENCE):
            assert seen == {200, 1401}


def test_before_init_app_requests_get_503(
    auth: AppAuthenticator, blueprint: Blueprint, caplog: pytest.LogCaptureFixture
) -> None:
    """Without ``init_app`` every request is refused with 503, and the log says what to call."""
    app = create_app(blueprint, A)
    client = app.test_client()

    for path in PATHS:
        for token in (A.token(aud="api", scope="read"), "garbage", None):
            caplog.clear()
            response = client.get(path, headers={} if token is None else bearer(token))
            assert response.status_code == 503
            assert "WWW-Authenticate" not in response.headers
            assert "init_app" not in response.text
            assert "call auth.init_app(app)" in caplog.text
    assert get(client, "/open") == (200, "open")


def test_the_first_request_may_come_before_init_app(
    auth: AppAuthenticator, blueprint: Blueprint
) -> None:
    """An app that is configured after its first request works from then on."""
    app = create_app(blueprint, A)
    client, token = app.test_client(), A.token("alice", aud="api")
    assert get(client, "/needed", token)[0] == 503

    auth.init_app(app)

    assert get(client, "/needed", token)[0] == 200
    assert get(client, "/needed")[0] == 401


def test_one_unconfigured_app_beside_a_configured_one(
    auth: AppAuthenticator, blueprint: Blueprint
) -> None:
    """One app's settings are never used for another app."""
    configured, forgotten = create_app(blueprint, A, auth), create_app(blueprint, A)
    token = A.token(aud="api")

    assert get(configured.test_client(), "/needed", token)[0] == 200
    assert get(forgotten.test_client(), "/needed", token)[0] == 503


def test_two_of_them_in_one_app(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """An app can have several, each with its own settings; only the views of a missing one get 503."""
    gateway = AppAuthenticator(
        lambda app: Authenticator(keys=B.verification_key, extractor=GatewayExtractor())
    )
    blueprint.get("/gateway")(
        gateway.requires_authentication(lambda: str(current_principal.subject))
    )
    both = create_app(blueprint, A, auth, gateway).test_client()
    one = create_app(blueprint, A, auth).test_client()
    headers = {**bearer(A.token("alice", aud="api")), GATEWAY_HEADER: B.token("gateway")}

    assert both.get("/gateway", headers=headers).text == "gateway"
    assert both.get("/asking", headers=headers).text == "alice"
    assert both.get("/gateway", headers=bearer(A.token(aud="api"))).status_code == 401
    assert one.get("/gateway", headers=headers).status_code == 503
    assert one.get("/asking", headers=headers).text == "alice"


def test_a_guard_and_protect(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """``guard`` and ``protect`` decide by the settings of the app that serves the request, too."""
    guarded = Blueprint("guarded", __name__, url_prefix="/guarded")
    guarded.before_request(auth.guard(rules=[Scope("admin")]))
    guarded.get("/")(lambda: str(current_principal.subject))
    blueprint.register_blueprint(guarded)
    app = create_app(blueprint, A)
    auth.protect(app)
    client = app.test_client()
    admin, other = A.token(aud="api", scope="admin"), B.token(aud="api", scope="admin")

    assert [get(client, path, admin)[0] for path in ("/guarded/", "/nowhere", "/open")] == [
        503,
        503,
        200,
    ]
    auth.init_app(app)
    assert [get(client, path, admin)[0] for path in ("/guarded/", "/nowhere", "/open")] == [
        200,
        404,
        200,
    ]
    assert [get(client, path, other)[0] for path in ("/guarded/", "/nowhere", "/open")] == [
        401,
        401,
        200,
    ]
    assert get(client, "/guarded/", A.token(aud="api"))[0] == 403
    assert get(client, "/optional") == (200, "guest")


def test_the_policies_of_each_app(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """The policies of an app's Authenticator apply in that app, and are named in its challenge."""
    strict = create_app(blueprint, A, auth, POLICIES=[Scope("staff")]).test_client()
    plain = create_app(blueprint, A, auth).test_client()
    token = A.token(aud="api", scope="read")

    assert get(plain, "/scoped", token)[0] == 200
    refused = strict.get("/scoped", headers=bearer(token))
    assert refused.status_code == 403
    assert 'scope="staff read"' in refused.headers["WWW-Authenticate"]


def test_verify(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """``verify`` uses the current app, or the given one, and needs no context then."""
    apps = [create_app(blueprint, issuer, auth) for issuer in (A, B)]
    token = A.token("alice", aud="api")

    assert auth.verify(token, app=apps[0]).subject == "alice"
    with apps[0].app_context():
        assert auth.verify(token).subject == "alice"
        with pytest.raises(InvalidTokenError):
            auth.verify(token, app=apps[1])
        assert auth.verify(token, app=current_app).subject == "alice"  # type: ignore[arg-type]
    with apps[1].app_context(), pytest.raises(InvalidTokenError):
        auth.verify(token)


def test_verify_says_what_it_needs(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """Without a current app, or before ``init_app``, ``verify`` raises an error that says what to do."""
    with pytest.raises(RuntimeError, match=r"pass app=…, or enter an app context"):
        auth.verify("x")
    app = create_app(blueprint, A)
    with pytest.raises(VerificationUnavailable) as error:
        auth.verify("x", app=app)
    assert "call auth.init_app(app)" in error.value.log_message
    with app.app_context(), pytest.raises(VerificationUnavailable):
        auth.authenticator()


def test_authenticate_with_a_given_request(auth: AppAuthenticator, blueprint: Blueprint) -> None:
    """``authenticate(request)`` uses the current app for a request that is passed to it."""
    apps = [create_app(blueprint, issuer, auth) for issuer in (A, B)]
    with apps[0].test_request_context(headers=bearer(A.token("alice", aud="api"))) as context:
        given = context.request

    with apps[0].app_context():
        assert auth.authenticate(given).subject == "alice"
    with apps[1].app_context(), pytest.raises(InvalidTokenError):
        auth.authenticate(given)
    strict = create_app(blueprint, A, auth, POLICIES=[Scope("staff")])
    with strict.app_context(), pytest.raises(InsufficientScopeError):
        auth.authenticate(given)
