"""Every program in ``README.rst`` does what the text around it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import (
    API,
    KEYCLOAK,
    KEYCLOAK_KEYS,
    METADATA,
    client_of,
)

Run = Callable[[str, str], dict[str, Any]]
Reach = Callable[..., TokenIssuer]

ROOT = Path(__file__).parents[2]


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

    @pytest.mark.parametrize(
        ("claims", "status"),
        [
            pytest.param({"scope": "orders:read"}, 200, id="owner"),
            pytest.param(
                {"sub": "bob", "scope": "orders:read", "roles": ["clerk"]}, 200, id="clerk"
            ),
            pytest.param({"sub": "bob", "scope": "orders:read"}, 403, id="somebody-else"),
            pytest.param({"roles": ["clerk"]}, 403, id="no-scope"),
        ],
    )
    def test_policies_are_combined(
        self, run: Run, issuer: TokenIssuer, claims: dict[str, Any], status: int
    ) -> None:
        """The program lets owners and clerks see orders, if they have the scope."""
        client = client_of(run("README.rst", "def owner(claims, call)"))
        headers = bearer(issuer.token(**{"sub": "alice", "aud": API, **claims}))
        assert client.get("/users/alice/orders", headers=headers).status_code == status

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
