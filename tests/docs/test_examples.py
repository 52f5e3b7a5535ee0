"""Each example does what its docstring says, and runs with ``flask --app examples.NAME``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

from flask_jwtlib.testing import bearer

from .example_kit import client_of, token_of

Example = Callable[[str], ModuleType]
Command = Callable[..., "CompletedProcess[str]"]

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "quickstart": "/me",
    "composed": "/reports",
    "organisation": "/desk",
    "issuer": "/.well-known/jwks.json",
    "key_rotation": "/reports",
    "openid": "/reports",
    "several_issuers": "/reports",
    "custom_extractor": "/me",
    "custom_failure_handler": "/me",
    "default_deny": "/admin/users",
    "cookies": "/me",
    "login_redirect": "/reports",
    "policies": "/payroll",
    "factory": "/reports",
    "flask_login_app": "/me",
    "mcp_server": "/mcp",
    "api_keys": "/reports",
    "database_users": "/me",
    "development_tokens": "/reports",
    "tested_app": "/reports",
}
WITHOUT_TOKEN_COMMAND = {"cookies", "development_tokens", "issuer", "key_rotation", "openid"}


def databases() -> list[Path]:
    """Return the files of databases in the repository's root."""
    return sorted([*ROOT.glob("*.db"), *ROOT.glob("*.sqlite")])


def test_every_example_has_a_test() -> None:
    """Every module in ``examples/`` is tested; the demo has its own tests."""
    modules = {path.stem for path in (ROOT / "examples").glob("[a-z]*.py")}
    assert modules == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_flask_finds_the_app(name: str, command: Command) -> None:
    """``flask --app examples.NAME routes`` lists the example's routes."""
    before = databases()
    result = command("flask", "--app", f"examples.{name}", "routes")
    assert result.returncode == 0, result.stderr
    assert EXAMPLES[name] in result.stdout
    # What an example writes is in its current directory. A file in the checkout could be committed.
    assert databases() == before


def test_the_command_prints_a_token(command: Command, example: Example) -> None:
    """One process accepts the token that another prints: ``curl`` works as shown."""
    result = command("flask", "--app", "examples.quickstart", "token", "sub=bob")
    assert result.returncode == 0, result.stderr
    response = client_of(example("quickstart")).get("/me", headers=bearer(result.stdout.strip()))
    assert response.json == {"subject": "bob"}


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - WITHOUT_TOKEN_COMMAND))
def test_the_docstring_shows_curl_lines(name: str, example: Example) -> None:
    """Each docstring shows how to run the example, to get a token, and a route that exists."""
    module = example(name)
    assert module.__doc__ is not None
    assert f"flask --app examples.{name} run" in module.__doc__
    assert f"flask --app examples.{name} token" in module.__doc__
    paths = re.findall(r"http://127\.0\.0\.1:5000(/\S+)", module.__doc__)
    assert EXAMPLES[name] in paths


class TestQuickstart:
    def test_a_token_opens_the_route(self, example: Example) -> None:
        """A request with a valid token is served, one without is refused."""
        client = client_of(example("quickstart"))
        assert client.get("/me", headers=bearer(token_of(client))).json == {"subject": "alice"}
        assert client.get("/me").status_code == 401

    @pytest.mark.parametrize(
        "claim",
        [
            pytest.param("exp=1", id="expired"),
            pytest.param("aud=https://payroll.example", id="another-audience"),
            pytest.param("iss=https://other.example", id="another-issuer"),
            pytest.param("aud=null", id="no-audience"),
        ],
    )
    def test_other_tokens_are_refused(self, example: Example, claim: str) -> None:
        """Expired tokens, and those from other issuers or for other APIs, are refused."""
        client = client_of(example("quickstart"))
        assert client.get("/me", headers=bearer(token_of(client, claim))).status_code == 401

    def test_the_optional_route_serves_all_requests(self, example: Example) -> None:
        """The optional route responds with and without a token."""
        client = client_of(example("quickstart"))
        assert client.get("/greeting").text == "Hello stranger\n"
        headers = bearer(token_of(client))
        assert client.get("/greeting", headers=headers).text == "Hello alice\n"


class TestComposed:
    def test_each_route_requires_its_scope(self, example: Example) -> None:
        """Reading and writing require different scopes, and the refusal names the missing one."""
        client = client_of(example("composed"))
        reader = bearer(token_of(client))
        assert client.get("/reports", headers=reader).status_code == 200
        refusal = client.post("/reports", headers=reader)
        assert refusal.status_code == 403
        assert refusal.headers["WWW-Authenticate"].startswith('Bearer realm="reports"')
        assert 'scope="reports:write"' in refusal.headers["WWW-Authenticate"]
        writer = bearer(token_of(client, "scope=reports:write"))
        assert client.post("/reports", headers=writer).status_code == 201

    def test_the_query_is_not_read(self, example: Example) -> None:
        """A token in the URL is ignored."""
        client = client_of(example("composed"))
        assert (
            client.get("/reports", query_string={"access_token": token_of(client)}).status_code
            == 401
        )

    def test_a_token_must_expire(self, example: Example) -> None:
        """A token that never expires is refused."""
        client = client_of(example("composed"))
        assert (
            client.get("/reports", headers=bearer(token_of(client, "exp=null"))).status_code == 401
        )

    def test_the_index_is_optional(self, example: Example) -> None:
        """The optional route names the caller, if there is one."""
        client = client_of(example("composed"))
        assert client.get("/").json == {"caller": None}
        assert client.get("/", headers=bearer(token_of(client))).json == {"caller": "alice"}


class TestOrganisation:
    def test_the_organisations_tokens_are_accepted(self, example: Example) -> None:
        """A token of the tenant is accepted if it was not revoked."""
        client = client_of(example("organisation"))
        assert client.get("/desk", headers=bearer(token_of(client))).json == {"subject": "alice"}

    @pytest.mark.parametrize(
        ("claim", "reason"),
        [
            pytest.param("tenant=rivals", "from another tenant", id="another-tenant"),
            pytest.param("tenant=null", "lacks a required claim", id="no-tenant"),
            pytest.param("jti=stolen-laptop", "was revoked", id="revoked"),
            pytest.param("jti=null", "lacks a required claim", id="no-jti"),
        ],
    )
    def test_others_are_refused(self, example: Example, claim: str, reason: str) -> None:
        """The rules refuse, and the handler links to help."""
        client = client_of(example("organisation"))
        refusal = client.get("/desk", headers=bearer(token_of(client, claim)))
        assert refusal.status_code == 401
        assert reason in refusal.headers["WWW-Authenticate"]
        assert refusal.headers["Link"] == '<https://intranet.example/sign-in>; rel="help"'

    def test_tokens_in_urls_must_be_short_lived(self, example: Example) -> None:
        """The subclass accepts a token in a URL only if its lifetime is at most a minute."""
        client = client_of(example("organisation"))
        query = {"access_token": token_of(client)}
        assert client.get("/desk", query_string=query).status_code == 401
        query = {"access_token": token_of(client, f"exp={int(time.time()) + 50}")}
        assert client.get("/desk", query_string=query).status_code == 200


class TestDefaultDeny:
    @pytest.mark.parametrize(
        ("path", "anonymous", "customer", "administrator"),
        [
            pytest.param("/health", 200, 200, 200, id="public"),
            pytest.param("/orders", 401, 200, 200, id="forgotten-is-closed"),
            pytest.param("/admin/users", 401, 403, 200, id="blueprint"),
            pytest.param("/no/such/path", 401, 404, 404, id="unknown"),
            pytest.param("/static/x.css", 401, 404, 404, id="static"),
        ],
    )
    def test_access_by_route(
        self, example: Example, path: str, anonymous: int, customer: int, administrator: int
    ) -> None:
        """Views are closed unless they are public; the blueprint requires its scope."""
        client = client_of(example("default_deny"))
        assert client.get(path).status_code == anonymous
        assert client.get(path, headers=bearer(token_of(client))).status_code == customer
        headers = bearer(token_of(client, "scope=admin"))
        assert client.get(path, headers=headers).status_code == administrator


def test_the_example_key_is_the_one_of_the_rfc(example: Example) -> None:
    """The examples' key is the one printed in RFC 7515 A.2, so it is recognisably not a secret."""
    modulus = example("_issuer").ISSUER.jwk["n"]
    assert modulus.startswith("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp")
    assert modulus.endswith("cDTW9gb54h4FRWyuXpoQ")


def test_a_token_is_valid_for_an_hour(example: Example) -> None:
    """A printed token stays valid while a reader tries the examples."""
    client = client_of(example("quickstart"))
    response = client.get("/me", headers=bearer(token_of(client, f"nbf={int(time.time())}")))
    assert response.status_code == 200
