"""The examples of extractors, handlers, policies and factories do what their docstrings say."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess
from types import ModuleType

import pytest

from flask_jwtlib.testing import bearer

from .example_kit import client_of, token_of

Example = Callable[[str], ModuleType]
Command = Callable[..., "CompletedProcess[str]"]


class TestCustomExtractor:
    def test_the_proxys_header_is_read(self, example: Example) -> None:
        """Only the token in the proxy's header is read, and it is verified."""
        client = client_of(example("custom_extractor"))
        header = "X-Forwarded-Access-Token"
        token = token_of(client)
        response = client.get("/me", headers={header: token})
        assert response.json == {"subject": "alice"}
        assert response.headers["Cache-Control"] == "private"
        assert client.get("/me", headers=bearer(token)).status_code == 401
        assert client.get("/me", headers={header: f"{token}x"}).status_code == 401
        assert client.get("/me", headers={header: token_of(client, "exp=1")}).status_code == 401


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
    def test_the_cookie_and_the_header_are_accepted(self, example: Example) -> None:
        """A GET passes with either. Without a token the response names both schemes."""
        client = client_of(example("cookies"))
        token = token_of(client)
        none = client.get("/me")
        assert none.headers["WWW-Authenticate"] == 'Bearer, Cookie realm="example"'
        assert client.get("/me", headers=bearer(token)).json == {"subject": "alice"}
        client.set_cookie("access_token", token)
        assert client.get("/me").json == {"subject": "alice"}

    @pytest.mark.parametrize(
        ("site", "status"),
        [
            pytest.param(None, 403, id="not-a-browser"),
            pytest.param("cross-site", 403, id="another-site"),
            pytest.param("same-site", 403, id="another-host-of-the-site"),
            pytest.param("same-origin", 200, id="this-origin"),
        ],
    )
    def test_a_change_by_cookie_must_come_from_this_site(
        self, example: Example, site: str | None, status: int
    ) -> None:
        """With the cookie, a POST passes only if the browser says that this site sent it."""
        client = client_of(example("cookies"))
        client.set_cookie("access_token", token_of(client))
        headers = {} if site is None else {"Sec-Fetch-Site": site}
        assert client.post("/me", headers=headers).status_code == status

    def test_a_change_by_header_passes(self, example: Example) -> None:
        """A token in the header needs no check."""
        client = client_of(example("cookies"))
        headers = {**bearer(token_of(client)), "Sec-Fetch-Site": "cross-site"}
        assert client.post("/me", headers=headers).json == {"changed": "alice"}


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
