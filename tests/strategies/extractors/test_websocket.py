"""``WebSocketTokenExtractor``: the token in the handshake of a WebSocket."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask, Request

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    ConfigurationError,
    TokenExtractor,
)
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor
from tests.kit import raises

UPGRADE = {"Upgrade": "websocket", "Connection": "Upgrade"}
OFFERED = BearerToken("a.b.c", source="subprotocol")
QUERIED = BearerToken("a.b.c", source="query")
BOTH = WebSocketTokenExtractor(parameter="access_token")
QUERY = WebSocketTokenExtractor(subprotocol=None, parameter="access_token")


def handshake(offered: str | None = None, path: str = "/ws", **headers: str) -> Request:
    """Return a handshake that offers subprotocols."""
    protocol = {} if offered is None else {"HTTP_SEC_WEBSOCKET_PROTOCOL": offered}
    return make_request(path, headers={**UPGRADE, **headers}, environ_overrides=protocol)


class TestWebSocketTokenExtractorContract(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return BOTH

    def request_with(self, token: str) -> Request:
        return handshake(f"chat, bearer.{token}")

    def ambiguous_requests(self) -> Iterable[Request]:
        yield handshake("bearer.a, bearer.b")
        yield handshake("bearer.a, bearer.a")
        yield handshake("bearer.a", "/ws?access_token=a")
        yield handshake(None, "/ws?access_token=a&access_token=a")

    def malformed_requests(self) -> Iterable[Request]:
        for offered in REFUSED.values():
            yield handshake(offered)
        yield handshake(None, "/ws?access_token=")
        yield handshake(None, "/ws?access_token=a%20b")
        yield handshake("bearer.", "/ws?access_token=a")


class TestWebSocketTokenExtractorContractOnTheQuery(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return QUERY

    def request_with(self, token: str) -> Request:
        return handshake(None, f"/ws?access_token={token}")


@pytest.mark.parametrize(
    "offered",
    [
        "bearer.a.b.c",
        "chat, bearer.a.b.c",
        "bearer.a.b.c, chat",
        "chat,bearer.a.b.c,v2.chat",
        " chat ,\tbearer.a.b.c , ",
        "bearer, bearer.a.b.c",
    ],
)
def test_the_token_is_one_of_the_offered_subprotocols(offered: str) -> None:
    """The token may be anywhere in the list that the client offers. No browser adds it by itself."""
    found = BOTH.extract(handshake(offered))

    assert found == OFFERED
    assert not found.ambient
    assert BOTH.vary == ("Upgrade", "Sec-WebSocket-Protocol")


@pytest.mark.parametrize(
    "offered",
    ["chat", "", ",", "bearer", "Bearer.a.b.c", "x-bearer.a.b.c", "a.b.c", "token.a.b.c"],
    ids=repr,
)
def test_another_subprotocol_is_not_a_token(offered: str) -> None:
    """Only a subprotocol with the prefix, whose case counts, has a token."""
    assert BOTH.extract(handshake(offered)) is None


REFUSED: dict[str, str] = {
    "prefix alone": "chat, bearer.",
    "space": "bearer.a b",
    "quotes": 'bearer."a"',
    "equals signs": "bearer.==",
    "umlaut": "bearer.\xe4",
    "zero": "bearer.a\x00",
    "line feed": "bearer.a\n",
    "injected header": "bearer.a\r\nX-Admin: 1",
    "two": "bearer.a, bearer.b",
    "the same twice": "bearer.a,bearer.a",
    "one empty": "bearer.a, bearer.",
    "many": ", ".join(["bearer.a"] * 5000),
    "long": "bearer." + "a" * 100_000 + ";",
}


@pytest.mark.parametrize("offered", REFUSED.values(), ids=REFUSED)
def test_a_malformed_subprotocol_is_refused(offered: str) -> None:
    """A subprotocol with the prefix and not one token is refused. The error doesn't repeat it."""
    with raises(InvalidRequestError, match="subprotocols that start with 'bearer.', expected") as e:
        BOTH.extract(handshake(offered))
    assert str(e.value) == "The Sec-WebSocket-Protocol header is malformed"
    assert len(error_text(e.value)) < 120


PLAIN: dict[str, dict[str, Any]] = {
    "no upgrade": {"headers": {}},
    "upgrade without Connection": {"headers": {"Upgrade": "websocket"}},
    "Connection without Upgrade": {"headers": {"Connection": "Upgrade"}},
    "another protocol": {"headers": {"Upgrade": "h2c", "Connection": "Upgrade"}},
    "kept alive": {"headers": {"Upgrade": "websocket", "Connection": "keep-alive"}},
    "longer name": {"headers": {"Upgrade": "websocket2", "Connection": "Upgrade"}},
    "shorter name": {"headers": {"Upgrade": "websocke", "Connection": "Upgrade"}},
    "longer option": {"headers": {"Upgrade": "websocket", "Connection": "X-Upgrade"}},
    "two words": {"headers": {"Upgrade": "not websocket", "Connection": "Upgrade"}},
    "version": {"headers": {"Upgrade": "websocket/13", "Connection": "Upgrade"}},
    "key alone": {"headers": {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}},
    "mode alone": {"headers": {"Sec-Fetch-Mode": "websocket"}},
    "long s": {
        "environ_overrides": {"HTTP_UPGRADE": "web\u017focket", "HTTP_CONNECTION": "upgrade"}
    },
    **{
        method: {"headers": UPGRADE, "method": method}
        for method in ("POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE")
    },
}


@pytest.mark.parametrize("how", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("place", ["query", "subprotocol"])
def test_a_plain_request_has_no_token(place: str, how: dict[str, Any]) -> None:
    """Only a GET that asks to open a WebSocket has a token, so a link with a token does nothing."""
    path = "/ws?access_token=a.b.c" if place == "query" else "/ws"
    offered = {} if place == "query" else {"Sec-WebSocket-Protocol": "bearer.a.b.c"}
    headers = {**offered, **how.get("headers", {})}

    assert BOTH.extract(make_request(path, **{**how, "headers": headers})) is None


@pytest.mark.parametrize(
    "headers",
    [
        UPGRADE,
        {"Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade"},
        {"Upgrade": "h2c,websocket", "Connection": "upgrade"},
    ],
    ids=["plain", "with keep-alive", "several"],
)
def test_a_handshake_is_recognised(headers: dict[str, str]) -> None:
    """Both headers are lists whose members are compared without regard to case (RFC 6455 §4.2.1)."""
    assert BOTH.extract(make_request("/ws?access_token=a.b.c", headers=headers)) == QUERIED


def test_the_query_is_read_by_choice_only() -> None:
    """Without ``parameter``, no token in the URL is read, and without ``subprotocol`` none in the header."""
    sent = handshake("bearer.a.b.c", "/ws?access_token=a.b.c")

    assert WebSocketTokenExtractor().extract(sent) == OFFERED
    assert QUERY.extract(sent) == QUERIED
    assert QUERY.vary == ("Upgrade",)
    with raises(InvalidRequestError, match="in the query and another in Sec-WebSocket-Protocol"):
        BOTH.extract(sent)


def test_prefix_and_parameter_are_a_choice() -> None:
    """An application may use the names that its clients have."""
    kubernetes = WebSocketTokenExtractor(subprotocol="base64url.bearer.authorization.k8s.io.")
    sent = handshake("v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.abc", "/ws?jwt=x")

    assert kubernetes.extract(sent) == BearerToken("abc", source="subprotocol")
    found = WebSocketTokenExtractor(subprotocol=None, parameter="jwt").extract(sent)
    assert found == BearerToken("x", source="query")


def test_it_works_beside_the_header(app: Flask, issuer: TokenIssuer) -> None:
    """Beside an extractor of the header, a handshake may have a token in one of the places."""
    extractor = CompositeTokenExtractor(BearerTokenExtractor(query=False), BOTH)
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)
    for path, is_websocket in (("/ws", True), ("/plain", False)):
        view = auth.requires_authentication(lambda: "in")
        app.add_url_rule(path, path, view, websocket=is_websocket)
    client, token = app.test_client(), issuer.token()
    offered = {**UPGRADE, "Sec-WebSocket-Protocol": f"chat, bearer.{token}"}

    for path, headers, status in (
        ("/ws", {**UPGRADE, **bearer(token)}, 200),
        ("/ws", offered, 200),
        ("/ws", {**offered, **bearer(token)}, 400),
        ("/ws", UPGRADE, 401),
        ("/plain", bearer(token), 200),
        ("/plain", {"Sec-WebSocket-Protocol": f"bearer.{token}"}, 401),
    ):
        response = client.get(path, headers=headers)
        assert response.status_code == status
        assert response.headers["Vary"] == "Authorization, Upgrade, Sec-WebSocket-Protocol"
        assert response.cache_control.private


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"subprotocol": None}, "reads nothing: pass subprotocol='bearer.'"),
        ({"subprotocol": ""}, "subprotocol is ''"),
        ({"subprotocol": "bearer "}, "subprotocol is 'bearer '"),
        ({"subprotocol": "a,b"}, "subprotocol is 'a,b'"),
        ({"subprotocol": "a/b"}, "subprotocol is 'a/b'"),
        ({"subprotocol": 5}, "subprotocol is 5"),
        ({"parameter": ""}, "the parameter's name is ''"),
        ({"parameter": "a b"}, "the parameter's name is 'a b'"),
    ],
    ids=["nothing", "empty", "space", "comma", "slash", "number", "no name", "name with a space"],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], said: str) -> None:
    """An option that no client could use is refused when the extractor is made."""
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        WebSocketTokenExtractor(**options)
