"""``JSONTokenExtractor``: the token in a JSON body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Request, request
from flask.testing import FlaskClient

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    ConfigurationError,
    HeaderTokenExtractor,
    TokenExtractor,
    current_principal,
)
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from tests.kit import raises

FOUND = BearerToken("a.b.c", source="json")


def posted(body: bytes | str, content_type: str = "application/json", **how: Any) -> Request:
    """Return a request with a body."""
    how = {"method": "POST", **how}
    return make_request(data=body, content_type=content_type, **how)


def extracted(body: bytes | str, **how: Any) -> BearerToken | None:
    """Return the token that is found in a body."""
    return JSONTokenExtractor().extract(posted(body, **how))


class TestJSONTokenExtractorContract(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return JSONTokenExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(method="POST", json={"access_token": token, "for": "the view"})

    def ambiguous_requests(self) -> Iterable[Request]:
        yield posted('{"access_token": "a", "access_token": "b"}')
        yield posted('{"access_token": "a", "access_\\u0074oken": "a"}')

    def malformed_requests(self) -> Iterable[Request]:
        for body in REFUSED.values():
            yield posted(body)


READ: dict[str, bytes | str] = {
    "alone": '{"access_token": "a.b.c"}',
    "among others": '{"a": [{"b": null}, 1.5], "access_token": "a.b.c", "c": "\xe4"}',
    "escaped name": '{"\\u0061ccess_token": "a.b.c"}',
    "escaped value": '{"access_token": "a\\u002eb.c"}',
    "white space": ' \t\r\n{ "access_token"\n:\t"a.b.c" }\n',
    "nested elsewhere": '{"x": {"access_token": "other"}, "access_token": "a.b.c"}',
}


@pytest.mark.parametrize("body", READ.values(), ids=READ)
def test_the_member_of_the_outermost_object_is_read(body: str) -> None:
    """The token is found in whichever way JSON spells the member."""
    assert extracted(body) == FOUND


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/problem+json",
        "application/vnd.api+json;v=1",
    ],
)
def test_json_content_types_are_read(content_type: str) -> None:
    """``application/json`` and the types that end with ``+json`` (RFC 6839 §3.1) are read."""
    assert extracted('{"access_token": "a.b.c"}', content_type=content_type) == FOUND


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain; application/json",
        "text/plain, application/json",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; +json",
        "multipart/form-data; boundary=application/json",
        "text/json",
        "text/x+json",
        "application/jsonp",
        "application/json-seq",
        "application/x-json",
        "application/javascript",
        "application/octet-stream",
        "json",
        "",
    ],
)
def test_other_content_types_are_not_read(content_type: str) -> None:
    """Above all, none is read that another site's page can send without a preflight."""
    assert extracted('{"access_token": "a.b.c"}', content_type=content_type) is None


IGNORED: dict[str, bytes | str] = {
    "empty": "",
    "no member": '{"token": "a.b.c"}',
    "no JSON": "{not json",
    "no JSON, escape": "{\\u0061",
    "array": '["access_token", {"access_token": "a.b.c"}]',
    "string": '"access_token"',
    "number": "5",
    "null": "null",
    "nested": '{"data": {"access_token": "a.b.c"}}',
    "value": '{"grant": "access_token"}',
    "escaped value": '{"grant": "access_\\u0074oken"}',
    "another case": '{"Access_Token": "a.b.c"}',
    "longer name": '{"access_token_2": "a.b.c", "my_access_token": "a.b.c"}',
    "form": "access_token=a.b.c",
    "mark": b'\xef\xbb\xbf{"access_token": "a.b.c"}',
    "UTF-16": '{"access_token": "a.b.c"}'.encode("utf-16"),
    "UTF-32": '{"access_token": "a.b.c"}'.encode("utf-32-be"),
    "not strict, without the member": '{"a": NaN, "a": 1}',
    "nested deeply": "[" * 60_000,
    "escaped name in no JSON": '{"access_\\u0074oken": "a.b.c", }',
}


@pytest.mark.parametrize("body", IGNORED.values(), ids=IGNORED)
def test_a_body_without_a_token_is_left_to_the_view(body: bytes | str) -> None:
    """What has no such member isn't refused: its form is the view's matter, which can still read it."""
    sent = posted(body)

    assert JSONTokenExtractor().extract(sent) is None
    assert sent.get_data() == (body if isinstance(body, bytes) else body.encode())


REFUSED: dict[str, bytes | str] = {
    "twice": '{"access_token": "a", "access_token": "a"}',
    "twice, once escaped": '{"access_token": "a", "access\\u005ftoken": "b"}',
    "other member twice": '{"a": 1, "a": 2, "access_token": "a"}',
    "null": '{"access_token": null}',
    "number": '{"access_token": 5}',
    "true": '{"access_token": true}',
    "array": '{"access_token": ["a.b.c"]}',
    "object": '{"access_token": {"value": "a.b.c"}}',
    "empty": '{"access_token": ""}',
    "space": '{"access_token": "a b"}',
    "two tokens": '{"access_token": "a,b"}',
    "with its scheme": '{"access_token": "Bearer a.b.c"}',
    "line feed": '{"access_token": "a.b.c\\n"}',
    "zero": '{"access_token": "a\\u0000"}',
    "umlaut": '{"access_token": "\xe4"}',
    "half a surrogate pair": '{"access_token": "\\ud800"}',
    "equals signs": '{"access_token": "=="}',
    "not closed": '{"access_token": "a.b.c"',
    "trailing comma": '{"access_token": "a.b.c",}',
    "two objects": '{"access_token": "a"}{"access_token": "b"}',
    "text after it": '{"access_token": "a.b.c"} //',
    "single quotes": "{'access_token': 'a.b.c'}",
    "comment": '{/* */"access_token": "a.b.c"}',
    "NaN": '{"access_token": "a.b.c", "n": NaN}',
    "infinite": '{"access_token": "a.b.c", "n": 1e999}',
    "not UTF-8": b'{"access_token": "a.b.c", "n": "\xff"}',
    "nested": '{"access_token": "a.b.c", "n": %s}' % ("[" * 40 + "]" * 40),
    "nested deeply": '{"access_token": ' + "[" * 60_000,
    "nested objects": '{"access_token": ' + '{"a":' * 10_000,
    "long number": '{"access_token": "a.b.c", "n": %s}' % ("9" * 60_000),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_a_malformed_token_is_refused(body: bytes | str) -> None:
    """A body that has the member, but not one token in strict JSON, is refused. No error repeats it."""
    with pytest.raises(InvalidRequestError) as refused:
        extracted(body)
    assert str(refused.value) == "The JSON with access_token is malformed"
    assert refused.value.__context__ is refused.value.__cause__ is None
    assert len(error_text(refused.value)) < 80
    assert "a.b.c" not in error_text(refused.value)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_a_method_without_a_body_has_no_token(method: str) -> None:
    """A body has no meaning there (RFC 9110 §9.3), unless an application says so."""
    sent = posted('{"access_token": "a.b.c"}', method=method)

    assert JSONTokenExtractor().extract(sent) is None
    assert JSONTokenExtractor(methods=[method]).extract(sent) == FOUND


def test_methods_can_be_limited() -> None:
    """By default every method with a body is read; ``methods`` names those that are."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "QUERY", "post", "BREW"):
        sent = posted('{"access_token": "a.b.c"}', method=method)
        assert JSONTokenExtractor().extract(sent) == FOUND
        expected = FOUND if method.upper() == "POST" else None
        assert JSONTokenExtractor(methods="post").extract(sent) == expected


def test_only_so_much_is_read() -> None:
    """A longer body, and one of unknown length, has no token and isn't parsed."""
    body = json.dumps({"access_token": "a.b.c", "n": "x" * 100})
    limited = JSONTokenExtractor(max_body_size=len(body))
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(body.encode())}

    assert limited.extract(posted(body)) == FOUND
    assert JSONTokenExtractor(max_body_size=len(body) - 1).extract(posted(body)) is None
    assert limited.extract(posted(body, environ_overrides=chunked)) is None
    assert extracted(json.dumps({"access_token": "a", "n": "x" * 65_536})) is None


def test_an_incomplete_body_is_refused() -> None:
    """A body that ends before its announced length is refused."""
    sent = posted("", environ_overrides={"CONTENT_LENGTH": "40"})
    with raises(InvalidRequestError, match="the input ended after 0 of 40 bytes"):
        JSONTokenExtractor().extract(sent)


def test_another_member_may_have_the_token() -> None:
    """The member's name is a choice of the application's."""
    sent = posted('{"token": "a.b.c", "access_token": 5}')

    assert JSONTokenExtractor("token").extract(sent) == FOUND


@pytest.fixture
def client(app: Flask, issuer: TokenIssuer) -> FlaskClient:
    """A client of an app that accepts the token in a header or in JSON, with views that read the body."""
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=CompositeTokenExtractor(HeaderTokenExtractor(), JSONTokenExtractor()),
    )
    views: dict[str, Any] = {
        "json": lambda: [request.get_json()["a"], current_principal.subject],
        "stream": lambda: str(len(request.stream.read())),
        "file": lambda: request.files["f"].read().decode(),
        "form": lambda: request.form["a"],
    }
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, auth.requires_authentication(view), methods=["POST"])
    return app.test_client()


def test_the_view_reads_the_body(client: FlaskClient, issuer: TokenIssuer) -> None:
    """Views read JSON, streams, uploads and forms as before, with the token in the JSON or in the header."""
    token = issuer.token()
    headers = bearer(token)

    assert client.post("/json", json={"a": 1, "access_token": token}).json == [1, "alice"]
    assert client.post("/json", json={"a": 1}, headers=headers).json == [1, "alice"]
    assert client.post("/stream", data=b"x" * 70_000, headers=headers).text == "70000"
    upload = {"f": (BytesIO(b"up"), "f.txt")}
    assert client.post("/file", data=upload, headers=headers).text == "up"
    assert client.post("/form", data={"a": "2"}, headers=headers).text == "2"
    big = {"a": "x" * 100_000, "access_token": "not read"}
    assert client.post("/json", json=big, headers=headers).json == [big["a"], "alice"]


def test_the_body_of_a_request_without_a_token_is_no_reason(client: FlaskClient) -> None:
    """Malformed JSON without a token is a 401, as any other body. The response is that of RFC 6750."""
    for how in ({"json": {"a": 1}}, {"data": "{not json", "content_type": "application/json"}):
        refused = client.post("/json", **how)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    refused = client.post("/json", json={"access_token": 5})
    assert refused.status_code == 400
    assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_request"')


def test_two_tokens_are_refused(client: FlaskClient, issuer: TokenIssuer) -> None:
    """A token in the header and another in the JSON are two ways to send one (RFC 6750 §2)."""
    token = issuer.token()
    refused = client.post("/json", json={"access_token": token}, headers=bearer(token))
    assert refused.status_code == 400


def test_a_response_to_json_is_private(client: FlaskClient, issuer: TokenIssuer) -> None:
    """No shared cache keeps the response to a token in a body."""
    response = client.post("/json", json={"a": 1, "access_token": issuer.token()})
    assert response.cache_control.private


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": ""}, "the member's name is ''"),
        ({"name": 'a"b'}, "the member's name is"),
        ({"name": "a/b"}, "the member's name is 'a/b'"),
        ({"name": "t\xf6ken"}, "the member's name is"),
        ({"name": None}, "the member's name is None"),
        ({"methods": []}, "methods is []"),
        ({"methods": ["POST", ""]}, "methods is ['POST', '']"),
        ({"methods": 5}, "methods is 5"),
        ({"max_body_size": 0}, "max_body_size is 0"),
        ({"max_body_size": True}, "max_body_size is True"),
        ({"max_body_size": 1.5}, "max_body_size is 1.5"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused(options: dict[str, Any], said: str) -> None:
    """An option that makes no sense is refused when the extractor is made."""
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        JSONTokenExtractor(options.pop("name", "access_token"), **options)
