"""Situations in which what was sent isn't a whole, bare token."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

from flask_jwtlib import HeaderTokenExtractor
from flask_jwtlib.testing import base64url
from flask_jwtlib_strategies.validators.api_keys import generate_api_key

from .situation_kit import Situation, World, sent

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789"


def _unpadded(members: Any) -> str:
    return base64url(json.dumps(members).encode())


def _unsigned(world: World) -> str:
    return world.token(header={"alg": "none"}).rpartition(".")[0] + "."


def _padded(world: World) -> str:
    parts = [
        json.dumps({"alg": "RS256", "typ": "JWT"}),
        json.dumps({"iss": "alb", "n": 1}),
        "s" * 256,
    ]
    return ".".join(urlsafe_b64encode(part.encode()).decode() for part in parts)


def _standard(world: World) -> str:
    header, payload, _ = world.token().split(".")
    return f"{header}.{payload}.{b64encode(bytes([251, 255] * 128)).decode().rstrip('=')}"


def _cut_signature(world: World) -> str:
    return world.token()[:-43]


def _first(length: int) -> Any:
    return lambda world: world.token()[:length]


SITUATIONS = [
    Situation("token-empty", sent(""), "variable"),
    Situation("token-empty", sent("Bearer "), "variable", id="only the scheme"),
    *(
        Situation("placeholder-sent", sent(text), "environment", id=text)
        for text in (
            "{{token}}",
            "{{ access_token }}",
            "$TOKEN",
            "${TOKEN}",
            "<token>",
            "%TOKEN%",
            "YOUR_TOKEN",
        )
    ),
    *(
        Situation("javascript-value-sent", sent(text), "await", id=text)
        for text in ("undefined", "null", "[object Object]", "Bearer undefined", "None")
    ),
    Situation("bearer-twice", sent("Bearer Bearer {}"), "Remove one"),
    Situation("bearer-twice", sent("Authorization: Bearer bearer {}"), "Remove one", id="a header"),
    Situation("scheme-with-colon", sent("Bearer: {}"), "without a colon"),
    Situation("wrong-scheme", sent("Token {}"), "Bearer"),
    Situation(
        "wrong-scheme",
        sent("Bearer {}"),
        "scheme JWT",
        auth=lambda world: world.auth(extractor=HeaderTokenExtractor(scheme="JWT")),
        id="an app with another scheme",
    ),
    Situation(
        "token-in-json", sent('{"access_token": "{}", "token_type": "Bearer"}'), "access_token"
    ),
    *(
        Situation("token-in-quotes", sent(text), "without quotes", id=text)
        for text in ('"{}"', "'{}'", "Bearer '{}'", "\u201c{}\u201d", '"{}', "%22{}%22")
    ),
    Situation("token-repeated", sent("{}{}"), "one token"),
    Situation(
        "token-repeated",
        sent("{}, Bearer {}".replace("Bearer ", "")),
        "one token",
        id="two headers joined",
    ),
    Situation("token-url-encoded", lambda world: world.token().replace(".", "%2E"), "unquote"),
    Situation("token-url-encoded", sent("Bearer%20{}"), "unquote", id="with its scheme"),
    Situation(
        "token-wrapped", lambda world: world.token()[:60] + "\n" + world.token()[60:], "one line"
    ),
    Situation(
        "token-wrapped",
        lambda world: world.token()[:60] + "  " + world.token()[60:],
        "one line",
        id="spaces",
    ),
    Situation("token-with-white-space", sent("{}\n"), "strip()"),
    Situation("token-with-white-space", sent("\r\n\t{}\r\n"), "strip()", id="around it"),
    Situation(
        "token-too-large",
        lambda world: world.token(groups=["g" * 36] * 300),
        "max_size= of JWTValidator",
    ),
    Situation(
        "encrypted-token",
        lambda world: f"{_unpadded({'alg': 'dir', 'enc': 'A256GCM'})}..aaaa.bbbb.cccc",
        "JSON Web Encryption",
    ),
    Situation(
        "encrypted-token",
        lambda world: f"{_unpadded({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.aa.bb.cc.dd",
        "signed",
        id="with a key",
    ),
    Situation("algorithm-none", _unsigned, "never accepted"),
    Situation(
        "algorithm-none",
        lambda world: world.token(header={"alg": "none"}),
        "never accepted",
        id="with a signature",
    ),
    Situation("signature-missing", lambda world: world.token().rpartition(".")[0], "whole token"),
    Situation(
        "signature-missing",
        lambda world: world.token().rpartition(".")[0] + ".",
        "whole token",
        id="with its dot",
    ),
    Situation("base64-padding", _padded, "x-amzn-oidc-accesstoken"),
    Situation("standard-base64", _standard, "urlsafe_b64encode"),
    Situation("token-cut-off", _first(30), "whole token", text="after 30 characters"),
    Situation(
        "token-cut-off",
        _first(255),
        "whole token",
        text="exactly 255 characters",
        id="within the claims",
    ),
    Situation("token-cut-off", _cut_signature, "whole token", id="within the signature"),
    Situation(
        "token-cut-off",
        lambda world: world.token()[:20] + "..." + world.token()[-20:],
        "whole token",
        text="dots",
        id="shortened",
    ),
    Situation("github-token", sent("ghp_" + ALPHABET[:36]), "revoke"),
    Situation("github-token", sent("github_pat_" + ALPHABET), "revoke", id="fine-grained"),
    Situation("google-access-token", sent("ya29." + ALPHABET), "Google"),
    Situation("api-key-sent", sent("sk_live_" + ALPHABET), "APIKeyValidator"),
    Situation(
        "api-key-sent",
        lambda world: generate_api_key("shop"),
        "APIKeyValidator",
        id="one of this project's",
    ),
    Situation(
        "auth0-opaque-token",
        sent(ALPHABET[:32]),
        "parameter audience",
        auth=lambda world: world.auth(issuer="https://shop.eu.auth0.com/"),
    ),
    Situation(
        "auth0-opaque-token",
        lambda world: (
            f"{_unpadded({'alg': 'dir', 'enc': 'A256GCM', 'iss': 'https://shop.eu.auth0.com/'})}"
            "..aaaa.bbbb.cccc"
        ),
        "Default Audience",
        id="encrypted",
    ),
    Situation("opaque-token", sent(ALPHABET[:32]), "RFC 7662"),
    Situation("malformed-token", sent("a.b.c"), "JWT library"),
    Situation(
        "malformed-token",
        lambda world: world.issuer.compact(
            b'{"alg":"RS256","kid":"current","crit":["x"],"x":1}', b"{}"
        ),
        "unchanged",
        id="crit",
    ),
    Situation("credentials-malformed", sent("caf\u00e9.b.c"), "one token"),
]
