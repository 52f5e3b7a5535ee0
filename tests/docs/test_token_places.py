"""Every program in ``docs/token_places.rst`` does what the text around it says."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import simple_websocket
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from flask_jwtlib import Authenticator, HeaderTokenExtractor
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from tests.kit import PATIENCE

from .program_kit import client_behind, client_of, requirement

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/token_places.rst"
TEXT = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
HEADERS = re.findall(r'^     - ``HeaderTokenExtractor\("([\w-]+)"\)``', TEXT, re.MULTILINE)
HERE, ELSEWHERE = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}


class TestProxies:
    PROGRAM = 'HeaderTokenExtractor("Cf-Access-Jwt-Assertion")'

    @pytest.fixture
    def sent(self, issuer: TokenIssuer, internet: Any) -> dict[str, str]:
        """The proxy's header, whose key the proxy publishes."""
        team = "https://acme.cloudflareaccess.com"
        internet.publish(team, f"{team}/cdn-cgi/access/certs", issuer.jwk)
        claims = {"iss": team, "aud": "the-application's-aud-tag"}
        return {"Cf-Access-Jwt-Assertion": issuer.token("alice", **claims)}

    def test_a_change_needs_the_cross_site_check(self, run: Run, sent: dict[str, str]) -> None:
        """The header's token counts for GET, and for POST if the browser says that this site sent it."""
        client = client_behind(requirement(run(DOCUMENT, self.PROGRAM)))

        assert client.get("/", headers=sent).text == "alice"
        assert client.post("/", headers={**sent, **HERE}).text == "alice"
        for other in (ELSEWHERE, {}):
            assert client.post("/", headers={**sent, **other}).status_code == 403
        assert client.get("/", headers={"Cf-Access-Jwt-Assertion": "x"}).status_code == 401
        missing = client.get("/")
        assert missing.headers["WWW-Authenticate"] == "Cf-Access-Jwt-Assertion"
        assert missing.cache_control.private

    def test_without_the_wrapper_other_requests_are_refused(
        self, run: Run, sent: dict[str, str]
    ) -> None:
        """The extractor alone accepts what changes nothing and what its own pages send."""
        auth = run(DOCUMENT, self.PROGRAM)["auth"]
        alone = auth.evolve(extractor=auth.extractor.extractor)
        client = client_behind(alone.requires_authentication)

        assert client.get("/", headers=sent).status_code == 200
        assert client.post("/", headers={**sent, **HERE}).status_code == 200
        assert client.post("/", headers=sent).status_code == 403

    @pytest.mark.parametrize("name", sorted(set(HEADERS)))
    def test_the_header_of_each_proxy_can_be_read(self, issuer: TokenIssuer, name: str) -> None:
        """Each extractor of the table reads its header, ambient, and works in the wrapper."""
        extractor = CrossSiteCheckedTokenExtractor(HeaderTokenExtractor(name))
        client = client_behind(auth_of(issuer, extractor).requires_authentication)

        assert client.get("/", headers={name: issuer.token()}).text == "alice"
        assert client.post("/", headers={name: issuer.token()} | ELSEWHERE).status_code == 403

    def test_the_table_is_complete(self) -> None:
        """The pattern of these tests finds the table's rows."""
        assert {"Cf-Access-Jwt-Assertion", "X-Goog-IAP-JWT-Assertion"} < set(HEADERS)


def auth_of(issuer: TokenIssuer, extractor: Any) -> Authenticator:
    """Compose an Authenticator with an extractor."""
    return Authenticator(keys=issuer.public_pem, extractor=extractor)


def test_another_scheme_is_read(run: Run, issuer: TokenIssuer) -> None:
    """``Authorization: JWT`` is accepted in any case, and the challenge names it."""
    client = client_behind(requirement(run(DOCUMENT, 'HeaderTokenExtractor(scheme="JWT"))')))
    token = issuer.token()

    for scheme in ("JWT", "jwt"):
        assert client.get("/", headers={"Authorization": f"{scheme} {token}"}).text == "alice"
        assert client.post("/", headers={"Authorization": f"{scheme} {token}"}).text == "alice"
    refused = client.get("/", headers=bearer(token))
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "JWT")


def test_json_is_read(run: Run, issuer: TokenIssuer) -> None:
    """The member of a JSON body is read, with the methods, types and sizes that the text says."""
    client = client_behind(requirement(run(DOCUMENT, "JSONTokenExtractor())")))
    body = {"access_token": issuer.token()}

    assert client.post("/", json=body).text == "alice"
    assert client.get("/", json=body).status_code == 401
    assert client.post("/", json=body, content_type="text/plain").status_code == 401
    assert client.post("/", json={**body, "n": "x" * 65_536}).status_code == 401
    assert client.post("/", json={"access_token": None}).status_code == 400
    assert client.post("/", data="{", content_type="application/json").status_code == 401


@pytest.fixture
def chat(run: Run) -> Iterator[str]:
    """The URL of a running server of the program with a WebSocket."""
    server = make_server("127.0.0.1", 0, run(DOCUMENT, "Sock(app)")["app"], threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.server_port}/chat"
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def test_a_websocket_gets_its_subprotocol(chat: str, issuer: TokenIssuer) -> None:
    """The handshake with the token is accepted, and the response names the other subprotocol."""
    client = simple_websocket.Client(chat, subprotocols=["chat", f"bearer.{issuer.token()}"])
    try:
        assert client.subprotocol == "chat"
    finally:
        with suppress(simple_websocket.ConnectionClosed, OSError):
            client.close()
        client.thread.join(PATIENCE)
        client.sock.close()


def test_a_websocket_is_refused_at_the_handshake(run: Run, issuer: TokenIssuer) -> None:
    """Without a valid token, the response to the handshake is a 401. A link with a token does nothing."""
    client = client_of(run(DOCUMENT, "Sock(app)"))
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    for offered in ("chat", f"chat, bearer.{issuer.token(exp=1)}"):
        headers = {**upgrade, "Sec-WebSocket-Protocol": offered}
        assert client.get("/chat", headers=headers).status_code == 401
    assert client.get(f"/chat?access_token={issuer.token()}", headers=upgrade).status_code == 401


class TestSeveralPlaces:
    PROGRAM = "exclusive=False)"
    # The request; the status of each column; and the caller, where it says one.
    ROWS = re.findall(
        r"\* - ((?:good|expired) (?:header|cookie).*)\n"
        r"     - (\d+)\n     - (\d+)(?:, the (\w+)'s caller)?\n     - (\d+)(?:, the (\w+)'s caller)?\n",
        TEXT,
    )

    @pytest.fixture
    def clients(self, run: Run) -> list[FlaskClient]:
        """Clients of apps for the three columns of the table."""
        auth = run(DOCUMENT, self.PROGRAM)["auth"]
        header, cookie = auth.extractor.extractors
        assert isinstance(header, HeaderTokenExtractor)
        assert isinstance(cookie, CookieTokenExtractor)
        extractors = (
            CompositeTokenExtractor(header, cookie),
            auth.extractor,
            CompositeTokenExtractor(cookie, header, exclusive=False),
        )
        return [
            client_behind(auth.evolve(extractor=extractor).requires_authentication)
            # Its jar of cookies would replace the header.
            .application.test_client(use_cookies=False)
            for extractor in extractors
        ]

    def test_the_table_is_found(self) -> None:
        """The pattern of these tests finds the table's rows."""
        assert len(self.ROWS) == 5

    @pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
    def test_the_table_is_right(
        self, clients: list[FlaskClient], issuer: TokenIssuer, row: tuple[str, ...]
    ) -> None:
        """An expired cookie beside a good header, and the others, have the status that the table says."""
        what, default, header_first, caller, cookie_first, other_caller = row
        tokens = {
            place: issuer.token(f"of {place}", **({} if state == "good" else {"exp": 1}))
            for state, place in re.findall(r"(\w+) (header|cookie)", what)
        }
        headers = bearer(tokens["header"]) if "header" in tokens else {}
        if "cookie" in tokens:
            headers["Cookie"] = f"__Host-access_token={tokens['cookie']}"

        responses = [client.get("/", headers=headers) for client in clients]

        statuses = [response.status_code for response in responses]
        assert statuses == [int(default), int(header_first), int(cookie_first)]
        for response, named in zip(responses[1:], (caller, other_caller), strict=True):
            assert not named or response.text == f"of {named}"

    def test_only_the_cookie_is_checked(
        self, clients: list[FlaskClient], issuer: TokenIssuer
    ) -> None:
        """With the header first, a good header passes from wherever it comes, also beside a cookie."""
        cookie = {"Cookie": f"__Host-access_token={issuer.token()}"}
        header = bearer(issuer.token())
        statuses = [
            [client.post("/", headers=sent | ELSEWHERE).status_code for client in clients]
            for sent in (header, header | cookie, cookie)
        ]
        assert statuses == [[200, 200, 200], [403, 200, 403], [403, 403, 403]]
