"""A cookie's extractor, and requests that another site or this one may have sent with the cookie."""

from __future__ import annotations

from attrs import frozen
from flask import Request

from flask_jwtlib import BearerToken, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError

OURS = "https://app.example"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", "BREW", "PROPFIND")
WEBSOCKETS: dict[str, dict[str, str]] = {
    "upgrade": {"Upgrade": "websocket", "Connection": "Upgrade"},
    "case": {"Upgrade": "WebSocket"},
    "list": {"Upgrade": "h2c, websocket"},
    "key": {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
    "mode": {"Sec-Fetch-Mode": "websocket"},
}

ATTACKS: dict[str, dict[str, str]] = {
    "form of another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "form of a sibling domain": {
        "Sec-Fetch-Site": "same-site",
        "Origin": "https://evil.app.example",
    },
    "without Origin": {"Sec-Fetch-Site": "cross-site"},
    "sibling without Origin": {"Sec-Fetch-Site": "same-site"},
    "sandboxed frame": {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    "sandboxed frame over HTTP": {"Origin": "null"},
    "older browser": {"Origin": "https://evil.example"},
    "no browser": {},
    "Referer of ours": {"Referer": f"{OURS}/page"},
    "Referer and another Origin": {"Referer": f"{OURS}/", "Origin": "https://evil.example"},
    "Host of ours": {"Host": "app.example", "Origin": "https://evil.example"},
    "Host equals Origin": {"Host": "evil.example", "Origin": "https://evil.example"},
    "forwarded host": {"X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"},
    "fetch by script": {"X-Requested-With": "XMLHttpRequest", "Sec-Fetch-Site": "cross-site"},
    "other scheme": {"Origin": "http://app.example"},
    "other port": {"Origin": "https://app.example:8443"},
    "default port": {"Origin": "https://app.example:443"},
    "subdomain": {"Origin": "https://www.app.example"},
    "longer host": {"Origin": "https://app.example.evil.example"},
    "prefix of the host": {"Origin": "https://app.exampl"},
    "suffix of the host": {"Origin": "https://evil-app.example"},
    "user info": {"Origin": "https://app.example@evil.example"},
    "path": {"Origin": f"{OURS}/"},
    "query": {"Origin": f"{OURS}?a"},
    "trailing dot": {"Origin": "https://app.example."},
    "upper case": {"Origin": "https://APP.example"},
    "empty Origin": {"Origin": ""},
    "two origins": {"Origin": f"{OURS}, https://evil.example"},
    "ours twice": {"Origin": f"{OURS}, {OURS}"},
    "origins with a space": {"Origin": f"{OURS} https://evil.example"},
    "empty site": {"Sec-Fetch-Site": ""},
    "empty site, our Origin": {"Sec-Fetch-Site": "", "Origin": OURS},
    "two sites": {"Sec-Fetch-Site": "same-origin, cross-site"},
    "two sites, joined": {"Sec-Fetch-Site": "cross-site,same-origin"},
    "the same site twice": {"Sec-Fetch-Site": "same-origin,same-origin"},
    "two sites, our Origin": {"Sec-Fetch-Site": "same-origin, cross-site", "Origin": OURS},
    "unknown site": {"Sec-Fetch-Site": "same-party"},
    "site in upper case": {"Sec-Fetch-Site": "Same-Origin"},
    "site with a parameter": {"Sec-Fetch-Site": "same-origin;a"},
    "site in quotes": {"Sec-Fetch-Site": '"same-origin"'},
    "longer site": {"Sec-Fetch-Site": "same-origin-policy"},
    "site with spaces": {"Sec-Fetch-Site": "same origin"},
    "mode alone": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    "other names": {"X-Sec-Fetch-Site": "same-origin", "X-Origin": OURS},
}

PASSING: dict[str, dict[str, str]] = {
    "our page": {"Sec-Fetch-Site": "same-origin", "Origin": OURS},
    "our page without Origin": {"Sec-Fetch-Site": "same-origin"},
    "our page that hides its referrer": {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    "the user": {"Sec-Fetch-Site": "none"},
    "trusted origin": {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
    "trusted sibling": {"Sec-Fetch-Site": "same-site", "Origin": OURS},
    "trusted, unknown site": {"Sec-Fetch-Site": "same-party", "Origin": OURS},
    "older browser": {"Origin": OURS},
    "older browser with a Referer": {"Origin": OURS, "Referer": "https://evil.example/"},
}


@frozen
class SessionExtractor(TokenExtractor):
    """Takes the token from a cookie, and refuses two."""

    challenges = (Challenge("Cookie"),)
    vary = ("Cookie",)

    def extract(self, request: Request) -> BearerToken | None:
        values = request.cookies.getlist("session")
        if len(values) > 1:
            raise InvalidRequestError("two cookies")
        return (
            BearerToken(values[0], source="cookie", scheme="Cookie", ambient=True)
            if values
            else None
        )


def cookie(token: str) -> dict[str, str]:
    """Return request headers with a token in the cookie."""
    return {"Cookie": f"session={token}"}
