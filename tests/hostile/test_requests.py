"""Some hundred hostile requests, each against apps of the arena.

Their token is valid (``k``), so only the way in which it is sent can make the app refuse it.
A value is the arguments of a call of Flask's test client. Where the client would refuse to send a header,
it is set in the WSGI environment, as by a server.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from flask_jwtlib.testing import bearer

Request = dict[str, Any]
Make = Callable[[str], Request]
Check = Callable[..., None]

FORM = "application/x-www-form-urlencoded"


def credentials(value: str) -> Request:
    """Return an Authorization header of any text, as a server passes it on: Latin-1 (PEP 3333)."""
    return {"environ_overrides": {"HTTP_AUTHORIZATION": value}}


def query(text: str) -> Request:
    """Return a query string of any text, as a server passes it on."""
    return {"environ_overrides": {"QUERY_STRING": text}}


def form(body: str | bytes, method: str = "POST", content_type: str = FORM) -> Request:
    """Return a body with a form's content type, or another one."""
    return {
        "method": method,
        "data": body if isinstance(body, bytes) else body.encode(),
        "content_type": content_type,
    }


def multipart(text: str, disposition: str) -> Request:
    """Return a multipart body of one part."""
    body = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n{text}\r\n--b--\r\n"
    return form(body, content_type="multipart/form-data; boundary=b")


def with_header(request: Request, token: str) -> Request:
    """Return the same request with a token in its header as well."""
    return {**request, "headers": bearer(token)}


AUTHORIZATION: dict[str, Callable[[str], str]] = {
    "empty": lambda k: "",
    "space": lambda k: " ",
    "scheme-alone": lambda k: "Bearer",
    "scheme-and-space": lambda k: "Bearer ",
    "scheme-and-tab": lambda k: "Bearer\t",
    "lower-case-scheme-alone": lambda k: "bearer",
    "tab": lambda k: f"Bearer\t{k}",
    "space-and-tab": lambda k: f"Bearer \t{k}",
    "vertical-tab": lambda k: f"Bearer\x0b{k}",
    "no-break-space": lambda k: f"Bearer\xa0{k}",
    "folded": lambda k: f"Bearer\r\n {k}",
    "newline": lambda k: f"Bearer\n{k}",
    "no-space": lambda k: f"Bearer{k}",
    "equals": lambda k: f"Bearer={k}",
    "colon": lambda k: f"Bearer: {k}",
    "comma": lambda k: f"Bearer,{k}",
    "percent-encoded-space": lambda k: f"Bearer%20{k}",
    "trailing-space": lambda k: f"Bearer {k} ",
    "trailing-tab": lambda k: f"Bearer {k}\t",
    "trailing-newline": lambda k: f"Bearer {k}\n",
    "trailing-nul": lambda k: f"Bearer {k}\x00",
    "trailing-comma": lambda k: f"Bearer {k},",
    "trailing-semicolon": lambda k: f"Bearer {k};",
    "trailing-byte-ff": lambda k: f"Bearer {k}\xff",
    "padded": lambda k: f"Bearer {k}=",
    "padded-twice": lambda k: f"Bearer {k}==",
    "leading-nul": lambda k: f"Bearer \x00{k}",
    "leading-equals": lambda k: f"Bearer ={k}",
    "leading-byte-order-mark": lambda k: f"Bearer \xef\xbb\xbf{k}",
    "leading-space": lambda k: f" Bearer {k}",
    "double-quotes": lambda k: f'Bearer "{k}"',
    "single-quotes": lambda k: f"Bearer '{k}'",
    "angle-brackets": lambda k: f"Bearer <{k}>",
    "bytes-literal": lambda k: f"Bearer b'{k}'",
    "two-tokens": lambda k: f"Bearer {k} {k}",
    "two-joined-by-comma": lambda k: f"Bearer {k},Bearer {k}",
    "two-joined-by-comma-and-space": lambda k: f"Bearer {k}, Bearer {k}",
    "joined-with-basic": lambda k: f"Bearer {k}, Basic dTpw",
    "joined-after-basic": lambda k: f"Basic dTpw, Bearer {k}",
    "parameter-token": lambda k: f"Bearer token={k}",
    "parameter-token-quoted": lambda k: f'Bearer token="{k}"',
    "parameter-access-token": lambda k: f"Bearer access_token={k}",
    "parameter-realm": lambda k: f'Bearer realm="x", token={k}',
    "scheme-twice": lambda k: f"Bearer Bearer {k}",
    "scheme-doubled": lambda k: f"BearerBearer {k}",
    "scheme-with-nul": lambda k: f"Bear\x00er {k}",
    "scheme-with-dotless-i": lambda k: f"B\xe9arer {k}",
    "scheme-quoted": lambda k: f'"Bearer" {k}',
    "scheme-plural": lambda k: f"Bearers {k}",
    "scheme-short": lambda k: f"Beare {k}",
    "scheme-hyphen": lambda k: f"Bearer-Token {k}",
    "no-scheme": lambda k: k,
    "basic-user": lambda k: f"Basic {b64encode(f'{k}:'.encode()).decode()}",
    "basic-password": lambda k: f"Basic {b64encode(f'u:{k}'.encode()).decode()}",
    "basic-token": lambda k: f"Basic {k}",
    "jwt": lambda k: f"JWT {k}",
    "token": lambda k: f"Token {k}",
    "dpop": lambda k: f"DPoP {k}",
    "mac": lambda k: f'MAC id="{k}"',
    "digest": lambda k: f'Digest username="{k}"',
    "negotiate": lambda k: f"Negotiate {k}",
    "oauth": lambda k: f"OAuth {k}",
    "1-mb": lambda k: f"Bearer {k}{'A' * 1_000_000}",
    "1-mb-of-scheme": lambda k: "Bearer" * 1_700_000,
    "1-mb-of-spaces": lambda k: f"Bearer{' ' * 1_000_000}!",
    "1-mb-of-spaces-and-token": lambda k: f"Bearer{' ' * 1_000_000}{k}!",
    "1-mb-of-equals": lambda k: f"Bearer a{'=' * 1_000_000}!",
    "1-mb-of-commas": lambda k: f"Bearer {k}{',' * 1_000_000}",
    "all-of-latin-1": lambda k: "".join(map(chr, range(256))),
    "all-of-latin-1-as-token": lambda k: f"Bearer {''.join(map(chr, range(256)))}",
}


def test_authorization_headers(assert_requests_refused: Check) -> None:
    """A header that isn't "Bearer", spaces and one b64token is refused (RFC 6750 §2.1)."""
    assert_requests_refused(
        {
            name: lambda k, value=value: credentials(value(k))
            for name, value in AUTHORIZATION.items()
        }
    )


TWO_PLACES: dict[str, Make] = {
    "header-and-query": lambda k: with_header(query(f"access_token={k}"), k),
    "header-and-form": lambda k: with_header(form(f"access_token={k}"), k),
    "query-and-form": lambda k: {**form(f"access_token={k}"), "query_string": f"access_token={k}"},
    "all-three": lambda k: with_header(
        {**form(f"access_token={k}"), "query_string": f"access_token={k}"}, k
    ),
    "query-twice": lambda k: query(f"access_token={k}&access_token={k}"),
    "query-twice-apart": lambda k: query(f"access_token={k}&x=1&y&access_token={k}"),
    "query-twice-one-encoded": lambda k: query(f"access_token={k}&access%5Ftoken={k}"),
    "query-twice-one-empty": lambda k: query(f"access_token={k}&access_token="),
    "query-twice-one-bare": lambda k: query(f"access_token={k}&access_token"),
    "query-hundred-times": lambda k: query("&".join([f"access_token={k}"] * 100)),
    "form-twice": lambda k: form(f"access_token={k}&access_token={k}"),
    "form-twice-one-empty": lambda k: form(f"access_token=&access_token={k}"),
    "form-twice-one-encoded": lambda k: form(f"access_token={k}&%61ccess_token={k}"),
    "header-and-empty-query": lambda k: with_header(query("access_token="), k),
    "header-and-bare-query": lambda k: with_header(query("access_token"), k),
    "header-and-encoded-query": lambda k: with_header(query(f"%61%63%63%65%73%73_token={k}"), k),
    "header-and-other-query": lambda k: with_header(query("access_token=abc"), k),
    "header-and-empty-form": lambda k: with_header(form("access_token="), k),
    "header-and-form-by-put": lambda k: with_header(form(f"access_token={k}", "PUT"), k),
    "header-and-form-by-delete": lambda k: with_header(form(f"access_token={k}", "DELETE"), k),
    "malformed-header-and-query": lambda k: {
        **credentials("Bearer"),
        "query_string": f"access_token={k}",
    },
    "malformed-header-and-form": lambda k: {
        **credentials("Bearer a b"),
        **form(f"access_token={k}"),
    },
    "header-and-malformed-query": lambda k: with_header(query("access_token=a b"), k),
}


def test_more_than_one_place(assert_requests_refused: Check) -> None:
    """A request with a token in more than one location, or twice in one, is malformed (RFC 6750 §2)."""
    assert_requests_refused(TWO_PLACES)


PARAMETERS: dict[str, Callable[[str], str]] = {
    "empty": lambda k: "access_token=",
    "bare": lambda k: "access_token",
    "space": lambda k: "access_token=+",
    "leading-space": lambda k: f"access_token=+{k}",
    "trailing-space": lambda k: f"access_token={k}+",
    "newline": lambda k: f"access_token={k}%0A",
    "crlf-header": lambda k: f"access_token={k}%0D%0ASet-Cookie:%20a=b",
    "nul": lambda k: f"access_token={k}%00",
    "leading-nul": lambda k: f"access_token=%00{k}",
    "tab": lambda k: f"access_token={k}%09",
    "escape": lambda k: f"access_token={k}%1B%5B31m",
    "e-acute": lambda k: f"access_token={k}%C3%A9",
    "invalid-utf-8": lambda k: f"access_token={k}%FF",
    "overlong-utf-8": lambda k: f"access_token={k}%C0%AF",
    "surrogate": lambda k: f"access_token={k}%ED%A0%80",
    "zero-width-space": lambda k: f"access_token={k}%E2%80%8B",
    "truncated-escape": lambda k: f"access_token={k}%2",
    "bad-escape": lambda k: f"access_token={k}%zz",
    "unicode-escape": lambda k: f"access_token={k}%u0041",
    "encoded-twice": lambda k: f"access_token={quote(quote(k.replace('.', '%2E')))}",
    "quoted": lambda k: f"access_token=%22{k}%22",
    "with-scheme": lambda k: f"access_token=Bearer%20{k}",
    "with-comma": lambda k: f"access_token={k},{k}",
    "with-equals": lambda k: f"access_token={k}==",
    "as-array": lambda k: f"access_token[]={k}",
    "as-indexed-array": lambda k: f"access_token[0]={k}",
    "as-object": lambda k: f"access_token[value]={k}",
    "as-json": lambda k: f"access_token={quote(json.dumps({'access_token': k}))}",
    "semicolon": lambda k: f"x=1;access_token={k}",
    "name-in-capitals": lambda k: f"ACCESS_TOKEN={k}",
    "name-with-hyphen": lambda k: f"access-token={k}",
    "name-in-camel-case": lambda k: f"accessToken={k}",
    "name-with-space": lambda k: f"access_token+={k}",
    "name-with-leading-space": lambda k: f"+access_token={k}",
    "name-with-nul": lambda k: f"access_token%00={k}",
    "name-full-width": lambda k: f"{quote(chr(0xFF41))}ccess_token={k}",
    "other-name": lambda k: f"token={k}",
    "id-token": lambda k: f"id_token={k}",
    "jwt": lambda k: f"jwt={k}",
    "token-as-name": lambda k: k,
    "1-mb": lambda k: f"access_token={k}{'A' * 1_000_000}",
    "100000-escapes": lambda k: f"access_token={'%41' * 100_000}",
    "20000-parameters": lambda k: f"{'x&' * 20_000}access_token=",
    "20000-tokens": lambda k: "&".join(["access_token=x"] * 20_000),
}


def test_query_parameters(assert_requests_refused: Check) -> None:
    """A query whose access_token isn't a b64token, or has another name, is refused."""
    assert_requests_refused(
        {name: lambda k, text=text: query(text(k)) for name, text in PARAMETERS.items()}
    )


def test_form_parameters(assert_requests_refused: Check) -> None:
    """A form whose access_token isn't a b64token, or has another name, is refused."""
    assert_requests_refused(
        {name: lambda k, text=text: form(text(k)) for name, text in PARAMETERS.items()}
    )


RAW_BYTES: dict[str, Make] = {
    "query-token": lambda k: query(f"access_token={k}\xff"),
    "query-value": lambda k: query(f"access_token={k}&x=\xff"),
    "query-name": lambda k: query(f"access_token={k}&\xff=1"),
    "query-latin-1": lambda k: query(f"name=M\xfcller&access_token={k}"),
    "query-truncated-utf-8": lambda k: query(f"access_token={k}&x=\xe2\x82"),
    "query-encoded-name": lambda k: query(f"%61ccess_token={k}&x=\xff"),
    "query-without-token": lambda k: query("x=%41&y=\xff"),
    "query-all-of-latin-1": lambda k: query(f"access_token={''.join(map(chr, range(256)))}"),
    "form-token": lambda k: form(f"access_token={k}".encode() + b"\xff"),
    "form-value": lambda k: form(f"access_token={k}&x=".encode() + b"\xff"),
    "form-name": lambda k: form(f"access_token={k}&".encode() + b"\xff=1"),
    "form-all-bytes": lambda k: form(b"access_token=" + bytes(range(256))),
    "header": lambda k: credentials(f"Bearer {k}\xff"),
    "header-scheme": lambda k: credentials(f"Bearer\xff {k}"),
}


def test_bytes_that_are_not_text(assert_requests_refused: Check) -> None:
    """A request with bytes that aren't UTF-8 is refused, without a server error."""
    assert_requests_refused(RAW_BYTES)


BODIES: dict[str, Make] = {
    "get-with-form": lambda k: form(f"access_token={k}", "GET"),
    "head-with-form": lambda k: form(f"access_token={k}", "HEAD"),
    "options-with-form": lambda k: form(f"access_token={k}", "OPTIONS"),
    "multipart": lambda k: multipart(k, 'form-data; name="access_token"'),
    "multipart-file": lambda k: multipart(k, 'form-data; name="access_token"; filename="t.txt"'),
    "multipart-of-forms": lambda k: multipart(
        f"access_token={k}", f'form-data; name="x"\r\nContent-Type: {FORM}'
    ),
    "json": lambda k: {"method": "POST", "json": {"access_token": k}},
    "plain-text": lambda k: form(f"access_token={k}", content_type="text/plain"),
    "no-content-type": lambda k: {"method": "POST", "data": f"access_token={k}".encode()},
    "unknown-content-type": lambda k: form(f"access_token={k}", content_type="application/x-form"),
    "broken-content-type": lambda k: form(f"access_token={k}", content_type="; charset=utf-8"),
    "two-content-types": lambda k: form(f"access_token={k}", content_type=f"text/plain, {FORM}"),
    "utf-16-body": lambda k: form(f"access_token={k}".encode("utf-16")),
    "utf-16-charset": lambda k: form(
        f"access_token={k}".encode("utf-16"), content_type=f"{FORM}; charset=utf-16"
    ),
    "byte-order-mark": lambda k: form(f"\ufeffaccess_token={k}"),
    "non-ascii-neighbour": lambda k: form(f"access_token={k}&name=M%C3%BCller"),
    "non-ascii-name": lambda k: form(f"access_token={k}&n%C3%A4me=x"),
    "non-ascii-raw": lambda k: form(f"access_token={k}&name=M\u00fcller"),
    "cookie": lambda k: {
        "headers": {"Cookie": f"access_token={k}; Authorization=Bearer {k}; jwt={k}"}
    },
    "proxy-authorization": lambda k: {"headers": {"Proxy-Authorization": f"Bearer {k}"}},
    "x-authorization": lambda k: {"headers": {"X-Authorization": f"Bearer {k}"}},
    "x-forwarded-authorization": lambda k: {
        "headers": {"X-Forwarded-Authorization": f"Bearer {k}"}
    },
    "x-access-token": lambda k: {"headers": {"X-Access-Token": k}},
    "x-original-url": lambda k: {"headers": {"X-Original-URL": f"/required?access_token={k}"}},
    "authentication": lambda k: {"headers": {"Authentication": f"Bearer {k}"}},
    "referer": lambda k: {"headers": {"Referer": f"https://api.example/?access_token={k}"}},
    "method-override": lambda k: {
        **form(f"access_token={k}", "GET"),
        "headers": {"X-HTTP-Method-Override": "POST"},
    },
    "websocket-protocol": lambda k: {"headers": {"Sec-WebSocket-Protocol": f"bearer, {k}"}},
    "user-in-host": lambda k: {"headers": {"Host": f"u:{k[:20]}@localhost"}},
}


def test_other_locations(assert_requests_refused: Check) -> None:
    """A valid token anywhere but in the three locations of RFC 6750 §2 is ignored."""
    assert_requests_refused(BODIES)


@pytest.mark.every_algorithm
@pytest.mark.parametrize("place", ["header", "form", "query"])
def test_a_valid_token_is_accepted(place: str, target: Any) -> None:
    """The control for all these tables: the same token, sent properly, is accepted."""
    token = target.good()
    requests: dict[str, Request] = {
        "header": {"headers": bearer(token)},
        "form": form(f"access_token={token}"),
        "query": {"query_string": f"access_token={token}"},
    }
    for path in ("/required", "/optional"):
        response = target.client.open(path, **requests[place])

        assert response.status_code == 200
        assert response.text == "the body that only a caller may read"
