"""What the token verifiers for the MCP SDK and for FastMCP say about a token."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from attrs import frozen
from flask import Flask

from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    Authenticator,
    Claims,
    ConfigurationError,
    JWTValidator,
    Scope,
    VerificationUnavailable,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.integrations.fastmcp import fastmcp_token_verifier
from flask_jwtlib_strategies.integrations.mcp import MCPTokenVerifier
from tests.kit import DOWN

from .kit import NEEDS_FASTMCP

URL = "http://127.0.0.1:8000/mcp"
SERVER = "https://login.example"


VERIFIERS = [
    pytest.param(MCPTokenVerifier, id="mcp"),
    pytest.param(fastmcp_token_verifier, id="fastmcp", marks=NEEDS_FASTMCP),
]
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def login() -> TokenIssuer:
    """The authorization server's signer."""
    return TokenIssuer(SERVER)


@pytest.fixture(scope="module")
def auth(login: TokenIssuer) -> Authenticator:
    """An Authenticator for the tokens of two resources."""
    return Authenticator(
        keys=login.public_pem,
        validator=JWTValidator(rules=[Audience(URL, "https://other.example")]),
        scope_hierarchy={"notes:admin": ["notes:read"]},
    )


def verified(verifier: Any, token: Any) -> Any:
    """Return what a verifier says about a token."""
    return anyio.run(verifier.verify_token, token)


@pytest.mark.parametrize("make", VERIFIERS)
class TestVerifiers:
    def test_an_access_token_says_who_calls(
        self, make: Make, auth: Authenticator, login: TokenIssuer
    ) -> None:
        """It has the client, all scopes with those that they imply, the time, the resource and the claims."""
        text = login.token(
            "alice", aud=URL, scope="notes:admin mail", client_id="c", exp=4_000_000_000.5
        )
        found = verified(make(auth), text)
        assert found.token == text
        assert found.client_id == "c"
        assert found.scopes == ["mail", "notes:admin", "notes:read"]
        assert found.expires_at == 4_000_000_000
        assert found.resource == URL
        assert found.subject == "alice"
        assert (found.claims["iss"], found.claims["sub"]) == (SERVER, "alice")

    @pytest.mark.parametrize(
        ("claims", "client"),
        [
            ({}, ""),
            ({"azp": "a"}, "a"),
            ({"appid": "b"}, "b"),
            ({"cid": "d"}, "d"),
            ({"client_id": "c", "azp": "a"}, "c"),
            ({"client_id": ["c"], "azp": "a"}, "a"),
            ({"client_id": 1}, ""),
        ],
    )
    def test_the_client(
        self, make: Make, auth: Authenticator, login: TokenIssuer, claims: Any, client: str
    ) -> None:
        """The client comes from the claims of several issuers, and never from the subject."""
        found = verified(make(auth), login.token("c", aud=URL, **claims))
        assert found.client_id == client

    @pytest.mark.parametrize(
        ("audience", "of_any", "of_one"),
        [
            (URL, URL, URL),
            ([URL], URL, URL),
            ([URL, "https://more.example"], None, URL),
            ("https://other.example", "https://other.example", "refused"),
            (["https://other.example", f"{URL}/"], None, "refused"),
        ],
        ids=["text", "list", "several", "another", "slash"],
    )
    def test_the_resource(
        self,
        make: Make,
        auth: Authenticator,
        login: TokenIssuer,
        audience: Any,
        of_any: str | None,
        of_one: str,
    ) -> None:
        """It is the only audience, or the configured one, which the token must have."""
        token = login.token("alice", aud=audience)
        assert verified(make(auth), token).resource == of_any
        found = verified(make(auth, resource=URL), token)
        assert ("refused" if found is None else found.resource) == of_one

    def test_refusals_are_logged_without_the_token(
        self,
        make: Make,
        auth: Authenticator,
        login: TokenIssuer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Whatever is refused is None, and the log says why."""
        caplog.set_level(logging.INFO, "flask_jwtlib")
        bound = login.token("alice", aud=URL, cnf={"jkt": "k"})
        expired = login.token("alice", aud=URL, exp=1)
        elsewhere = login.token("alice", aud="https://other.example")
        verifier = make(auth, resource=URL)
        for token in (bound, expired, elsewhere, "", "a.b.c", "\ud800", "a" * 100_000, None):
            assert verified(verifier, token) is None
        for said in ("bound by 'jkt'", "ExpiredTokenError", f"not for the resource {URL}"):
            assert said in caplog.text
        assert expired not in caplog.text

    def test_policies_of_the_authenticator_apply(
        self, make: Make, auth: Authenticator, login: TokenIssuer
    ) -> None:
        """A caller who lacks what every caller needs is refused."""
        strict = auth.evolve(policies=[Scope("mcp")])
        assert verified(make(strict), login.token("alice", aud=URL)) is None
        assert verified(make(strict), login.token("alice", aud=URL, scope="mcp")) is not None

    def test_it_verifies_in_a_thread(self, make: Make, login: TokenIssuer) -> None:
        """A slow key server delays no other request of the event loop."""
        threads: list[threading.Thread] = []

        class Validator:
            def validate(self, token: object, keys: object) -> Claims:
                threads.append(threading.current_thread())
                return Claims({"sub": "alice", "exp": "never"}, checked_at=0)

        found = verified(make(Authenticator(validator=Validator())), "x")
        assert (found.subject, found.expires_at, found.resource) == ("alice", None, None)
        assert threads != [threading.current_thread()]

    def test_an_outage_raises(self, make: Make, auth: Authenticator, login: TokenIssuer) -> None:
        """Only our outage raises, and FastMCP gets the error that it expects for that."""

        def keys() -> object:
            raise DOWN

        down = make(auth.evolve(keys=keys))
        expected: type[Exception] = VerificationUnavailable
        if make is fastmcp_token_verifier:
            from fastmcp.server.auth import TokenVerificationError

            expected = TokenVerificationError
        with pytest.raises(expected, match="The token can't be verified at the moment"):
            verified(down, login.token("alice", aud=URL))

    def test_an_app_authenticator_is_resolved_first(
        self, make: Make, auth: Authenticator, login: TokenIssuer
    ) -> None:
        """A verifier has no app, so it takes what the ``AppAuthenticator`` is in the app."""
        late = AppAuthenticator(lambda app: auth)
        app = Flask("app")
        late.init_app(app)
        with pytest.raises(ConfigurationError, match=r"auth\.authenticator\(app\)"):
            make(late)
        assert verified(make(late.authenticator(app)), login.token("alice", aud=URL)) is not None

    @pytest.mark.parametrize("resource", ["", 1, [URL]])
    def test_a_wrong_resource_is_refused(
        self, make: Make, auth: Authenticator, resource: Any
    ) -> None:
        """The resource is one URL."""
        with pytest.raises(ConfigurationError, match="resource"):
            make(auth, resource=resource)


@NEEDS_FASTMCP
def test_fastmcp_gets_its_own_class(auth: Authenticator) -> None:
    """FastMCP's verifier has the scopes and the URL that FastMCP asks it for."""
    from fastmcp.server.auth import TokenVerifier

    verifier = fastmcp_token_verifier(
        auth, required_scopes=("notes:read",), base_url="https://api.example"
    )
    assert isinstance(verifier, TokenVerifier)
    assert verifier.required_scopes == ["notes:read"]
    assert str(verifier.base_url) == "https://api.example/"


def test_verifiers_compare_by_what_they_are_made_of(auth: Authenticator) -> None:
    """The SDK's verifier is a value."""
    assert MCPTokenVerifier(auth) == MCPTokenVerifier(auth)
    assert MCPTokenVerifier(auth, resource=URL) != MCPTokenVerifier(auth)


@frozen
class _Bridge:
    module: str
    call: str
    package: str


@pytest.mark.parametrize(
    "bridge",
    [
        _Bridge("mcp", "MCPTokenVerifier", "mcp"),
        _Bridge("fastmcp", "fastmcp_token_verifier", "fastmcp"),
    ],
    ids=["mcp", "fastmcp"],
)
def test_a_missing_package_is_named_when_it_is_needed(bridge: _Bridge) -> None:
    """The module is imported without the package, and using it says what to install."""
    program = (
        f"import sys; sys.modules[{bridge.package!r}] = None\n"
        "from flask_jwtlib import Authenticator\n"
        "from flask_jwtlib.testing import TokenIssuer\n"
        f"from flask_jwtlib_strategies.integrations.{bridge.module} import {bridge.call}\n"
        f"print('imported'); {bridge.call}(Authenticator(keys=TokenIssuer().public_pem))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.stdout == "imported\n"
    last_line = run.stderr.rstrip().splitlines()[-1]
    assert last_line.endswith(f"python -m pip install {bridge.package}")
