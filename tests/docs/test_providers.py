"""Every program in ``docs/providers.rst`` does what the text around it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3.util.connection

from flask_jwtlib import (
    Authenticator,
)
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider

from .program_kit import (
    API,
    AUTH0,
    COGNITO,
    COGNITO_PROGRAM,
    ENTRA,
    KEY_URLS,
    KEYCLOAK,
    KEYCLOAK_KEYS,
    METADATA,
    TENANTS,
    client_behind,
    client_of,
    requirement,
)

Run = Callable[[str, str], dict[str, Any]]
Reach = Callable[..., TokenIssuer]

ROOT = Path(__file__).parents[2]


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
