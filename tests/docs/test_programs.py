"""Every program in README.rst and docs/ does what the text around it says."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import urllib3.util.connection
from attrs.exceptions import FrozenInstanceError
from flask import Flask, current_app, g, has_request_context
from flask.testing import FlaskClient

import flask_jwtlib
from flask_jwtlib import (
    Audience,
    Authenticator,
    ConfigurationError,
    Issuer,
    JWTValidator,
    Refresh,
    RequiredClaims,
    Subject,
    TTLKeyProvider,
)
from flask_jwtlib.claim_rules import Expiry
from flask_jwtlib.key_health import key_statuses
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

Run = Callable[[str, str], dict[str, Any]]
Reach = Callable[..., TokenIssuer]

API = "https://api.example"
ROOT = Path(__file__).parents[2]


def client_behind(decorator: Callable[[Any], Any]) -> FlaskClient:
    """Return a client of an app with one route, ``/``, which returns the caller's subject."""
    app = Flask("behind")
    app.testing = True

    @app.route("/", methods=["GET", "POST"])
    @decorator
    def index() -> str:
        return str(flask_jwtlib.current_principal.subject)

    return app.test_client()


def requirement(program: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the decorator of the ``Authenticator`` that a program composes."""
    auth: Authenticator = program["auth"]
    return auth.requires_authentication


def client_of(program: dict[str, Any]) -> FlaskClient:
    """Return a client of the app that a program defines."""
    program["app"].testing = True
    client: FlaskClient = program["app"].test_client()
    return client


def as_shown(url: str) -> str:
    """Return a URL as the document has it, with the reader's own values as words."""
    url = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "TENANT", url)
    for mine, yours in (
        ("//login.example/realms/example", "//HOST/realms/REALM"),
        ("//example.eu.auth0", "//TENANT.REGION.auth0"),
        ("eu-central-1_EXAMPLE", "POOL"),
        ("eu-central-1", "REGION"),
    ):
        url = url.replace(mine, yours)
    return url


@pytest.mark.usefixtures("workplace")
def test_it_runs_by_itself(any_program: Any) -> None:
    """Each program is complete: it needs only the files that the document mentions."""
    with warnings.catch_warnings():
        any_program.run()


class TestReadme:
    def test_the_module_guards_a_route(self, run: Run, issuer: TokenIssuer) -> None:
        """The program accepts a good token, and refuses a missing, a forged and a foreign one."""
        client = client_of(run("README.rst", "set_permanent_verification_key"))
        assert client.get("/me").status_code == 401
        response = client.get("/me", headers=bearer(issuer.token("alice", aud=API)))
        assert response.json == {"subject": "alice"}
        forged = TokenIssuer().token("alice", aud=API)
        assert client.get("/me", headers=bearer(forged)).status_code == 401
        foreign = issuer.token(aud="https://payroll.example")
        assert client.get("/me", headers=bearer(foreign)).status_code == 401

    def test_the_module_has_an_optional_route(self, run: Run, issuer: TokenIssuer) -> None:
        """The program's optional route greets strangers, and callers with a good token by name."""
        client = client_of(run("README.rst", "set_permanent_verification_key"))
        assert client.get("/greeting").text == "Hello stranger"
        headers = bearer(issuer.token("alice", aud=API))
        assert client.get("/greeting", headers=headers).text == "Hello alice"

    def test_an_authenticator_is_composed(self, run: Run, issuer: TokenIssuer) -> None:
        """The program requires a scope, and ignores the query parameter."""
        client = client_of(run("README.rst", "BearerTokenExtractor(query=False)"))
        reader = issuer.token("alice", aud=API, scope="reports:read")
        assert client.get("/reports", headers=bearer(reader)).json == {"reader": "alice"}
        assert client.get(f"/reports?access_token={reader}").status_code == 401
        poor = client.get("/reports", headers=bearer(issuer.token(aud=API)))
        assert poor.status_code == 403
        assert 'realm="reports"' in poor.headers["WWW-Authenticate"]
        assert 'scope="reports:read"' in poor.headers["WWW-Authenticate"]
        assert client.get("/").json == {"caller": None}
        assert client.get("/", headers=bearer(reader)).json == {"caller": "alice"}

    @pytest.mark.parametrize(
        ("claims", "status", "challenge"),
        [
            pytest.param({"tenant": "acme"}, 200, None, id="accepted"),
            pytest.param({"tenant": "rivals"}, 401, "another tenant", id="another-tenant"),
            pytest.param({}, 401, "lacks a required claim", id="no-tenant"),
        ],
    )
    def test_a_rule_is_a_function(
        self,
        run: Run,
        issuer: TokenIssuer,
        claims: dict[str, str],
        status: int,
        challenge: str | None,
    ) -> None:
        """The program's rule refuses other tenants' tokens, and says so."""
        client = client_of(run("README.rst", "URLTokenValidator"))
        response = client.get("/desk", headers=bearer(issuer.token(aud=API, **claims)))
        assert response.status_code == status
        if challenge:
            assert challenge in response.headers["WWW-Authenticate"]

    def test_a_subclass_checks_the_token(self, run: Run, issuer: TokenIssuer) -> None:
        """The program's validator accepts a token in a URL only if its lifetime is at most a minute."""
        client = client_of(run("README.rst", "URLTokenValidator"))
        long = issuer.token(aud=API, tenant="acme")
        assert client.get("/desk", headers=bearer(long)).status_code == 200
        refusal = client.get("/desk", query_string={"access_token": long})
        assert refusal.status_code == 401
        assert "lifetime is too long" in refusal.headers["WWW-Authenticate"]
        short = issuer.token(aud=API, tenant="acme", exp=int(time.time()) + 50)
        assert client.get("/desk", query_string={"access_token": short}).status_code == 200

    def test_six_lines_guard_an_app(
        self, first_program: Any, issuer: TokenIssuer, internet: Any
    ) -> None:
        """The README starts with a program of six lines: it requires the provider's tokens everywhere."""
        internet.publish(KEYCLOAK["iss"], KEYCLOAK_KEYS, issuer.jwk)
        assert first_program.line < 12
        assert len(first_program.text.strip().splitlines()) == 6
        program = first_program.run()
        program["app"].add_url_rule("/", view_func=lambda: "in")
        client = client_of(program)
        assert client.get("/").status_code == 401
        good = issuer.token(iss=KEYCLOAK["iss"], aud=API)
        assert client.get("/", headers=bearer(good)).text == "in"
        for bad in ({"typ": "ID"}, {"typ": "Refresh"}, {"exp": None}, {"aud": "account"}):
            token = issuer.token(**{"iss": KEYCLOAK["iss"], "aud": API, **bad})
            assert client.get("/", headers=bearer(token)).status_code == 401, bad

    def test_views_get_callers_and_require_scopes(
        self, run: Run, issuer: TokenIssuer, internet: Any
    ) -> None:
        """The program fetches the keys once, opens the public view, and requires a scope for one view."""
        internet.publish(KEYCLOAK["iss"], KEYCLOAK_KEYS, issuer.jwk)
        client = client_of(run("README.rst", "def readyz"))
        assert client.get("/reports").status_code == 401
        assert client.get("/no/such/path").status_code == 401
        assert internet.asked == []
        assert client.get("/readyz").json == {"ready": True}
        good = {"iss": KEYCLOAK["iss"], "aud": API}
        for _ in range(2):
            response = client.get("/reports", headers=bearer(issuer.token("alice", **good)))
            assert response.json == {"reader": "alice"}
        for bad in ({"iss": "https://login.example/realms/other"}, {"aud": "account"}):
            headers = bearer(issuer.token("alice", **{**good, **bad}))
            assert client.get("/reports", headers=headers).status_code == 401
        for scope, status in (("reports:read", 403), ("reports:delete", 204)):
            headers = bearer(issuer.token("alice", **good, scope=scope))
            assert client.delete("/reports", headers=headers).status_code == status
        assert internet.asked == [f"{KEYCLOAK['iss']}{METADATA}", KEYCLOAK_KEYS]

    def test_a_new_key_is_accepted_at_once(
        self, run: Run, issuer: TokenIssuer, internet: Any
    ) -> None:
        """The first token that names a new key is accepted."""
        internet.publish(KEYCLOAK["iss"], KEYCLOAK_KEYS, issuer.jwk)
        client = client_of(run("README.rst", "def readyz"))
        newer = TokenIssuer(KEYCLOAK["iss"], kid="key-2")
        for one in (issuer, newer):
            internet.publish(KEYCLOAK["iss"], KEYCLOAK_KEYS, one.jwk)
            token = one.token("alice", iss=KEYCLOAK["iss"], aud=API)
            assert client.get("/reports", headers=bearer(token)).status_code == 200

    def test_keys_survive_an_outage_of_four_hours(
        self, run: Run, issuer: TokenIssuer, internet: Any, clock_of: Any
    ) -> None:
        """While the issuer is down its tokens are accepted; after four hours they and the probe get a 503."""
        internet.publish(KEYCLOAK["iss"], KEYCLOAK_KEYS, issuer.jwk)
        program = run("README.rst", "def readyz")
        client, clock = client_of(program), clock_of(program["auth"].keys)
        headers = bearer(issuer.token("alice", iss=KEYCLOAK["iss"], aud=API))
        assert client.get("/reports", headers=headers).status_code == 200
        internet.idp.stop()
        clock.move(4 * 3600)
        assert client.get("/reports", headers=headers).status_code == 200
        assert client.get("/readyz").status_code == 200
        clock.move(301)
        refusal = client.get("/reports", headers=headers)
        assert (refusal.status_code, client.get("/readyz").status_code) == (503, 503)
        internet.idp.start()
        clock.move(int(refusal.headers["Retry-After"]) + 1)
        assert client.get("/readyz").status_code == 200


class TestExtending:
    DOCUMENT = "docs/extending.rst"

    def test_a_cookie_is_a_token_location(self, run: Run, issuer: TokenIssuer) -> None:
        """The cookie's token counts for GET, and not for POST."""
        client = client_behind(
            requirement(run(self.DOCUMENT, "CookieTokenExtractor(TokenExtractor)"))
        )
        client.set_cookie("access_token", issuer.token("alice"))
        assert client.get("/").text == "alice"
        assert client.post("/").status_code == 401

    def test_keys_come_from_a_function(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """The function's keys are used, for as long as it says."""
        bundle = {"jwks": issuer.jwks, "refresh_after": 20}
        (workplace / "bundle.json").write_text(json.dumps(bundle))
        program = run(self.DOCUMENT, "keys_of_the_bundle")
        client = client_behind(requirement(program))
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        status = program["auth"].keys.status()
        assert status["stale_seconds_left"] == 14_400
        assert program["keys_of_the_bundle"]().ttl == 20

    def test_keys_come_from_a_table(self, run: Run, issuer: TokenIssuer) -> None:
        """The key is chosen by its ID; an unknown ID is refused. Its status is reported."""
        client = client_behind(requirement(run(self.DOCUMENT, "TableKeyProvider(KeyProvider)")))
        assert key_statuses(client.application) == [
            {"provider": "TableKeyProvider", "state": "static", "kids": ["key-1"]}
        ]
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        unknown = issuer.token("alice", header={"kid": "../issuer"})
        assert client.get("/", headers=bearer(unknown)).status_code == 401

    def test_a_rule_is_a_function_or_an_object(self, run: Run, issuer: TokenIssuer) -> None:
        """The function refuses tokens, the object callers without the group."""
        program = run(self.DOCUMENT, "class Group")
        client = client_behind(program["only_editors"])
        good = issuer.token("alice", email_verified=True, groups=["editors"])
        assert client.get("/", headers=bearer(good)).text == "alice"
        not_verified = issuer.token("alice", email_verified=False, groups=["editors"])
        assert client.get("/", headers=bearer(not_verified)).status_code == 401
        elsewhere = issuer.token("alice", email_verified=True, groups=["readers"])
        assert client.get("/", headers=bearer(elsewhere)).status_code == 403

    @pytest.mark.parametrize(
        "groups",
        [
            pytest.param("not-editors", id="part-of-a-text"),
            pytest.param("", id="empty-text"),
            pytest.param(1, id="number"),
            pytest.param(True, id="true"),
            pytest.param({"editors": True}, id="object"),
            pytest.param([1, ["editors"], {"editors": 1}, None], id="odd-members"),
        ],
    )
    def test_an_invalid_claim_is_not_a_group(
        self, run: Run, issuer: TokenIssuer, groups: object
    ) -> None:
        """Anything but an array with the group, or the group itself, is refused and never a 500."""
        client = client_behind(run(self.DOCUMENT, "class Group")["only_editors"])
        token = issuer.token("alice", email_verified=True, groups=groups)
        assert client.get("/", headers=bearer(token)).status_code == 403

    def test_a_single_group_may_be_a_string(self, run: Run, issuer: TokenIssuer) -> None:
        """Some issuers write one group as a string: it counts as a whole."""
        client = client_behind(run(self.DOCUMENT, "class Group")["only_editors"])
        token = issuer.token("alice", email_verified=True, groups="editors")
        assert client.get("/", headers=bearer(token)).text == "alice"

    def test_a_views_audience_is_checked_in_addition(self, issuer: TokenIssuer) -> None:
        """A decorator's rule does not replace the validator's of the same class."""
        auth = Authenticator(
            keys=issuer.public_pem, validator=JWTValidator(rules=[Audience("all", "both")])
        )
        client = client_behind(auth.requires_authentication(rules=[Audience("view", "both")]))
        statuses = {
            audience: client.get("/", headers=bearer(issuer.token(aud=audience))).status_code
            for audience in ("all", "view", "both")
        }
        assert statuses == {"all": 401, "view": 401, "both": 200}

    @pytest.mark.parametrize(
        ("rule", "status"),
        [
            pytest.param(Expiry(required=True), 401, id="its-own-leeway-is-0"),
            pytest.param(Expiry(30, required=True), 200, id="its-own-leeway-given"),
        ],
    )
    def test_a_given_rule_has_its_own_leeway(self, rule: Expiry, status: int) -> None:
        """The validator's leeway applies to its standard rules."""
        issuer = TokenIssuer(lifetime=-5)
        auth = Authenticator(
            keys=issuer.public_pem, validator=JWTValidator(leeway=30, rules=[rule])
        )
        client = client_behind(auth.requires_authentication)
        assert client.get("/", headers=bearer(issuer.token())).status_code == status

    def test_a_subject_can_be_required(self, issuer: TokenIssuer) -> None:
        """``RequiredClaims("sub")`` accepts any subject, ``Subject`` only those it names."""
        with pytest.raises(ConfigurationError):
            Subject()
        auth = Authenticator(
            keys=issuer.public_pem, validator=JWTValidator(rules=[RequiredClaims("sub")])
        )
        client = client_behind(auth.requires_authentication)
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        assert client.get("/", headers=bearer(issuer.token(None))).status_code == 401

    def test_a_rule_uses_a_database(self, run: Run, issuer: TokenIssuer) -> None:
        """The rules refuse revoked tokens, and tenants that are not active or not even strings."""
        client = client_behind(requirement(run(self.DOCUMENT, "class ActiveTenant")))
        statuses: dict[str, int] = {}
        for tenant in ("acme", "rivals", ["acme"], {"acme": 1}, None):
            headers = bearer(issuer.token("alice", jti="1", tenant=tenant))
            statuses[str(tenant)] = client.get("/", headers=headers).status_code
        assert statuses.pop("acme") == 200
        assert set(statuses.values()) == {401}
        for jti in ("the-lost-laptop", None):
            token = issuer.token("alice", jti=jti, tenant="acme")
            assert client.get("/", headers=bearer(token)).status_code == 401

    def test_a_subclass_has_another_field(self, run: Run, issuer: TokenIssuer) -> None:
        """The subclass limits the lifetime of tokens in URLs by its field, and no others."""
        program = run(self.DOCUMENT, "class URLTokenValidator")
        client = client_behind(requirement(program))
        token = issuer.token("alice", exp=int(time.time()) + 90)
        assert client.get("/", headers=bearer(token)).text == "alice"
        assert client.get("/", query_string={"access_token": token}).text == "alice"
        token = issuer.token("alice", exp=int(time.time()) + 200)
        assert client.get("/", headers=bearer(token)).text == "alice"
        assert client.get("/", query_string={"access_token": token}).status_code == 401

    def test_a_plain_attribute_is_frozen(self) -> None:
        """As the text says, assigning in ``__init__`` raises, as does subclassing ``Authenticator``."""

        class Stateful(JWTValidator):
            def __init__(self) -> None:
                super().__init__()
                self.db = object()

        with pytest.raises(FrozenInstanceError):
            Stateful()
        with pytest.raises(TypeError, match="can't be subclassed"):
            type("Mine", (Authenticator,), {})

    def test_an_application_calls_authenticate(self, run: Run, issuer: TokenIssuer) -> None:
        """An error of ``authenticate()`` becomes the refusal that a decorator returns."""
        program = run(self.DOCUMENT, "auth.authenticate()")
        client = client_of(program)
        assert client.get("/files/public-1").text == "public-1 for everyone"
        none = client.get("/files/1")
        assert (none.status_code, none.headers["WWW-Authenticate"]) == (401, "Bearer")
        headers = bearer(issuer.token("alice"))
        assert client.get("/files/1", headers=headers).text == "1 for alice"
        poor = client.get("/files/secret-1", headers=headers)
        assert poor.status_code == 403
        assert 'scope="files:secret"' in poor.headers["WWW-Authenticate"]
        rich = bearer(issuer.token("alice", scope="files:secret"))
        assert client.get("/files/secret-1", headers=rich).text == "secret-1 for alice"
        forged = client.get("/files/1", headers=bearer(TokenIssuer().token("alice")))
        assert forged.status_code == 401
        assert 'error="invalid_token"' in forged.headers["WWW-Authenticate"]

    def test_an_outage_in_authenticate_is_a_503(self, run: Run, issuer: TokenIssuer) -> None:
        """Without keys the program's other handler responds 503."""
        program = run(self.DOCUMENT, "auth.authenticate()")

        def fail() -> str:
            raise OSError("no key server")

        program["auth"] = program["auth"].evolve(keys=fail)
        response = client_of(program).get("/files/1", headers=bearer(issuer.token()))
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1

    def test_the_module_functions_work_outside_of_a_decorator(
        self, run: Run, issuer: TokenIssuer
    ) -> None:
        """An error of ``get_json_token()`` in a bare view becomes a 401, 400 or 503 by two lines."""
        client = client_of(run(self.DOCUMENT, "refusals = UnauthorizedHandler"))
        token = issuer.token("alice")
        assert client.get("/me", headers=bearer(token)).json == {"subject": "alice"}
        none = client.get("/me")
        assert (none.status_code, none.headers["WWW-Authenticate"]) == (401, 'Bearer realm="files"')
        twice = client.get(f"/me?access_token={token}", headers=bearer(token))
        assert twice.status_code == 400
        flask_jwtlib.set_permanent_verification_key(None)
        assert client.get("/me", headers=bearer(token)).status_code == 503

    def test_tokens_need_not_be_jwts(self, run: Run) -> None:
        """A custom validator accepts only the tokens that were issued."""
        client = client_behind(requirement(run(self.DOCUMENT, "APITokenValidator(TokenValidator)")))
        assert client.get("/", headers=bearer("a-long-random-token")).text == "nightly-build"
        assert client.get("/", headers=bearer("another-token")).status_code == 401

    def test_a_validator_has_its_own_keys(
        self, run: Run, issuer: TokenIssuer, services: TokenIssuer
    ) -> None:
        """A token's own text chooses the keys, and can't bypass them."""
        client = client_behind(requirement(run(self.DOCUMENT, "class ServiceOrUserValidator")))
        of_a_service = {"header": {"typ": "service+jwt"}, "aud": "internal"}
        assert client.get("/", headers=bearer(issuer.token("alice", aud=API))).text == "alice"
        assert client.get("/", headers=bearer(services.token("job", **of_a_service))).text == "job"
        for token in (
            issuer.token(**of_a_service),
            services.token(aud=API),
            services.token(aud="internal"),
            issuer.token(aud="internal"),
        ):
            assert client.get("/", headers=bearer(token)).status_code == 401

    HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

    @pytest.mark.parametrize(
        "headers",
        [
            pytest.param({"Accept": HTML, "Sec-Fetch-Mode": "navigate"}, id="browser"),
            pytest.param({"Accept": HTML}, id="browser on plain HTTP"),
            pytest.param({"Accept": "text/html"}, id="HTML alone"),
        ],
    )
    def test_browsers_are_redirected_to_the_login_page(
        self, run: Run, headers: dict[str, str]
    ) -> None:
        """A browser without a token is redirected; with a bad one it is refused."""
        client = client_behind(
            requirement(run(self.DOCUMENT, "BrowserHandler(UnauthorizedHandler)"))
        )
        browser = client.get("/", headers=headers)
        assert (browser.status_code, browser.headers["Location"]) == (302, "/log-in")
        assert client.get("/", headers={**headers, **bearer("x")}).status_code == 401

    @pytest.mark.parametrize(
        "headers",
        [
            pytest.param({"Accept": "*/*"}, id="curl"),
            pytest.param({}, id="nothing said"),
            pytest.param({"Accept": "application/json, text/plain, */*"}, id="axios"),
            pytest.param(
                {"Accept": "application/json, text/plain, */*", "Sec-Fetch-Mode": "cors"},
                id="axios in a browser",
            ),
            pytest.param({"Accept": "*/*", "Sec-Fetch-Mode": "cors"}, id="fetch"),
            pytest.param({"Accept": HTML, "Sec-Fetch-Mode": "cors"}, id="fetch of HTML"),
            pytest.param({"Accept": "*/*", "Sec-Fetch-Mode": "no-cors"}, id="script element"),
            pytest.param({"Accept": "application/json"}, id="JSON"),
        ],
    )
    def test_programs_are_not_redirected(self, run: Run, headers: dict[str, str]) -> None:
        """Scripts and programs get the usual refusal, with a form as well."""
        client = client_behind(
            requirement(run(self.DOCUMENT, "BrowserHandler(UnauthorizedHandler)"))
        )
        program = client.get("/", headers=headers)
        assert program.status_code == 401
        assert program.headers["WWW-Authenticate"] == 'Bearer realm="reports"'


class TestMigration:
    DOCUMENT = "docs/migration.rst"

    @pytest.fixture
    def client(self, issuer: TokenIssuer) -> FlaskClient:
        """A client of an app on the module API, with the issuer's key and a route for all methods."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        app = Flask("old")
        app.testing = True

        @app.route("/", methods=["GET", "POST"])
        @flask_jwtlib.requires_authentication
        def index() -> str:
            return "in"

        return app.test_client()

    def test_an_old_application_runs(self, run: Run, issuer: TokenIssuer) -> None:
        """The application of the first program fetches its key and asks its own ``check_token``."""
        client = client_of(run(self.DOCUMENT, "tenant_is_acme"))
        ours = issuer.token("alice", tenant="acme")
        response = client.get("/me", headers=bearer(ours))
        assert response.json is not None
        assert response.json["sub"] == "alice"
        theirs = issuer.token("alice", tenant="rivals")
        assert client.get("/me", headers=bearer(theirs)).status_code == 401
        expired = issuer.token("alice", tenant="acme", exp=1)
        assert client.get("/me", headers=bearer(expired)).status_code == 401

    def test_an_audience_must_be_set(
        self,
        run: Run,
        issuer: TokenIssuer,
        client: FlaskClient,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A token with ``aud`` is refused; the log names the setting that accepts it."""
        headers = bearer(issuer.token(aud=API))
        assert client.get("/", headers=headers).status_code == 401
        assert "JWT_AUDIENCE" in caplog.text
        run(self.DOCUMENT, "# or a list of several")
        assert client.get("/", headers=headers).status_code == 200
        assert client.get("/", headers=bearer(issuer.token())).status_code == 401

    def test_clocks_may_differ(self, run: Run, client: FlaskClient) -> None:
        """With ten seconds of leeway, a token that expired a moment ago is accepted."""
        issuer = TokenIssuer(lifetime=0)
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        headers = bearer(issuer.token())
        assert client.get("/", headers=headers).status_code == 401
        run(self.DOCUMENT, "JWT_LEEWAY = 10")
        assert client.get("/", headers=headers).status_code == 200
        assert client.get("/", headers=bearer(issuer.token(exp=1))).status_code == 401

    def test_tokens_may_be_large(self, run: Run, issuer: TokenIssuer, client: FlaskClient) -> None:
        """A token of more than 8192 characters is refused until the setting is raised."""
        headers = bearer(issuer.token(groups=["a-group"] * 800))
        assert client.get("/", headers=headers).status_code == 401
        run(self.DOCUMENT, "JWT_MAX_SIZE")
        assert client.get("/", headers=headers).status_code == 200

    def test_a_subject_may_be_a_number(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """A whole number is refused until the setting converts it to text; a fraction always is."""
        headers = bearer(issuer.token(sub=42))
        assert client.get("/", headers=headers).status_code == 401
        run(self.DOCUMENT, "JWT_NUMERIC_SUBJECT")
        assert client.get("/", headers=headers).status_code == 200
        assert client.get("/", headers=bearer(issuer.token(sub=4.2))).status_code == 401

    def test_the_form_may_be_sent_with_get(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """One assignment reads a form with GET again."""
        form = {"access_token": issuer.token()}
        assert client.post("/", data=form).status_code == 200
        assert client.get("/", data=form).status_code == 401
        run(self.DOCUMENT, "by_get")
        assert client.get("/", data=form).status_code == 200
        assert client.post("/", data=form).status_code == 200
        assert client.get("/").status_code == 401

    def test_two_tokens_may_be_sent(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """With one assignment the header takes precedence, and other locations are used without one."""
        token = issuer.token()
        twice = {"headers": bearer(token), "query_string": {"access_token": token}}
        assert client.get("/", **twice).status_code == 401
        run(self.DOCUMENT, "def header_first")
        assert client.get("/", **twice).status_code == 200
        assert client.get("/", query_string={"access_token": token}).status_code == 200

    def test_the_query_may_be_turned_off(
        self, run: Run, issuer: TokenIssuer, client: FlaskClient
    ) -> None:
        """One assignment reads only the header."""
        token = issuer.token()
        assert client.get("/", query_string={"access_token": token}).status_code == 200
        run(self.DOCUMENT, "def header_only")
        assert client.get("/", query_string={"access_token": token}).status_code == 401
        assert client.get("/", headers=bearer(token)).status_code == 200

    def test_two_algorithms_may_be_accepted(self, run: Run, client: FlaskClient) -> None:
        """A list of algorithms accepts the keys of both."""
        newer = TokenIssuer(algorithm="ES256")
        run(self.DOCUMENT, '["RS256", "ES256"]')
        flask_jwtlib.set_permanent_verification_key(newer.jwks)
        assert client.get("/", headers=bearer(newer.token())).status_code == 200

    def test_weak_key_warnings_can_be_silenced(self, run: Run, client: FlaskClient) -> None:
        """A short secret causes a warning, and the filter silences it."""
        flask_jwtlib.JWT_ALGO = "HS256"
        flask_jwtlib.set_permanent_verification_key("short")
        weak = TokenIssuer(algorithm="HS256", private_key=b"short")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(self.DOCUMENT, "filterwarnings")
            assert client.get("/", headers=bearer(weak.token())).status_code == 200
        flask_jwtlib.set_permanent_verification_key("other")
        other = TokenIssuer(algorithm="HS256", private_key=b"other")
        with pytest.warns(flask_jwtlib.errors.InsecureKeyWarning):
            client.get("/", headers=bearer(other.token()))

    @pytest.mark.parametrize("setting", ["JWT_AUDIENCE", "JWT_ISSUER", "JWT_ALGO"])
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param([], id="empty-list"),
            pytest.param("", id="empty-text"),
            pytest.param(5, id="number"),
            pytest.param(iter(["RS256"]), id="iterator"),
        ],
    )
    def test_an_invalid_setting_is_a_503(
        self,
        client: FlaskClient,
        issuer: TokenIssuer,
        setting: str,
        value: object,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The request gets a 503, and the log names the setting."""
        monkeypatch.setattr(flask_jwtlib, setting, value)
        assert client.get("/", headers=bearer(issuer.token(aud=API))).status_code == 503
        assert "a setting of flask_jwtlib is wrong" in caplog.text

    @pytest.mark.parametrize("kind", [list, tuple, set])
    def test_a_setting_may_have_several_values(
        self, client: FlaskClient, issuer: TokenIssuer, kind: Callable[[list[str]], Any]
    ) -> None:
        """Lists, tuples and sets are equivalent for the three settings."""
        flask_jwtlib.JWT_AUDIENCE = kind([API, "https://old.example"])
        flask_jwtlib.JWT_ISSUER = kind([issuer.issuer])
        flask_jwtlib.JWT_ALGO = kind(["RS256", "ES256"])
        assert client.get("/", headers=bearer(issuer.token(aud=API))).status_code == 200
        assert client.get("/", headers=bearer(issuer.token(aud="me"))).status_code == 401

    def test_an_invalid_token_is_not_on_g(self, issuer: TokenIssuer) -> None:
        """On an optional route both names are None, while the functions still use the token."""
        flask_jwtlib.set_permanent_verification_key(issuer.public_pem)
        app = Flask("old")
        expired = issuer.token(exp=1)

        @app.get("/")
        @flask_jwtlib.optional_authentication
        def index() -> str:
            assert (g.authenticated, g.raw_token, g.json_token) == (False, None, None)
            assert flask_jwtlib.get_token() == expired
            with pytest.raises(flask_jwtlib.errors.ExpiredTokenError):
                flask_jwtlib.get_json_token()
            return "in"

        app.testing = True
        assert app.test_client().get("/", headers=bearer(expired)).text == "in"

    def test_callbacks_that_return_invalid_values_refuse(
        self, client: FlaskClient, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """None from a failure callback is the default refusal; an invalid type is a 503."""
        headers = bearer(issuer.token())
        with monkeypatch.context() as patch:
            patch.setattr(flask_jwtlib, "requires_authentication_failure_callback", lambda: None)
            assert client.get("/").status_code == 401

        async def yes(token: str) -> bool:
            return True

        with monkeypatch.context() as patch:
            patch.setattr(flask_jwtlib, "check_token", yes)
            assert client.get("/", headers=headers).status_code == 503
        with monkeypatch.context() as patch:
            patch.setattr(flask_jwtlib, "get_token", lambda: 5)
            assert client.get("/", headers=headers).status_code == 503
        assert client.get("/", headers=headers).status_code == 200

    def test_an_outage_is_not_a_refusal(self, client: FlaskClient, issuer: TokenIssuer) -> None:
        """Unavailable keys are a 503, and the failure callback is not called."""

        def fail() -> str:
            raise OSError("no key server")

        def refuse() -> str:
            raise AssertionError("the caller was refused")

        flask_jwtlib.set_permanent_verification_key(None)
        flask_jwtlib.retrieve_verification_key = fail
        flask_jwtlib.requires_authentication_failure_callback = refuse
        response = client.get("/", headers=bearer(issuer.token()))
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1

    def test_the_key_is_fetched_outside_of_the_request(
        self, client: FlaskClient, issuer: TokenIssuer
    ) -> None:
        """The callback has the app and no request, and is not called with a permanent key."""
        seen: list[tuple[str, bool]] = []

        def key() -> str:
            seen.append((current_app.name, has_request_context()))
            return issuer.public_pem

        flask_jwtlib.retrieve_verification_key = key
        headers = bearer(issuer.token(header={"kid": "any"}))
        assert client.get("/", headers=headers).status_code == 200
        assert seen == []
        flask_jwtlib.set_permanent_verification_key(None)
        for _ in range(2):
            assert client.get("/", headers=headers).status_code == 200
        assert seen == [("old", False)]

    def test_a_set_is_fetched_again_for_an_unknown_key(self, client: FlaskClient) -> None:
        """A callback that returns a JWK set is called again for a token with another ``kid``."""
        issuers = [TokenIssuer(kid=kid) for kid in ("key-1", "key-2")]
        responses = [json.dumps(issuer.jwks) for issuer in issuers]
        flask_jwtlib.set_permanent_verification_key(None)
        flask_jwtlib.retrieve_verification_key = lambda: responses.pop(0)
        for issuer in issuers:
            assert client.get("/", headers=bearer(issuer.token())).status_code == 200
        assert responses == []

    def test_two_tokens_are_a_value_error(self, issuer: TokenIssuer) -> None:
        """``get_token()`` raises an error that old code may catch: a ``ValueError``."""
        app = Flask("old")
        token = issuer.token()
        query = {"access_token": token}
        with (
            app.test_request_context("/", headers=bearer(token), query_string=query),
            pytest.raises(ValueError),
        ):
            flask_jwtlib.get_token()

    def test_both_apis_work_together(self, run: Run, issuer: TokenIssuer) -> None:
        """The last program's routes, on the module API and an Authenticator, accept the same token."""
        client = client_of(run(self.DOCUMENT, "def before"))
        for path in ("/before", "/after"):
            response = client.get(path, headers=bearer(issuer.token("alice", aud=API)))
            assert response.json == {"subject": "alice"}
            assert client.get(path).status_code == 401


METADATA = "/.well-known/openid-configuration"
KEYCLOAK_KEYS = "https://login.example/realms/example/protocol/openid-connect/certs"
TENANTS = ["11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"]
AUTH0 = {
    "iss": "https://example.eu.auth0.com/",
    "aud": [API, "https://example.eu.auth0.com/userinfo"],
    "azp": "the-client",
    "scope": "openid read:reports",
    "permissions": ["read:reports"],
}
KEYCLOAK = {
    "iss": "https://login.example/realms/example",
    "aud": [API, "account"],
    "typ": "Bearer",
    "azp": "the-client",
    "scope": "profile email",
    "realm_access": {"roles": ["editor", "offline_access"]},
}
ENTRA = {
    "iss": f"https://login.microsoftonline.com/{TENANTS[0]}/v2.0",
    "aud": "66666666-7777-8888-9999-000000000000",
    "ver": "2.0",
    "scp": "Reports.Read Profile.Read",
}
COGNITO = {
    "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
    "client_id": "1example23456789",
    "token_use": "access",
    "scope": "openid https://api.example/reports.read",
    "jti": "1",
}
COGNITO_PROGRAM = "https://api.example/reports.read"
# The URLs that the issuers' metadata have for their keys.
KEY_URLS = {
    AUTH0["iss"]: "https://example.eu.auth0.com/.well-known/jwks.json",
    KEYCLOAK["iss"]: KEYCLOAK_KEYS,
    COGNITO["iss"]: f"{COGNITO['iss']}/.well-known/jwks.json",
    **{
        f"https://login.microsoftonline.com/{tenant}/v2.0": (
            f"https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"
        )
        for tenant in TENANTS
    },
}


@pytest.fixture
def reach(internet: Any) -> Reach:
    """Return a function that makes issuers publish a key, and returns the signing issuer."""

    def reach(*names: str, kid: str = "key-1") -> TokenIssuer:
        issuer = TokenIssuer(kid=kid)
        for name in names:
            internet.publish(name, KEY_URLS[name], issuer.jwk)
        return issuer

    return reach


class TestProviders:
    DOCUMENT = "docs/providers.rst"

    @pytest.fixture
    def published(self, issuer: TokenIssuer, internet: Any) -> Any:
        """The issuers of the document, who all publish a key without an algorithm, as Entra ID does.

        Beside it is an encryption key, as with Keycloak.
        """
        key = {name: value for name, value in issuer.jwk.items() if name != "alg"}
        encryption = {**issuer.jwk, "kid": "key-2", "use": "enc", "alg": "RSA-OAEP"}
        for name, url in KEY_URLS.items():
            internet.publish(name, url, encryption, key)
        return internet

    @pytest.mark.parametrize(
        ("section", "decorator", "claims", "changes", "status"),
        [
            pytest.param("auth0.com", "readers_only", AUTH0, {}, 200, id="auth0"),
            pytest.param(
                "auth0.com",
                "readers_only",
                AUTH0,
                {"iss": "https://example.eu.auth0.com"},
                401,
                id="auth0-no-slash",
            ),
            pytest.param(
                "auth0.com", "readers_only", AUTH0, {"aud": "the-client"}, 401, id="auth0-id-token"
            ),
            pytest.param(
                "auth0.com", "readers_only", AUTH0, {"permissions": []}, 403, id="auth0-permission"
            ),
            pytest.param("realm_access", "editors_only", KEYCLOAK, {}, 200, id="keycloak"),
            pytest.param(
                "realm_access", "editors_only", KEYCLOAK, {"typ": "ID"}, 401, id="keycloak-id-token"
            ),
            pytest.param(
                "realm_access",
                "editors_only",
                KEYCLOAK,
                {"typ": "Refresh"},
                401,
                id="keycloak-refresh",
            ),
            pytest.param(
                "realm_access",
                "editors_only",
                KEYCLOAK,
                {"nonce": "n"},
                200,
                id="keycloak-before-25",
            ),
            pytest.param(
                "realm_access", "editors_only", KEYCLOAK, {"aud": "account"}, 401, id="keycloak-aud"
            ),
            pytest.param(
                "realm_access", "editors_only", KEYCLOAK, {"aud": None}, 401, id="keycloak-no-aud"
            ),
            pytest.param(
                "realm_access",
                "editors_only",
                KEYCLOAK,
                {"realm_access": None},
                403,
                id="keycloak-no-roles",
            ),
            pytest.param("is_background_job", "users_only", ENTRA, {}, 200, id="entra"),
            pytest.param(
                "is_background_job", "users_only", ENTRA, {"scp": None}, 403, id="entra-no-scp"
            ),
            pytest.param(
                "is_background_job",
                "users_only",
                ENTRA,
                {"iss": "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"},
                401,
                id="entra-version-1",
            ),
            pytest.param(
                "is_background_job",
                "users_only",
                ENTRA,
                {"aud": "api://reports"},
                401,
                id="entra-app-uri",
            ),
            pytest.param(
                "is_background_job",
                "jobs_only",
                ENTRA,
                {"scp": None, "roles": ["Reports.Read.All"]},
                200,
                id="entra-job",
            ),
            pytest.param("is_background_job", "jobs_only", ENTRA, {}, 403, id="entra-user-as-job"),
            pytest.param(COGNITO_PROGRAM, "readers_only", COGNITO, {}, 200, id="cognito"),
            pytest.param(
                COGNITO_PROGRAM,
                "readers_only",
                COGNITO,
                {"token_use": "id", "aud": "1example23456789"},
                401,
                id="cognito-id-token",
            ),
            pytest.param(
                COGNITO_PROGRAM,
                "readers_only",
                COGNITO,
                {"client_id": "x"},
                401,
                id="cognito-client",
            ),
            pytest.param(
                COGNITO_PROGRAM,
                "readers_only",
                COGNITO,
                {"client_id": ["1example23456789"]},
                401,
                id="cognito-clients",
            ),
            pytest.param(
                COGNITO_PROGRAM,
                "readers_only",
                COGNITO,
                {"scope": "openid"},
                403,
                id="cognito-scope",
            ),
            pytest.param(
                COGNITO_PROGRAM, "readers_only", COGNITO, {"aud": API}, 401, id="cognito-binding"
            ),
        ],
    )
    def test_an_issuers_tokens_are_distinguished(
        self,
        run: Run,
        issuer: TokenIssuer,
        published: Any,
        section: str,
        decorator: str,
        claims: dict[str, Any],
        changes: dict[str, Any],
        status: int,
    ) -> None:
        """A composition accepts an issuer's access tokens, and none of its other tokens."""
        client = client_behind(run(self.DOCUMENT, section)[decorator])
        response = client.get("/", headers=bearer(issuer.token("alice", **{**claims, **changes})))
        assert response.status_code == status
        name = str(claims["iss"])
        assert published.asked == [f"{name.removesuffix('/')}{METADATA}", KEY_URLS[name]]
        assert f"``{as_shown(KEY_URLS[name])}``" in (ROOT / self.DOCUMENT).read_text()

    @pytest.mark.parametrize(
        ("containing", "claims", "changes", "status"),
        [
            *(
                pytest.param('"account"', {**KEYCLOAK, "aud": "account"}, changes, status, id=name)
                for name, changes, status in (
                    ("keycloak-spa", {"azp": "spa"}, 200),
                    ("keycloak-jobs", {"azp": "nightly-jobs", "aud": ["account", "x"]}, 200),
                    ("keycloak-other-client", {}, 401),
                    ("keycloak-no-client", {"azp": None}, 401),
                    ("keycloak-id", {"azp": "spa", "typ": "ID"}, 401),
                    ("keycloak-clients-id-token", {"azp": "spa", "aud": "spa"}, 401),
                )
            ),
            *(
                pytest.param("AudienceIfAny", COGNITO, changes, status, id=name)
                for name, changes, status in (
                    ("cognito-unbound", {}, 200),
                    ("cognito-bound", {"aud": API}, 200),
                    ("cognito-other-client", {"client_id": "2example23456789"}, 200),
                    ("cognito-bound-to-another", {"aud": "https://other.example"}, 401),
                    ("cognito-strange-client", {"client_id": "x", "aud": API}, 401),
                    ("cognito-id", {"token_use": "id", "aud": "1example23456789"}, 401),
                )
            ),
            *(
                pytest.param("class IDTokens", {**KEYCLOAK, **claims}, {}, status, id=name)
                for name, claims, status in (
                    ("id-token", {"aud": "the-application", "typ": "ID", "nonce": "n"}, 200),
                    ("id-token-of-others", {"typ": "ID", "nonce": "n"}, 401),
                    ("access-token", {"aud": "the-application"}, 401),
                    ("event", {"aud": "the-application", "nonce": "n", "events": {}}, 401),
                    ("endless", {"aud": "the-application", "nonce": "n", "exp": None}, 401),
                )
            ),
            *(
                pytest.param(
                    "max_size=16384", KEYCLOAK, {"groups": ["g" * 98] * n}, status, id=name
                )
                for name, n, status in (("large", 100, 200), ("too-large", 130, 401))
            ),
        ],
    )
    @pytest.mark.usefixtures("published")
    def test_other_compositions_work_as_described(
        self,
        run: Run,
        issuer: TokenIssuer,
        containing: str,
        claims: dict[str, Any],
        changes: dict[str, Any],
        status: int,
    ) -> None:
        """Clients replace an audience, ID tokens are accepted by an option, and larger tokens too."""
        client = client_behind(requirement(run(self.DOCUMENT, containing)))
        response = client.get("/", headers=bearer(issuer.token("alice", **{**claims, **changes})))
        assert response.status_code == status

    @pytest.mark.parametrize(
        ("section", "decorator", "claims", "odd"),
        [
            pytest.param(section, decorator, claims, odd, id=name)
            for name, section, decorator, claims, odd in (
                (
                    "auth0-text",
                    "auth0.com",
                    "readers_only",
                    AUTH0,
                    {"permissions": "read:reports2"},
                ),
                ("auth0-number", "auth0.com", "readers_only", AUTH0, {"permissions": 1}),
                ("keycloak-list", "realm_access", "editors_only", KEYCLOAK, {"realm_access": [1]}),
                (
                    "keycloak-text",
                    "realm_access",
                    "editors_only",
                    KEYCLOAK,
                    {"realm_access": {"roles": "no-editor-at-all"}},
                ),
                (
                    "keycloak-object",
                    "realm_access",
                    "editors_only",
                    KEYCLOAK,
                    {"realm_access": {"roles": {"editor": 1}}},
                ),
                (
                    "entra-text",
                    "is_background_job",
                    "jobs_only",
                    ENTRA,
                    {"roles": "Reports.Read.All2"},
                ),
                ("entra-number", "is_background_job", "jobs_only", ENTRA, {"roles": 5}),
            )
        ],
    )
    @pytest.mark.usefixtures("published")
    def test_an_invalid_claim_is_not_a_permission(
        self,
        run: Run,
        issuer: TokenIssuer,
        section: str,
        decorator: str,
        claims: dict[str, Any],
        odd: dict[str, Any],
    ) -> None:
        """A part of a text isn't a role, and a claim of another type is refused and never a 500."""
        client = client_behind(run(self.DOCUMENT, section)[decorator])
        response = client.get("/", headers=bearer(issuer.token("alice", **{**claims, **odd})))
        assert response.status_code == 403

    @pytest.mark.parametrize("tenant", TENANTS)
    def test_several_tenants_and_both_versions_are_accepted(
        self, run: Run, issuer: TokenIssuer, published: Any, tenant: str
    ) -> None:
        """Each issuer has its own keys and audience; other tenants are refused without a lookup."""
        jwks_url = "https://login.microsoftonline.com/common/discovery/keys"
        first, second = (
            f"https://sts.windows.net/{tenant}/",
            f"https://login.microsoftonline.com/{tenant}/v2.0",
        )
        published.publish(first, jwks_url, issuer.jwk)
        client = client_behind(requirement(run(self.DOCUMENT, "def version_1")))

        def status(iss: str, aud: str) -> int:
            headers = bearer(issuer.token(iss=iss, aud=aud))
            return client.get("/", headers=headers).status_code

        assert status("https://sts.windows.net/99999999-0000-0000-0000-000000000000/", "x") == 401
        assert published.asked == []
        assert status(first, "api://reports") == 200
        assert published.asked == [f"{first[:-1]}{METADATA}", jwks_url]
        assert status(second, ENTRA["aud"]) == 200
        assert published.asked[2:] == [f"{second}{METADATA}", KEY_URLS[second]]
        assert status(second, "api://reports") == 401
        assert status(first, "api://payroll") == 401

    @pytest.mark.parametrize(
        ("containing", "name", "metadata", "issuer_in_metadata", "iss", "aud"),
        [
            pytest.param(
                "b2c_1_signin",
                "b2c",
                "https://example.b2clogin.com/example.onmicrosoft.com/b2c_1_signin/v2.0",
                f"https://example.b2clogin.com/{TENANTS[0]}/v2.0/",
                f"https://example.b2clogin.com/{TENANTS[0]}/v2.0/",
                "66666666-7777-8888-9999-000000000000",
                id="b2c",
            ),
            pytest.param(
                "b2c_1_signin",
                "adfs",
                "https://adfs.example/adfs",
                "https://adfs.example/adfs",
                "http://adfs.example/adfs/services/trust",
                "microsoft:identityserver:reports",
                id="adfs",
            ),
            pytest.param(
                "?appid=",
                "auth",
                f"https://login.microsoftonline.com/{TENANTS[0]}/v2.0",
                f"https://login.microsoftonline.com/{TENANTS[0]}/v2.0",
                f"https://login.microsoftonline.com/{TENANTS[0]}/v2.0",
                "66666666-7777-8888-9999-000000000000",
                id="entra-appid",
            ),
        ],
    )
    def test_metadata_elsewhere_are_found(
        self,
        run: Run,
        issuer: TokenIssuer,
        internet: Any,
        containing: str,
        name: str,
        metadata: str,
        issuer_in_metadata: str,
        iss: str,
        aud: str,
    ) -> None:
        """Metadata have their own URL, and tokens their own issuer; another issuer's are refused."""
        host = metadata.partition("//")[2].partition("/")[0]
        internet.publish(metadata, f"https://{host}/keys", issuer.jwk)
        path = metadata.partition(host)[2] + METADATA
        internet.idp.documents[path]["issuer"] = issuer_in_metadata
        client = client_behind(run(self.DOCUMENT, containing)[name].requires_authentication)

        def status(**claims: Any) -> int:
            return client.get("/", headers=bearer(issuer.token(**claims))).status_code

        assert status(iss=iss, aud=aud) == 200
        assert internet.asked == [f"{metadata}{METADATA}", f"https://{host}/keys"]
        asked_appid = internet.idp.requests[0].query == f"appid={aud}"
        assert asked_appid == (containing == "?appid=")
        assert status(iss=f"{iss}x", aud=aud) == 401
        assert status(iss=iss, aud=f"{aud}x") == 401

    @pytest.mark.parametrize(
        ("name", "named", "keys_at"),
        [
            ("by_metadata", "https://login.example", "http://keycloak:8080"),
            ("by_internal_issuer", "http://keycloak:8080", "http://keycloak:8080"),
            ("by_key_url", "https://login.example", "https://login.example"),
        ],
    )
    def test_an_issuer_may_have_two_urls(
        self,
        run: Run,
        issuer: TokenIssuer,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        named: str,
        keys_at: str,
    ) -> None:
        """Tokens of the public issuer are accepted by keys from the internal address, in three cases."""
        connect = urllib3.util.connection.create_connection
        keys_path = "/realms/example/protocol/openid-connect/certs"
        with IdentityProvider() as idp:
            idp.documents = {
                f"/realms/example{METADATA}": {
                    "issuer": f"{named}/realms/example",
                    "jwks_uri": keys_at + keys_path,
                },
                keys_path: issuer.jwks,
            }

            def connected(address: tuple[str, int], *args: Any, **options: Any) -> Any:
                assert address == ("keycloak", 8080)
                return connect(("127.0.0.1", urlsplit(idp.url).port), *args, **options)

            monkeypatch.setattr(urllib3.util.connection, "create_connection", connected)
            auth = run(self.DOCUMENT, "by_key_url")[name]
            client = client_behind(auth.requires_authentication)
            for iss, status in (
                (KEYCLOAK["iss"], 200),
                ("http://keycloak:8080/realms/example", 401),
            ):
                headers = bearer(issuer.token(iss=iss, aud=API))
                assert client.get("/", headers=headers).status_code == status

    def test_firebase_publishes_a_map(self, run: Run, issuer: TokenIssuer, internet: Any) -> None:
        """Tokens of the project are verified by the map of PEM, and those of another project refused."""
        path = "/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
        internet.idp.documents[path] = {str(issuer.kid): issuer.public_pem}
        client = client_behind(requirement(run(self.DOCUMENT, "securetoken@system")))
        for project, status in (("example-project", 200), ("another-project", 401)):
            iss = f"https://securetoken.google.com/{project}"
            headers = bearer(issuer.token(iss=iss, aud=project))
            assert client.get("/", headers=headers).status_code == status
        assert internet.asked == [f"https://www.googleapis.com{path}"]

    def test_a_load_balancers_token_is_refused(self, issuer: TokenIssuer) -> None:
        """Padded segments make a token malformed, as the document says of AWS load balancers."""
        auth = Authenticator(keys=issuer.public_pem)
        client = client_behind(auth.requires_authentication)
        token = issuer.token()
        assert client.get("/", headers=bearer(token)).status_code == 200
        padded = ".".join(part + "=" * (-len(part) % 4) for part in token.split("."))
        assert padded != token
        response = client.get("/", headers=bearer(padded))
        assert response.status_code in (400, 401)
        assert "malformed" in response.headers["WWW-Authenticate"]

    def test_a_pods_token_is_sent_only_to_the_api_server(
        self, run: Run, issuer: TokenIssuer, tmp_path: Path
    ) -> None:
        """The session has the cluster's CA and sends the current token with each fetch."""
        program = run(self.DOCUMENT, "class PodToken")
        with IdentityProvider(tls=True) as idp:
            idp.jwks = issuer.jwks
            (tmp_path / "token").write_text("first")
            program["MOUNTED"] = tmp_path
            program["session"].verify = str(idp.certificate)
            keys = JWKSKeyProvider(idp.jwks_url, session=program["session"])
            auth = program["auth"].evolve(keys=keys)
            client = client_behind(auth.requires_authentication)
            caller = {"iss": "https://kubernetes.default.svc.cluster.local", "aud": ["reports"]}
            headers = bearer(issuer.token(**caller))
            assert client.get("/", headers=headers).status_code == 200
            assert idp.requests[0].headers["Authorization"] == "Bearer first"

    @pytest.mark.parametrize("audience", [API, "https://other.example"])
    def test_an_app_is_configured(
        self,
        run: Run,
        issuer: TokenIssuer,
        internet: Any,
        monkeypatch: pytest.MonkeyPatch,
        audience: str,
    ) -> None:
        """The program reads ``app.config``, and the environment overrides it."""
        internet.publish(KEYCLOAK["iss"], KEYCLOAK_KEYS, issuer.jwk)
        if audience != API:
            monkeypatch.setenv("FLASK_JWTLIB_AUDIENCE", audience)
        program = run(self.DOCUMENT, "configured_authenticator(app)")
        program["app"].add_url_rule("/", view_func=lambda: "in")
        client = client_of(program)
        assert client.get("/").status_code == 401
        for name in (API, "https://other.example"):
            headers = bearer(issuer.token(iss=KEYCLOAK["iss"], aud=name))
            assert client.get("/", headers=headers).status_code == (
                200 if name == audience else 401
            )


class TestTroubleshooting:
    DOCUMENT = "docs/troubleshooting.rst"

    def test_the_log_says_why(
        self, run: Run, issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Some refusals are shown by default; with the program all are, and it counts them."""

        def fail() -> str:
            raise OSError("no key server")

        def levels(app: Flask, auth: Authenticator, headers: dict[str, str]) -> list[str]:
            if not app.view_functions.get("index"):
                app.add_url_rule("/", "index", auth.requires_authentication(lambda: "in"))
            caplog.clear()
            app.test_client().get("/", headers=headers)
            return [each.levelname for each in caplog.records if "Error: " in each.getMessage()]

        good = Authenticator(keys=issuer.public_pem)
        for_somebody = bearer(issuer.token(aud=API))
        quiet = Flask("quiet")
        assert levels(quiet, good, {}) == []
        assert levels(quiet, good, for_somebody) == ["WARNING"]
        client_behind(good.evolve(keys=fail).requires_authentication).get("/", headers=for_somebody)
        assert {each.levelname for each in caplog.records} == {"WARNING", "ERROR"}

        program = run(self.DOCUMENT, "request_refused.connect_via")
        assert levels(program["app"], good, {}) == ["INFO"]
        assert levels(program["app"], good, for_somebody) == ["WARNING"]
        assert levels(program["app"], good, bearer(issuer.token())) == []
        assert program["refusals"] == {"MissingTokenError": 1, "UnacceptedAudienceError": 1}

    @pytest.mark.parametrize(
        ("claims", "shown"),
        [
            pytest.param({"aud": "x"}, "UnacceptedAudienceError", id="no-audience-configured"),
            pytest.param({"aud": "x"}, "ClaimError: aud", id="another-audience"),
            pytest.param({"aud": API, "iss": "x"}, "ClaimError: iss", id="another-issuer"),
            pytest.param({"aud": API, "exp": 1}, "ExpiredTokenError", id="expired"),
            pytest.param({"aud": API, "header": {"kid": "x"}}, "UnknownKeyError", id="unknown-key"),
            pytest.param(
                {"aud": API, "header": {"alg": "ES256"}}, "AlgorithmError", id="algorithm"
            ),
            pytest.param(None, "MissingTokenError", id="no-token"),
        ],
    )
    def test_log_lines_are_as_shown(
        self,
        issuer: TokenIssuer,
        caplog: pytest.LogCaptureFixture,
        claims: dict[str, Any] | None,
        shown: str,
    ) -> None:
        """The table of common log lines has the text that is logged."""
        caplog.set_level("INFO", logger="flask_jwtlib")
        text = (ROOT / self.DOCUMENT).read_text()
        (line,) = re.findall(rf"^   \* - ``({re.escape(shown)}.*)``$", text, re.MULTILINE)
        audiences = [] if shown == "UnacceptedAudienceError" else [Audience(API)]
        auth = Authenticator(
            keys=issuer.jwks,
            validator=JWTValidator(rules=[Issuer(issuer.issuer), *audiences]),
        )
        headers = {} if claims is None else bearer(issuer.token(**claims))
        client_behind(auth.requires_authentication).get("/", headers=headers)
        pattern = re.sub("'[xy]'| …|12", ".*", line)
        assert re.search(pattern, caplog.text), caplog.text


class TestKeys:
    DOCUMENT = "docs/keys.rst"
    STAFF = KEYCLOAK["iss"]

    def test_the_figures_are_the_defaults(self) -> None:
        """The document's figures are those of the provider, which its table names."""
        text = (ROOT / self.DOCUMENT).read_text()
        fields = {**attrs.fields_dict(TTLKeyProvider), **attrs.fields_dict(Refresh)}
        for name, seconds, shown in (
            ("ttl", 300, "``ttl`` (300 s)"),
            ("max_stale", 14_400, "``max_stale`` (4 h)"),
            ("max_wait", 2, "``max_wait`` (2 s)"),
            ("fetch_timeout", 5, "``fetch_timeout`` (5 s)"),
        ):
            assert fields[name].default == seconds
            assert shown in text

    def test_it_reports_whether_it_is_ready(self, run: Run, reach: Reach, internet: Any) -> None:
        """The first program's probe is public and fetches keys; the status requires a scope."""
        client = client_of(run(self.DOCUMENT, "def readyz"))
        internet.idp.behave(status=500)
        assert client.get("/readyz").status_code == 503
        internet.idp.behave()
        issuer = reach(self.STAFF)
        client = client_of(run(self.DOCUMENT, "def readyz"))
        assert client.get("/readyz").json == {"ready": True}
        caller = {"iss": self.STAFF, "aud": API}
        assert client.get("/keys").status_code == 401
        assert client.get("/keys", headers=bearer(issuer.token(**caller))).status_code == 403
        headers = bearer(issuer.token(**caller, scope="operations"))
        statuses = client.get("/keys", headers=headers).json
        assert [each["state"] for each in statuses or ()] == ["fresh"]

    def test_every_field_of_a_status_is_explained(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """The table of fields has exactly those of the document's providers."""
        (workplace / "emergency-keys.json").write_text(json.dumps(issuer.jwks))
        reported: set[str] = set()
        for containing in ("CompositeKeyProvider(", "IssuerRouter("):
            client = client_behind(requirement(run(self.DOCUMENT, containing)))
            client.get("/", headers=bearer(issuer.token()))
            for status in key_statuses(client.application):
                members = [*status.get("members", ()), *status.get("issuers", {}).values()]
                reported.update(status, *members)
        table = (ROOT / self.DOCUMENT).read_text().partition("* - ``provider``")[2]
        cells = re.findall(
            r"^   \* - (.*)$", table.partition("\nMonitoring and alerts\n")[0], re.MULTILINE
        )
        explained = {name for cell in cells for name in re.findall("``(.*?)``", cell)}
        # The number of issuers in each state summarises their own fields.
        assert explained | {"provider"} == reported - {"states"}

    def test_every_event_is_explained(self) -> None:
        """The table of events has exactly those that the signal documents."""
        text = (ROOT / self.DOCUMENT).read_text()
        table = text.partition("* - Event\n")[2].partition("code-block")[0]
        source = Path(flask_jwtlib.signals.__file__).read_text()
        documented = re.findall(r"^- ``(\w+)``:", source, re.MULTILINE)
        explained = re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE)
        assert sorted(explained) == sorted(documented)
        assert len(documented) == 7

    def test_events_are_counted(self, run: Run, reach: Reach, internet: Any) -> None:
        """The second program receives key events."""
        issuer = reach(self.STAFF)
        program = run(self.DOCUMENT, "@key_event.connect")
        client = client_of(run(self.DOCUMENT, "def readyz"))
        client.get("/readyz")
        headers = bearer(issuer.token(header={"kid": "made-up"}))
        client.get("/keys", headers=bearer(issuer.token(iss=self.STAFF, aud=API)))
        client.get("/keys", headers=headers)
        key_event.disconnect(program["count"])
        names = {name for provider, name in program["events"] if provider == "OIDCKeyProvider"}
        assert names == {"refreshed", "unknown_kid"}

    def test_a_compromised_key_is_refused(self, run: Run, reach: Reach) -> None:
        """The third program's provider withholds the key, also from a token without a kid."""
        client = client_behind(requirement(run(self.DOCUMENT, "COMPROMISED")))
        good = {"iss": self.STAFF, "aud": API}
        thief = reach(self.STAFF, kid="key-of-october")
        for header in ({}, {"kid": None}):
            token = thief.token(header=header, **good)
            assert client.get("/", headers=bearer(token)).status_code == 401
        newer = reach(self.STAFF, kid="key-of-november")
        assert client.get("/", headers=bearer(newer.token("alice", **good))).text == "alice"

    def test_keys_are_in_files(self, run: Run, issuer: TokenIssuer, workplace: Path) -> None:
        """A file's name is its key's ID."""
        (workplace / "issuer-keys").mkdir()
        (workplace / "issuer-keys/key-1.pem").write_text(issuer.public_pem)
        client = client_behind(requirement(run(self.DOCUMENT, 'FileKeyProvider("issuer-keys"')))
        assert client.get("/", headers=bearer(issuer.token("alice", aud=API))).text == "alice"
        other = issuer.token(aud=API, header={"kid": "key-2"})
        assert client.get("/", headers=bearer(other)).status_code == 401

    def test_a_file_is_a_fallback(
        self, run: Run, reach: Reach, internet: Any, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """Keys of the issuer and of the file are used, and the file's while the issuer is down."""
        (workplace / "emergency-keys.json").write_text(
            json.dumps({"keys": [{**issuer.jwk, "kid": "emergency"}]})
        )
        good = {"iss": self.STAFF, "aud": API}
        of_the_file = issuer.token("alice", header={"kid": "emergency"}, **good)
        usual = reach(self.STAFF).token("bob", **good)
        client = client_behind(requirement(run(self.DOCUMENT, "CompositeKeyProvider(")))
        assert client.get("/", headers=bearer(usual)).text == "bob"
        assert client.get("/", headers=bearer(of_the_file)).text == "alice"
        internet.idp.stop()
        client = client_behind(requirement(run(self.DOCUMENT, "CompositeKeyProvider(")))
        assert client.get("/", headers=bearer(of_the_file)).text == "alice"
        assert client.get("/", headers=bearer(usual)).status_code == 503

    def test_issuers_are_kept_apart(self, run: Run, reach: Reach, issuer: TokenIssuer) -> None:
        """Each issuer's tokens are verified by its own keys, for its own audience, by its own rules."""
        customers, staff, jobs = AUTH0["iss"], self.STAFF, "https://jobs.example"
        of_customers, of_staff = reach(str(customers)), reach(str(staff))
        client = client_behind(requirement(run(self.DOCUMENT, "IssuerRouter(")))
        for signer, claims, status in (
            (of_customers, {"iss": customers, "aud": API}, 200),
            (of_staff, {"iss": staff, "aud": "desk"}, 200),
            (issuer, {"iss": jobs, "aud": API, "jti": "1"}, 200),
            (of_staff, {"iss": customers, "aud": API}, 401),
            (of_customers, {"iss": customers, "aud": "desk"}, 401),
            (issuer, {"iss": jobs, "aud": API}, 401),
            (issuer, {"iss": "https://nobody.example", "aud": API}, 401),
        ):
            response = client.get("/", headers=bearer(signer.token(**claims)))
            assert response.status_code == status, claims

    @staticmethod
    def write(database: Path, *issuers: TokenIssuer) -> None:
        """Write issuers' keys to a table."""
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS keys (kid TEXT, pem TEXT)")
            rows: Iterable[Any] = [(issuer.kid, issuer.public_pem) for issuer in issuers]
            connection.executemany("INSERT INTO keys VALUES (?, ?)", rows)

    def test_a_function_queries_a_database(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """Keys that the replica lacks are read from the primary, and an outage is handled as described."""
        client = client_behind(requirement(run(self.DOCUMENT, "def keys_of_the_database")))
        newer = TokenIssuer(kid="key-2")
        for name in ("KEY_PRIMARY", "KEY_REPLICA"):
            client.application.config[name] = workplace / name
        outage = client.get("/", headers=bearer(issuer.token()))
        assert (outage.status_code, outage.headers["Retry-After"]) == (503, "10")
        self.write(workplace / "KEY_REPLICA", issuer)
        self.write(workplace / "KEY_PRIMARY", issuer, newer)
        program = run(self.DOCUMENT, "def keys_of_the_database")
        client = client_behind(requirement(program))
        for name in ("KEY_PRIMARY", "KEY_REPLICA"):
            client.application.config[name] = workplace / name
        with client.application.app_context():
            program["auth"].keys.warm_up()
        for one in (issuer, newer):
            assert client.get("/", headers=bearer(one.token("alice"))).text == "alice"
        assert program["auth"].keys.status()["fetches"].keys() == {"cold", "unknown_kid"}

    def test_a_subclass_queries_a_database(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """The subclass takes the options of the provider."""
        self.write(workplace / "keys.sqlite", issuer)
        program = run(self.DOCUMENT, "class DatabaseKeyProvider")
        client = client_behind(requirement(program))
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        assert program["auth"].keys.ttl == 60
