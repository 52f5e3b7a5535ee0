"""Each example does what its docstring says, and is found by ``flask --app examples.NAME``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread
from types import ModuleType

import pytest
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
    "custom_extractor": "/me",
    "custom_failure_handler": "/me",
    "default_deny": "/admin/users",
}
WITHOUT_TOKEN_COMMAND = {"issuer", "key_rotation"}


def client_of(module: ModuleType) -> FlaskClient:
    """A client of the app of an example, with what ``flask --app`` would find there."""
    app = module.create_app() if hasattr(module, "create_app") else module.app
    app.testing = True
    client: FlaskClient = app.test_client()
    return client


def token_of(client: FlaskClient, *arguments: str) -> str:
    """What ``flask token`` prints."""
    result = client.application.test_cli_runner().invoke(args=["token", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_none_is_forgotten() -> None:
    """Every module in ``examples/`` is tested here; the demonstration has tests of its own."""
    folder = Path(__file__).parents[2] / "examples"
    modules = {path.stem for path in folder.glob("[a-z]*.py")}
    assert modules == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_flask_finds_it(name: str, command: Command) -> None:
    """``flask --app examples.NAME routes`` lists the example's routes."""
    result = command("flask", "--app", f"examples.{name}", "routes")
    assert result.returncode == 0, result.stderr
    assert EXAMPLES[name] in result.stdout


def test_the_command_prints_a_token(command: Command, example: Example) -> None:
    """The token that one process prints is accepted by another: ``curl`` works as shown."""
    result = command("flask", "--app", "examples.quickstart", "token", "sub=bob")
    assert result.returncode == 0, result.stderr
    answer = client_of(example("quickstart")).get("/me", headers=bearer(result.stdout.strip()))
    assert answer.json == {"subject": "bob"}


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
        """A good token gets in, none does not."""
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
        """What is expired, from elsewhere or for others is refused."""
        client = client_of(example("quickstart"))
        assert client.get("/me", headers=bearer(token_of(client, claim))).status_code == 401

    def test_everybody_is_greeted(self, example: Example) -> None:
        """The optional route answers with and without a token."""
        client = client_of(example("quickstart"))
        assert client.get("/greeting").text == "Hello stranger\n"
        headers = bearer(token_of(client))
        assert client.get("/greeting", headers=headers).text == "Hello alice\n"


class TestComposed:
    def test_each_route_asks_for_its_scope(self, example: Example) -> None:
        """Reading and writing need different scopes, and the refusal names the missing one."""
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
        """A token in the URL is none."""
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

    def test_the_index_is_for_everybody(self, example: Example) -> None:
        """The optional route names the caller, if there is one."""
        client = client_of(example("composed"))
        assert client.get("/").json == {"caller": None}
        assert client.get("/", headers=bearer(token_of(client))).json == {"caller": "alice"}


class TestOrganisation:
    def test_our_people_get_in(self, example: Example) -> None:
        """A token of the tenant that was not revoked is accepted."""
        client = client_of(example("organisation"))
        assert client.get("/desk", headers=bearer(token_of(client))).json == {"subject": "alice"}

    @pytest.mark.parametrize(
        ("claim", "reason"),
        [
            pytest.param("tenant=rivals", "from another tenant", id="rule"),
            pytest.param("tenant=null", "lacks a required claim", id="no-tenant"),
            pytest.param("jti=stolen-laptop", "was revoked", id="subclass"),
            pytest.param("jti=null", "lacks a required claim", id="no-jti"),
        ],
    )
    def test_others_are_refused(self, example: Example, claim: str, reason: str) -> None:
        """The rule and the subclass refuse, and the handler points to help."""
        client = client_of(example("organisation"))
        refusal = client.get("/desk", headers=bearer(token_of(client, claim)))
        assert refusal.status_code == 401
        assert reason in refusal.headers["WWW-Authenticate"]
        assert refusal.headers["Link"] == '<https://intranet.example/sign-in>; rel="help"'


class TestKeyRotation:
    @pytest.fixture
    def issuer_client(
        self, example: Example, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[FlaskClient]:
        """A client of the issuer, which also serves its keys over HTTP where the example looks."""
        app = example("issuer").create_app()
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        monkeypatch.setenv("JWKS_URL", url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield app.test_client()
        server.shutdown()
        thread.join()
        server.server_close()

    def test_a_new_key_is_taken_up(self, example: Example, issuer_client: FlaskClient) -> None:
        """A key that is published, used and withdrawn goes in and out without a restart."""
        module = example("key_rotation")
        now = [0.0]
        # The same provider on a clock that the test moves, instead of waiting for five seconds.
        object.__setattr__(module.auth.keys, "clock", lambda: now[0])
        client = client_of(module)

        def kid_accepted(token: str) -> str | None:
            answer = client.get("/reports", headers=bearer(token))
            return answer.json["kid"] if answer.status_code == 200 and answer.json else None

        old = issuer_client.post("/token").text
        assert kid_accepted(old) == "key-1"

        assert issuer_client.post("/keys/publish").text == "key-2 is published\n"
        assert issuer_client.post("/token", data={"sub": "bob"}).status_code == 200
        assert kid_accepted(issuer_client.post("/token").text) == "key-1"
        now[0] += 5
        assert issuer_client.post("/keys/switch").text == "key-2 signs\n"
        new = issuer_client.post("/token").text
        assert kid_accepted(new) == "key-2"
        assert kid_accepted(old) == "key-1"

        issuer_client.post("/keys/withdraw")
        assert kid_accepted(old) == "key-1"
        now[0] += 5
        assert kid_accepted(old) is None
        assert kid_accepted(new) == "key-2"

    def test_an_outage_is_not_the_callers_fault(
        self, example: Example, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the issuer never answered, the answer is 503, with the time to come back."""
        monkeypatch.setenv("JWKS_URL", "http://127.0.0.1:9/jwks.json")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        answer = client_of(example("key_rotation")).get("/reports", headers=bearer(issuer.token()))
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1


class TestIssuer:
    def test_it_publishes_no_private_key(self, example: Example) -> None:
        """The published keys have public members alone, and an ID each."""
        client = client_of(example("issuer"))
        client.post("/keys/publish")
        answer = client.get("/.well-known/jwks.json").json
        assert answer is not None
        assert [key["kid"] for key in answer["keys"]] == ["key-1", "key-2"]
        assert all(set(key) == {"kty", "n", "e", "use", "alg", "kid"} for key in answer["keys"])


class TestCustomExtractor:
    def test_the_proxys_header_counts(self, example: Example) -> None:
        """The token is found in the proxy's header, verified, and looked for nowhere else."""
        client = client_of(example("custom_extractor"))
        header = "X-Forwarded-Access-Token"
        token = token_of(client)
        answer = client.get("/me", headers={header: token})
        assert answer.json == {"subject": "alice"}
        assert answer.headers["Cache-Control"] == "private"
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

    def test_guests_are_noted(self, example: Example, caplog: pytest.LogCaptureFixture) -> None:
        """A guest on the optional route is logged, and served."""
        client = client_of(example("custom_failure_handler"))
        assert client.get("/news").json == {"guest": True}
        assert "a guest came by" in caplog.text
        caplog.clear()
        assert client.get("/news", headers=bearer(token_of(client))).json == {"guest": False}
        assert "a guest came by" not in caplog.text


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
    def test_who_gets_where(
        self, example: Example, path: str, anonymous: int, customer: int, administrator: int
    ) -> None:
        """What nobody opened is closed; the blueprint asks for its scope."""
        client = client_of(example("default_deny"))
        assert client.get(path).status_code == anonymous
        assert client.get(path, headers=bearer(token_of(client))).status_code == customer
        headers = bearer(token_of(client, "scope=admin"))
        assert client.get(path, headers=headers).status_code == administrator


def test_the_example_key_is_the_one_of_the_rfc(example: Example) -> None:
    """The examples' key is the one that RFC 7515 A.2 prints, so that nobody takes it for a secret."""
    modulus = example("_issuer").ISSUER.jwk["n"]
    assert modulus.startswith("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp")
    assert modulus.endswith("cDTW9gb54h4FRWyuXpoQ")


def test_a_token_is_good_for_an_hour(example: Example) -> None:
    """A token that was printed stays good while somebody tries things out."""
    client = client_of(example("quickstart"))
    answer = client.get("/me", headers=bearer(token_of(client, f"nbf={int(time.time())}")))
    assert answer.status_code == 200
