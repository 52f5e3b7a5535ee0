"""``flask jwtlib explain`` and the log line never show a token, its signature, or an API key."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    Issuer,
    JWTValidator,
    Scope,
    UnauthorizedHandler,
    policy,
)
from flask_jwtlib.errors import InvalidTokenError, Refusal
from flask_jwtlib.explain import explain
from flask_jwtlib.explain._redaction import Redaction
from flask_jwtlib.testing import BAD_TOKENS, BadToken, TokenIssuer
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .explain_kit import API, URL, authenticator, run

# So many characters of a secret never appear by chance.
_WINDOW = 12


def shown_of(output: str, token: str) -> list[str]:
    """Return the parts of a token that an output shows, also across its lines."""
    joined, token = (re.sub(r"\s+", "", text) for text in (output, token))
    signature = token.rpartition(".")[2]
    windows = (signature[at : at + _WINDOW] for at in range(len(signature) - _WINDOW + 1))
    whole = [token] if len(token) >= _WINDOW and token in joined else []
    return [*whole, *(each for each in windows if each in joined)]


@pytest.fixture(scope="module")
def stable_issuer() -> TokenIssuer:
    """An issuer for all cases."""
    return TokenIssuer()


@pytest.fixture(scope="module")
def outputs(stable_issuer: TokenIssuer) -> Callable[[str], str]:
    """Return a function that explains a token in every way, and returns all that is shown."""
    app = Flask("secretive")
    app.config["JWTLIB_EXPLAIN"] = True
    auth = authenticator(stable_issuer, extractor=BearerTokenExtractor())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in", rules=[Scope("x")]))
    records: list[str] = []

    class Recording(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(self.format(record))

    def outputs(text: str) -> str:
        records.clear()
        logger, handler = logging.getLogger("flask_jwtlib"), Recording()
        logger.addHandler(handler)
        level = logger.level
        logger.setLevel(logging.DEBUG)
        try:
            results = [run(app, text, *options) for options in (["--endpoint", "it"], ["--json"])]
            assert records == []
            sendable = text.isprintable() and text.isascii()
            sent = f"Bearer {text}" if sendable else "Bearer "
            # A command sets it as FLASK_DEBUG says.
            app.debug = True
            app.test_client().get("/", headers={"Authorization": sent})
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)
        most = 2 if not text or len(text) > 65_536 else 1
        assert all(result.exit_code in (0, most) for result in results), results
        assert " Cause: " in records[-1]
        return "\n".join([*(result.output + result.stderr for result in results), *records])

    return outputs


@pytest.mark.parametrize("bad", BAD_TOKENS, ids=str)
def test_no_bad_token_is_shown(
    outputs: Callable[[str], str], stable_issuer: TokenIssuer, bad: BadToken
) -> None:
    """Not one way in which a token is wrong makes it visible."""
    token = bad.token(stable_issuer, aud=API, iss=URL)

    assert shown_of(outputs(token), token) == []


SPOILED: dict[str, Callable[[str], str]] = {
    "as it is": lambda token: token,
    "in quotes": lambda token: f'"{token}"',
    "with Bearer": lambda token: f"Bearer {token}",
    "with Bearer twice": lambda token: f"Bearer Bearer {token}",
    "a header": lambda token: f"Authorization: Bearer {token}",
    "JSON": lambda token: f'{{"access_token": "{token}"}}',
    "a curl command": lambda token: f"curl -H 'Authorization: Bearer {token}' https://api.example",
    "in a URL": lambda token: f"https://api.example/?access_token={token}",
    "cut off": lambda token: token[:-20],
    "without the signature": lambda token: token.rpartition(".")[0] + ".",
    "twice": lambda token: f"{token} {token}",
    "white space within": lambda token: token[:40] + " " + token[40:],
    "a line break within": lambda token: token[:40] + "\n" + token[40:],
    "a line break in the signature": lambda token: token[:-60] + "\n" + token[-60:],
    "percent-encoded": lambda token: quote(token.replace(".", "+")),
    "a control character": lambda token: token + "\x07",
    "not ASCII": lambda token: token + "\N{SNOWMAN}",
    "four parts": lambda token: f"{token}.{token.rpartition('.')[2]}",
    "an encrypted token's parts": lambda token: (
        f"{token}.{token.rpartition('.')[2]}.abcdefghijklmnop"
    ),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_no_token_is_shown_that_was_copied_wrongly(
    outputs: Callable[[str], str], stable_issuer: TokenIssuer, spoil: Callable[[str], str]
) -> None:
    """What people paste instead of a token isn't shown, either."""
    token = stable_issuer.token(aud="other")

    shown = outputs(spoil(token))

    assert shown_of(shown, token) == []
    assert re.sub(r"\s+", "", spoil(token)) not in re.sub(r"\s+", "", shown)


@settings(max_examples=60)
@given(text=st.text(min_size=_WINDOW + 4, max_size=80).filter(lambda text: text.strip("\r\n")))
def test_no_text_is_shown(outputs: Callable[[str], str], text: str) -> None:
    """Any text may be an opaque token."""
    whole = re.sub(r"\s+", "", text)
    shown = re.sub(r"\s+", "", outputs(text.replace("\n", " ").replace("\r", " ")))

    assert len(whole) < _WINDOW or whole not in shown


OPAQUE: dict[str, str] = {
    "base64": "Zm9v+/bar+/YmF6+/cXV4+/ZmRz==",
    "quotes": "it's \"quoted\" and 'secret' \\ here",
    "not ASCII": "p\xe4ssw\xf6rd-of-ada",
}


@pytest.mark.parametrize("token", OPAQUE.values(), ids=OPAQUE)
def test_no_encoded_token_is_shown(token: str) -> None:
    """Percent-encoded and escaped, a token is still a secret."""
    forms = [token, quote(token, safe=""), repr(token), ascii(token), json.dumps(token)]

    shown = Redaction([token]).text(" | ".join(forms))

    assert re.sub(r"['\"]", "", shown) == " | ".join(["<token>"] * len(forms))


class Echo(UnauthorizedHandler):
    """Sends back what the client sent, in every form."""

    def deny(self, error: Refusal) -> Any:
        sent = request.headers.get("Authorization", "").partition(" ")[2]
        body = f"{'x' * 1600}{sent} {sent!r} {quote(sent, safe='')}"
        return body, 401, {"X-Sent": sent, "Location": f"/login?token={quote(sent, safe='')}"}


def loud_rule(claims: Any) -> None:
    """Raise the token as an error's text."""
    raise InvalidTokenError("y" * 1600 + request.headers["Authorization"])


def broken_rule(claims: Any) -> None:
    """Raise the token as a bug's text."""
    raise RuntimeError("z" * 1600 + request.headers["Authorization"])


@policy
def loud_policy(claims: Any, call: Any) -> bool:
    """Raise the token as a bug's text."""
    raise RuntimeError(request.headers["Authorization"])


class LoudValidator(JWTValidator):
    """Shows the token wherever it can."""

    def validate(self, token: Any, keys: Any) -> Any:
        raise RuntimeError(f"{'v' * 1600}{token.value}")


APPS: dict[str, Callable[[TokenIssuer], Authenticator]] = {
    "a failure handler": lambda issuer: authenticator(
        issuer, failure_handler=Echo(), validator=JWTValidator(rules=[Audience("other")])
    ),
    "a rule that refuses": lambda issuer: authenticator(
        issuer, validator=JWTValidator(rules=[Audience(API), Issuer(URL), loud_rule])
    ),
    "a rule with a bug": lambda issuer: authenticator(
        issuer, validator=JWTValidator(rules=[Audience(API), Issuer(URL), broken_rule])
    ),
    "a policy with a bug": lambda issuer: authenticator(issuer, policies=[loud_policy]),
    "a validator with a bug": lambda issuer: authenticator(issuer, validator=LoudValidator()),
}


@pytest.mark.parametrize("make", APPS.values(), ids=APPS)
def test_no_part_of_the_app_shows_the_token(
    stable_issuer: TokenIssuer, make: Callable[[TokenIssuer], Authenticator]
) -> None:
    """A strategy that puts the token into texts and responses doesn't make it visible."""
    app = Flask("loud")
    app.add_url_rule("/", "it", make(stable_issuer).requires_authentication(lambda: "in"))
    token = stable_issuer.token(aud=API)

    for options in ([], ["--endpoint", "it"], ["--json"]):
        result = run(app, token, *options)
        assert result.exit_code == 1
        assert shown_of(result.output, token) == []


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("label", ["", "X-API-Key: ", "ApiKey "], ids=["bare", "header", "scheme"])
def test_no_api_key_is_shown(stable_issuer: TokenIssuer, label: str, known: bool) -> None:
    """Neither a key that is accepted, nor one that isn't, nor its digest is shown."""
    key, other = generate_api_key("shop"), generate_api_key("shop")
    record = APIKeyRecord("ada", digest=api_key_digest(key), scopes="read")
    records = {record.digest: record}
    validator = APIKeyValidator(records.get, prefix="shop")
    auth = authenticator(
        stable_issuer,
        extractor=CompositeTokenExtractor(BearerTokenExtractor(), APIKeyExtractor()),
        validator=PerSchemeValidator(
            {"Bearer": JWTValidator(rules=[Audience(API)]), "ApiKey": validator}
        ),
    )
    app = Flask("keys")
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))

    for options in ([], ["--endpoint", "it"], ["--json"]):
        sent = key if known else other
        result = run(app, label + sent, *options)
        assert result.exit_code in (0, 1)
        assert shown_of(result.output, sent) == []
        assert api_key_digest(sent) not in result.output


def quoting_rule(claims: Any) -> None:
    """Raise a claim as an error's text."""
    raise InvalidTokenError(f"exchanged for {claims['subject_token']}")


def test_no_token_of_the_same_issuer_is_shown(stable_issuer: TokenIssuer) -> None:
    """A token in a claim isn't shown, also if its header begins like that of the explained token."""
    other = stable_issuer.token(aud="elsewhere")
    validator = JWTValidator(rules=[Audience(API), Issuer(URL), quoting_rule])
    auth = authenticator(stable_issuer, validator=validator)
    app = Flask("exchange")
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    token = stable_issuer.token(aud=API, subject_token=other, act={"token": other, other: 1})

    explanation = explain(auth, token, app=app)
    outputs = [run(app, token, *options).output for options in ([], ["--json"])]

    for shown in (*outputs, repr(explanation.claims), repr(explanation.error)):
        assert shown_of(shown, other) == []
        assert other.split(".")[1] not in shown
    assert explanation.claims["subject_token"] == "<token>"


def test_no_key_in_the_header_is_shown(stable_issuer: TokenIssuer) -> None:
    """A key in the header isn't shown, since a client may put its private key there."""
    app = Flask("keys_in_headers")
    auth = authenticator(stable_issuer)
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    token = stable_issuer.token(aud=API, header={"jwk": {"kty": "OKP", "d": "c2VjcmV0"}})

    for options in ([], ["--json"]):
        assert "c2VjcmV0" not in run(app, token, *options).output


class NewSession(UnauthorizedHandler):
    """Begins a session with every refusal."""

    def deny(self, error: Refusal) -> Any:
        return "", 401, {"Set-Cookie": "session=ID-OF-A-NEW-SESSION; Path=/; HttpOnly"}


def test_no_cookie_of_the_response_is_shown(stable_issuer: TokenIssuer) -> None:
    """The response to a refused request may set a cookie: its name and attributes are shown."""
    app = Flask("sessions")
    auth = authenticator(stable_issuer, failure_handler=NewSession())
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))

    for options in ([], ["--json"]):
        shown = run(app, stable_issuer.token(aud="other"), *options).output
        assert "session=<cookie>; Path=/; HttpOnly" in shown
        assert "ID-OF-A-NEW-SESSION" not in shown


def test_no_cookie_is_shown(stable_issuer: TokenIssuer) -> None:
    """A token that would be in a cookie isn't shown."""
    auth = authenticator(stable_issuer, extractor=CookieTokenExtractor("session-token"))
    app = Flask("cookies")
    app.add_url_rule("/", "it", auth.requires_authentication(lambda: "in"))
    token = stable_issuer.token(aud="other")

    result = run(app, token, "--endpoint", "it")

    assert result.exit_code == 1
    assert shown_of(result.output, token) == []
