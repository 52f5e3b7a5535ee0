"""The examples that fetch keys do what their docstrings say, and so does the issuer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from attrs import define, field
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer, bearer

from .example_kit import client_of, token_of

Example = Callable[[str], ModuleType]
Command = Callable[..., "CompletedProcess[str]"]


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

    def test_the_doctor_finds_nothing(self, example: Example, provider: Provider) -> None:
        """``flask jwtlib doctor`` has no finding about the example, and one when its provider is down."""
        runner = example("openid").app.test_cli_runner()
        assert "\n0 problems, 0 warnings\n" in runner.invoke(jwtlib, ["doctor", "--strict"]).output
        provider.stop()
        assert "refuses connections" in runner.invoke(jwtlib, ["doctor"]).output


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
