"""The examples of extractors, handlers, policies and factories do what their docstrings say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType
from typing import ClassVar

import pytest
from flask.testing import FlaskClient

from flask_jwtlib.testing import bearer

from .example_kit import client_of, token_of

Example = Callable[[str], ModuleType]
Command = Callable[..., "CompletedProcess[str]"]


class TestCustomExtractor:
    def test_the_password_is_the_token(self, example: Example) -> None:
        """The token in the password is verified, and so is that in the header."""
        client = client_of(example("custom_extractor"))
        token = token_of(client)
        assert client.get("/me", auth=("git", token)).json == {"subject": "alice"}
        assert client.get("/me", headers=bearer(token)).json == {"subject": "alice"}
        assert client.get("/me", auth=("git", f"{token}x")).status_code == 401
        assert client.get("/me", auth=("git", token_of(client, "exp=1"))).status_code == 401
        assert client.get("/me", auth=("git", "")).status_code == 400

    def test_other_sites_cant_use_the_password(self, example: Example) -> None:
        """A browser sends the password by itself, so another site's page is refused."""
        client = client_of(example("custom_extractor"))
        token, site = token_of(client), {"Sec-Fetch-Site": "cross-site"}
        assert client.post("/me", auth=("git", token)).json == {"changed": "alice"}
        assert client.post("/me", auth=("git", token), headers=site).status_code == 403


class TestAPIKeys:
    def test_keys_are_added_and_revoked(
        self, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A key is accepted with its scopes, in its header only, until it is revoked."""
        monkeypatch.setenv("API_KEYS_DATABASE", str(tmp_path / "keys.sqlite"))
        client = client_of(example("api_keys"))
        runner = client.application.test_cli_runner()
        reader, other = (
            runner.invoke(args=["add-key", *owner]).output.strip()
            for owner in (["nightly-build", "reports:read", "mail"], ["monitoring"])
        )
        assert reader.startswith("example_")
        reader_key = {"X-API-Key": reader}
        response = client.get("/reports", headers=reader_key)
        assert response.json == {"reader": "nightly-build", "issuer": "api-keys"}
        assert client.get("/reports", headers={"X-API-Key": other}).status_code == 403
        assert client.get("/reports", headers=bearer(reader)).status_code == 401
        token = token_of(client, "scope=reports:read")
        assert client.get("/reports", headers=bearer(token)).json == {
            "reader": "alice",
            "issuer": "https://issuer.example",
        }
        assert runner.invoke(args=["revoke-keys", "nightly-build"]).exit_code == 0
        refused = client.get("/reports", headers=reader_key)
        assert refused.status_code == 401
        assert "The API key is revoked" in refused.headers["WWW-Authenticate"]
        assert reader.encode() not in (tmp_path / "keys.sqlite").read_bytes()


class TestCustomFailureHandler:
    def test_refusals_are_json(self, example: Example) -> None:
        """Status and challenge are RFC 6750's, the body is JSON."""
        client = client_of(example("custom_failure_handler"))
        missing = client.get("/me")
        assert missing.status_code == 401
        assert missing.headers["WWW-Authenticate"] == "Bearer"
        assert missing.json == {"error": "unauthenticated", "detail": "Authentication is required"}
        expired = client.get("/me", headers=bearer(token_of(client, "exp=1")))
        assert expired.status_code == 401
        assert expired.json == {"error": "invalid_token", "detail": "The access token expired"}
        assert 'error="invalid_token"' in expired.headers["WWW-Authenticate"]

    def test_anonymous_requests_are_logged(
        self, example: Example, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An anonymous request on the optional route is logged, and served."""
        client = client_of(example("custom_failure_handler"))
        assert client.get("/news").json == {"guest": True}
        assert "anonymous request: " in caplog.text
        caplog.clear()
        assert client.get("/news", headers=bearer(token_of(client))).json == {"guest": False}
        assert "anonymous request: " not in caplog.text


class TestCookies:
    HERE: ClassVar[dict[str, str]] = {"Sec-Fetch-Site": "same-origin"}

    @pytest.fixture
    def client(self, example: Example) -> FlaskClient:
        """A browser over HTTPS, which keeps cookies."""
        client = client_of(example("cookies"))
        client.environ_base["wsgi.url_scheme"] = "https"
        return client

    def test_a_user_logs_in_and_out(self, client: FlaskClient) -> None:
        """The cookies name the user until the log-out, and the page gets a double-submit token."""
        assert "Log in" in client.get("/").text
        assert client.get("/me").status_code == 401
        logged_in = client.post("/login", data={"name": "alice"}, headers=self.HERE)
        me = client.get("/me").get_json()
        assert me["user"] == logged_in.get_json()["user"] == "alice"
        change = {**self.HERE, "X-CSRF-Token": me["csrf_token"]}
        assert client.post("/orders", headers=change).json == {"ordered_by": "alice"}
        assert client.post("/orders", headers=self.HERE).status_code == 403
        client.post("/logout", headers=self.HERE)
        assert client.get("/me").status_code == 401
        assert client.post("/refresh", headers=self.HERE).status_code == 401

    def test_the_tokens_are_renewed(self, client: FlaskClient) -> None:
        """The refresh token goes to one view only, and the double-submit token stays valid."""
        logged_in = client.post("/login", data={"name": "alice"}, headers=self.HERE)
        old = client.get_cookie("__Host-access_token")
        refresh = client.get_cookie("__Secure-refresh_token", path="/refresh")
        assert old is not None
        assert refresh is not None
        assert refresh.http_only
        client.delete_cookie("__Host-access_token")
        assert client.post("/refresh", headers=self.HERE).status_code == 200
        change = {**self.HERE, "X-CSRF-Token": logged_in.get_json()["csrf_token"]}
        assert client.post("/orders", headers=change).status_code == 200
        client.set_cookie("__Secure-refresh_token", old.value, path="/refresh")
        assert client.post("/refresh", headers=self.HERE).status_code == 401
        client.set_cookie("__Host-access_token", refresh.value)
        assert client.get("/me").status_code == 401

    @pytest.mark.parametrize("site", ["cross-site", "same-site", None])
    def test_another_site_can_do_nothing(self, client: FlaskClient, site: str | None) -> None:
        """Log-in, log-out, refresh and changes must come from the page itself."""
        logged_in = client.post("/login", data={"name": "alice"}, headers=self.HERE)
        headers = {"X-CSRF-Token": logged_in.get_json()["csrf_token"]}
        if site is not None:
            headers["Sec-Fetch-Site"] = site
        for path in ("/login", "/logout", "/refresh", "/orders"):
            response = client.post(path, data={"name": "mallory"}, headers=headers)
            assert response.status_code == 403
            assert "Set-Cookie" not in response.headers
        assert client.get("/me").get_json()["user"] == "alice"


class TestPolicies:
    @pytest.mark.parametrize(
        ("arguments", "statuses"),
        [
            pytest.param((), (200, 403, 403), id="owner"),
            pytest.param(("scope=mail",), (403, 403, 403), id="no-scope"),
            pytest.param(('roles=["clerk"]',), (200, 200, 403), id="clerk"),
            pytest.param(('groups=["/finance/payroll"]',), (200, 403, 200), id="subgroup"),
            pytest.param(
                ('groups=["/finance", "/finance/trainees"]',), (200, 403, 403), id="trainee"
            ),
            pytest.param(('groups=["/sales"]',), (200, 403, 403), id="another-group"),
        ],
    )
    def test_policies_decide(
        self, example: Example, arguments: tuple[str, ...], statuses: tuple[int, ...]
    ) -> None:
        """The owner and clerks see orders, and finance without its trainees the payroll."""
        client = client_of(example("policies"))
        headers = bearer(token_of(client, *arguments))
        paths = ("/users/alice/orders", "/users/bob/orders", "/payroll")
        assert tuple(client.get(path, headers=headers).status_code for path in paths) == statuses

    def test_the_audit_describes_them(self, command: Command) -> None:
        """``flask jwtlib routes`` shows what each route requires."""
        output = command("flask", "--app", "examples.policies", "jwtlib", "routes").stdout
        assert "scope orders:read and (owner or role clerk in roles)" in output
        assert "member of /finance and not member of /finance/trainees" in output


class TestFactory:
    def test_each_app_has_its_audience(self, example: Example) -> None:
        """Two apps share a blueprint, and each accepts the tokens for its own audience."""
        module = example("factory")
        apps = [module.create_app(f"https://{name}.example") for name in ("one", "two")]
        tokens = [token_of(app.test_client()) for app in apps]
        statuses = [
            [
                app.test_client().get("/reports", headers=bearer(token)).status_code
                for token in tokens
            ]
            for app in apps
        ]
        assert statuses == [[200, 401], [401, 200]]

    def test_only_the_health_route_is_open(self, example: Example) -> None:
        """Deny by default leaves the health route alone, and nothing else."""
        client = client_of(example("factory"))
        assert client.get("/health").text == "ok\n"
        assert client.get("/reports").status_code == 401
        assert client.get("/no/such/path").status_code == 401

    def test_a_command_verifies_a_token(self, example: Example) -> None:
        """``flask check`` says whose token it is, or why it is refused."""
        client = client_of(example("factory"))
        runner = client.application.test_cli_runner()
        good = runner.invoke(args=["check", token_of(client)])
        assert (good.exit_code, good.output) == (0, "It is a token of alice.\n")
        expired = runner.invoke(args=["check", token_of(client, "exp=1")])
        assert expired.exit_code == 1
        assert "expired" in expired.output


class TestDatabaseUsers:
    def test_only_active_users_get_in(
        self, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A caller signs up, gets the row, and is refused everywhere after being deactivated."""
        monkeypatch.chdir(tmp_path)
        module = example("database_users")
        client = client_of(module)
        headers = bearer(token_of(client))

        def statuses() -> list[int]:
            return [
                client.get(path, headers=headers).status_code for path in ("/me", "/reports")
            ] + [client.post("/sign-up", headers=headers, data={"name": "Alice"}).status_code]

        assert client.get("/me", headers=headers).status_code == 403
        assert client.get("/reports", headers=headers).status_code == 403
        assert client.post("/sign-up", headers=headers).json == {"welcome": "unnamed"}
        shown = {"id": 1, "name": "unnamed", "subject": "alice"}
        assert client.get("/me", headers=headers).json == shown
        assert statuses() == [200, 200, 403]
        runner = client.application.test_cli_runner()
        assert runner.invoke(args=["deactivate", "alice"]).exit_code == 0
        assert statuses() == [403, 403, 403]
        refused = client.get("/reports", headers=headers)
        assert refused.text == "Your account was deactivated\n"
        other = bearer(token_of(client, "iss=https://other.example"))
        assert client.get("/me", headers=other).status_code == 401
        module.engine.dispose()
