"""Each example does what its docstring says, and runs with ``flask --app examples.NAME``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from attrs import define, field
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from flask_jwtlib.testing import TokenIssuer, bearer

Example = Callable[[str], ModuleType]
Command = Callable[..., "CompletedProcess[str]"]

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
}
WITHOUT_TOKEN_COMMAND = {"issuer", "key_rotation", "openid"}


def client_of(module: ModuleType) -> FlaskClient:
    """Return a client of an example's app, which is found as ``flask --app`` finds it."""
    app = module.create_app() if hasattr(module, "create_app") else module.app
    app.testing = True
    client: FlaskClient = app.test_client()
    return client


@define
class Provider:
    """The example ``issuer``, run as a server.

    Attributes:
        url: Its address, which is its name.
        client: A client of it.
    """

    url: str
    client: FlaskClient
    _server: Any = field(repr=False)
    _thread: Thread = field(repr=False)

    def post(self, path: str, **fields: str) -> str:
        """Post a form, and return the response."""
        return self.client.post(path, data=fields).text

    def stop(self) -> None:
        """End the server."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def provider(example: Example, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The issuer's server, at the address that the examples use."""
    server = make_server("127.0.0.1", 0, Flask("not yet"), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("ISSUER", url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server.app = app = example("issuer").create_app()
    thread = Thread(target=server.serve_forever)
    thread.start()
    provider = Provider(url, app.test_client(), server, thread)
    yield provider
    provider.stop()


def token_of(client: FlaskClient, *arguments: str) -> str:
    """Return what ``flask token`` prints."""
    result = client.application.test_cli_runner().invoke(args=["token", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_every_example_has_a_test() -> None:
    """Every module in ``examples/`` is tested here; the demo has its own tests."""
    folder = Path(__file__).parents[2] / "examples"
    modules = {path.stem for path in folder.glob("[a-z]*.py")}
    assert modules == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_flask_finds_the_app(name: str, command: Command) -> None:
    """``flask --app examples.NAME routes`` lists the example's routes."""
    result = command("flask", "--app", f"examples.{name}", "routes")
    assert result.returncode == 0, result.stderr
    assert EXAMPLES[name] in result.stdout


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


class TestKeyRotation:
    def test_keys_are_added_and_removed(
        self, example: Example, provider: Provider, clock_of: Any
    ) -> None:
        """A new key is accepted at once, and a withdrawn one refused after five seconds."""
        module = example("key_rotation")
        clock = clock_of(module.auth.keys)
        client = client_of(module)

        def kid_accepted(token: str) -> str | None:
            response = client.get("/reports", headers=bearer(token))
            return response.json["kid"] if response.status_code == 200 and response.json else None

        old = provider.post("/token")
        assert kid_accepted(old) == "key-1"

        assert provider.post("/keys/publish") == "key-2 is published.\n"
        assert kid_accepted(provider.post("/token", sub="bob")) == "key-1"
        assert provider.post("/keys/switch") == "key-2 signs new tokens.\n"
        new = provider.post("/token")
        assert kid_accepted(new) == "key-2"
        assert kid_accepted(old) == "key-1"

        provider.post("/keys/withdraw")
        assert kid_accepted(old) == "key-1"
        clock.move(5)
        assert kid_accepted(old) is None
        assert kid_accepted(new) == "key-2"

    def test_an_outage_is_a_503(
        self, example: Example, provider: Provider, issuer: TokenIssuer
    ) -> None:
        """If the issuer was never reached, the response is 503, with a Retry-After."""
        provider.stop()
        response = client_of(example("key_rotation")).get(
            "/reports", headers=bearer(issuer.token())
        )
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1


class TestOpenid:
    def test_one_line_guards_the_app(self, example: Example, provider: Provider) -> None:
        """The provider's tokens for this API are accepted; only the probe is open."""
        client = client_of(example("openid"))
        assert client.get("/reports").status_code == 401
        assert client.get("/readyz").json == {"ready": True}
        response = client.get("/reports", headers=bearer(provider.post("/token")))
        assert response.json == {"reader": "alice"}
        for changes in ({"aud": "https://payroll.example"}, {"iss": "https://other.example"}):
            token = provider.post("/token", **changes)
            assert client.get("/reports", headers=bearer(token)).status_code == 401

    def test_tokens_are_accepted_while_the_provider_is_down(
        self, example: Example, provider: Provider, clock_of: Any
    ) -> None:
        """A stopped provider's token is accepted for four hours."""
        module = example("openid")
        clock = clock_of(module.auth.keys)
        client = client_of(module)
        headers = bearer(provider.post("/token"))
        assert client.get("/reports", headers=headers).status_code == 200
        provider.stop()
        clock.move(4 * 3600)
        assert client.get("/reports", headers=headers).status_code == 200
        assert client.get("/readyz").status_code == 200

    def test_without_keys_it_is_not_ready(self, example: Example, provider: Provider) -> None:
        """Before any keys were fetched, the probe says that the app isn't ready."""
        provider.stop()
        response = client_of(example("openid")).get("/readyz")
        assert (response.status_code, response.json) == (503, {"ready": False})

    def test_the_command_lists_the_keys(self, provider: Provider, command: Command) -> None:
        """``flask jwtlib keys`` fetches the keys and lists them, and exits with 1 if it can't."""
        arguments = ("flask", "--app", "examples.openid", "jwtlib", "keys")
        result = command(*arguments)
        assert result.returncode == 0, result.stderr
        assert re.search(r"^OIDCKeyProvider +fresh .* key-1$", result.stdout, re.MULTILINE)
        provider.stop()
        result = command(*arguments)
        assert result.returncode == 1
        assert "OIDCKeyProvider  cold" in result.stdout


class TestSeveralIssuers:
    def test_each_issuers_tokens_are_accepted(self, example: Example, provider: Provider) -> None:
        """People and jobs may read; only jobs may write."""
        client = client_of(example("several_issuers"))
        person, job = bearer(provider.post("/token")), bearer(token_of(client))
        response = client.get("/reports", headers=person)
        assert response.json == {"reader": "alice", "issuer": provider.url}
        response = client.get("/reports", headers=job)
        assert response.json == {"reader": "nightly-build", "issuer": "https://issuer.example"}
        assert client.post("/reports", headers=person).status_code == 401
        assert client.post("/reports", headers=job).status_code == 201

    def test_issuers_are_kept_apart(self, example: Example, provider: Provider) -> None:
        """An issuer's key, audience or rules don't apply to the other's tokens, nor to a forger's."""
        client = client_of(example("several_issuers"))
        for token in (
            token_of(client, f"iss={provider.url}", "aud=https://reports.example"),
            token_of(client, "aud=https://reports.example"),
            token_of(client, "jti=null"),
            token_of(client, "iss=https://unknown.example"),
            provider.post("/token", iss="https://issuer.example", aud="jobs", jti="1"),
            provider.post("/token", aud="jobs"),
        ):
            assert client.get("/reports", headers=bearer(token)).status_code == 401

    def test_one_issuers_outage_does_not_affect_the_other(
        self, example: Example, provider: Provider
    ) -> None:
        """While the provider is down, its tokens get a 503, and jobs are accepted."""
        person = bearer(provider.post("/token"))
        provider.stop()
        client = client_of(example("several_issuers"))
        assert client.get("/reports", headers=person).status_code == 503
        assert client.get("/reports", headers=bearer(token_of(client))).status_code == 200


class TestIssuer:
    def test_it_publishes_no_private_key(self, example: Example) -> None:
        """The published keys have only public members, and an ID each."""
        client = client_of(example("issuer"))
        client.post("/keys/publish")
        response = client.get("/.well-known/jwks.json").json
        assert response is not None
        assert [key["kid"] for key in response["keys"]] == ["key-1", "key-2"]
        assert all(set(key) == {"kty", "n", "e", "use", "alg", "kid"} for key in response["keys"])

    def test_its_metadata_match_its_tokens(self, provider: Provider) -> None:
        """The metadata have the issuer's name as in its tokens, and the URL of its keys."""
        response = provider.client.get("/.well-known/openid-configuration", base_url=provider.url)
        jwks_uri = f"{provider.url}/.well-known/jwks.json"
        assert response.json == {"issuer": provider.url, "jwks_uri": jwks_uri}


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
