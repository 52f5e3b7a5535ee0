"""Log messages for requests without a bearer token and for tokens with an unknown key."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

import flask_jwtlib
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib._flask.authorization_schemes import missing_token_text
from flask_jwtlib.errors import UnknownKeyError
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

Ask = Callable[..., tuple[int, str | None, str]]

NO_SCHEME = (
    "no bearer token in the request; "
    "its Authorization header doesn't begin with 'Bearer ' or another well-known scheme"
)


@pytest.fixture
def respond(app: Flask, caplog: pytest.LogCaptureFixture) -> Ask:
    """Call a route, and return the status, the challenge and the refusal's log line, without the endpoint."""

    def asked(auth: Authenticator, headers: dict[str, str], **options: Any) -> Any:
        decorator = "optional" if options.get("optional") else "requires"
        view = getattr(auth, f"{decorator}_authentication")(lambda: "in")
        app.add_url_rule("/", view_func=view, endpoint="it")
        caplog.clear()
        with caplog.at_level(logging.INFO, "flask_jwtlib"):
            response = app.test_client().get("/", headers=headers)
        (line,) = [
            record.getMessage() for record in caplog.records if record.funcName == "report_refused"
        ]
        assert line.endswith(" [GET it]")
        challenge = response.headers.get("WWW-Authenticate")
        return response.status_code, challenge, line.removesuffix(" [GET it]")

    return asked


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        pytest.param("DPoP abc", "DPoP", id="DPoP"),
        pytest.param("dpop abc", "DPoP", id="small"),
        pytest.param("TOKEN abc", "Token", id="capitals"),
        pytest.param("Token  token=abc, x=y", "Token", id="parameters"),
        pytest.param("Basic YWxpY2U6aHVudGVyMg==", "Basic", id="Basic"),
        pytest.param("JWT a.b.c", "JWT", id="JWT"),
        pytest.param("AWS4-HMAC-SHA256 Credential=a", "AWS4-HMAC-SHA256", id="digits"),
        pytest.param("Negotiate ", "Negotiate", id="nothing follows"),
    ],
)
@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
def test_another_scheme_is_named_in_the_log(
    auth: Authenticator, respond: Ask, sent: str, name: str, optional: bool
) -> None:
    """It counts as a missing token: 401 without an error code, or anonymous. Only the scheme is logged."""
    status, challenge, line = respond(auth, {"Authorization": sent}, optional=optional)

    assert (status, challenge) == ((200, None) if optional else (401, "Bearer"))
    assert line == (
        "MissingTokenError: no bearer token in the request; "
        f"the scheme of its Authorization header is {name}, not Bearer"
    )


@pytest.mark.parametrize(
    "sent",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln",
        "s3cret",
        "s3cret and more",
        "hunter two",
        "Token",
        "Token\tabc",
        "Token,abc def",
        "Token: abc",
        " Token abc",
        pytest.param("X" * 5000 + " abc", id="long"),
        "n\x1b[31m abc",
        "\xc3\xa9 abc",
    ],
)
def test_a_credential_without_a_scheme_is_not_logged(
    auth: Authenticator, respond: Ask, sent: str
) -> None:
    """A header without a well-known scheme and a space may be the secret itself."""
    assert respond(auth, {"Authorization": sent}) == (
        401,
        "Bearer",
        f"MissingTokenError: {NO_SCHEME}",
    )


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_part_of_the_header_is_logged(scheme: str, credentials: str) -> None:
    """The log text is the same for any credentials."""
    text = missing_token_text(f"{scheme} {credentials}")

    assert text == missing_token_text(f"{scheme.partition(' ')[0]} x")
    if scheme.lower() != "bearer":
        assert text == NO_SCHEME or scheme.partition(" ")[0].lower() in text.lower()
    assert missing_token_text(credentials.replace(" ", "")) == NO_SCHEME


def test_without_a_header_no_scheme_is_logged(auth: Authenticator, respond: Ask) -> None:
    """Without the header, the text names no scheme."""
    assert respond(auth, {}) == (401, "Bearer", "MissingTokenError: no bearer token in the request")


def test_a_bearer_token_where_the_header_is_not_read(
    auth: Authenticator, respond: Ask, token: str
) -> None:
    """If the extractor doesn't read the header, the log says so."""

    class Nowhere:
        def extract(self, request: object) -> BearerToken | None:
            return None

    elsewhere = auth.evolve(extractor=CompositeTokenExtractor(Nowhere()))

    status, _, line = respond(elsewhere, bearer(token))

    assert status == 401
    assert line.endswith("its Authorization header is not where the token is expected")


class ListedKids(KeyProvider):
    """A custom provider without keys, with a configurable ``kids``."""

    def __init__(self, kids: Any) -> None:
        self._kids = kids

    @property
    def kids(self) -> Any:
        return self._kids() if callable(self._kids) else self._kids

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


class Silent(KeyProvider):
    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


def jwks(issuer: TokenIssuer, *kids: str) -> dict[str, Any]:
    """A JWK set of one key under several IDs."""
    return {"keys": [{**issuer.jwk, "kid": kid} for kid in kids]}


class Own(TTLKeyProvider):
    """A subclass, as applications write them."""


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda keys, path: StaticKeyProvider(keys), id="static"),
        pytest.param(lambda keys, path: TTLKeyProvider(lambda: keys), id="ttl"),
        pytest.param(lambda keys, path: Own(lambda: keys), id="subclass"),
        pytest.param(lambda keys, path: FileKeyProvider(path), id="files"),
        pytest.param(
            lambda keys, path: CompositeKeyProvider(
                StaticKeyProvider({"keys": keys["keys"][:1]}), TTLKeyProvider(lambda: keys)
            ),
            id="composite",
        ),
        pytest.param(
            lambda keys, path: CompositeKeyProvider(StaticKeyProvider(keys), Silent()),
            id="composite with one that doesn't say",
        ),
        pytest.param(lambda keys, path: ListedKids(["b", "a"]), id="given as a list"),
    ],
)
def test_an_unknown_kid_is_logged_with_the_known_ones(
    respond: Ask, issuer: TokenIssuer, tmp_path: Path, make: Callable[..., Any]
) -> None:
    """The log names the token's kid and the provider's; the client's response doesn't change."""
    keys = jwks(issuer, "a", "b")
    path = tmp_path / "keys.json"
    path.write_text(str(keys).replace("'", '"'))
    auth = Authenticator(keys=make(keys, path))

    status, challenge, line = respond(auth, bearer(issuer.token(header={"kid": "c"})))

    assert status == 401
    assert challenge == (
        'Bearer error="invalid_token", error_description="The access token\'s signing key is unknown"'
    )
    assert line == (
        "UnknownKeyError: no key has the kid 'c' and is for RS256; known kids: 'a', 'b'"
    )


def test_the_catalogues_validators_list_the_known_kids(respond: Ask, issuer: TokenIssuer) -> None:
    """A router lists only the kids of the token's issuer, also through a cache."""
    router = IssuerRouter(
        TrustedIssuer(
            issuer.issuer,
            keys=jwks(issuer, "a", "b"),
            validator=CachingValidator(JWTValidator()),
        ),
        TrustedIssuer("https://other.example", keys=jwks(issuer, "z"), audience="api"),
    )

    line = respond(Authenticator(validator=router), bearer(issuer.token(header={"kid": "c"})))[2]

    assert line.endswith("; known kids: 'a', 'b'")


def test_the_module_api_lists_the_known_kids(respond: Ask, issuer: TokenIssuer) -> None:
    """The documented functions log the known kids, too."""
    flask_jwtlib.set_permanent_verification_key(jwks(issuer, "a", "b"))
    token = bearer(issuer.token(header={"kid": "c"}))

    line = respond(flask_jwtlib.default_authenticator, token)[2]

    assert line.endswith("no key has the kid 'c' and is for RS256; known kids: 'a', 'b'")


def refusal(token: str, keys: KeyProvider) -> str:
    """Return the refusal's log text."""
    with pytest.raises(UnknownKeyError) as caught:
        JWTValidator().validate(BearerToken(token), keys)
    return caught.value.log_message


def raising() -> Any:
    """Fail."""
    raise LookupError("no kids today")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(Silent(), id="no attribute"),
        pytest.param(ListedKids(raising), id="raises"),
        pytest.param(ListedKids(None), id="None"),
        pytest.param(ListedKids("abc"), id="text"),
        pytest.param(ListedKids(17), id="number"),
        pytest.param(ListedKids([["unhashable"]]), id="unhashable"),
        pytest.param(ListedKids(iter(["a"])), id="iterator"),
        pytest.param(CompositeKeyProvider(Silent(), ListedKids(raising)), id="composite"),
    ],
)
@pytest.mark.parametrize("cached", [False, True], ids=["plain", "cached"])
def test_a_provider_without_kids_has_no_list(
    issuer: TokenIssuer, keys: KeyProvider, cached: bool
) -> None:
    """The token is refused, and the text has no list."""
    validator = CachingValidator(JWTValidator()) if cached else JWTValidator()

    with pytest.raises(UnknownKeyError) as caught:
        validator.validate(BearerToken(issuer.token(header={"kid": "c"})), keys)

    assert caught.value.log_message == "no key has the kid 'c' and is for RS256"


@pytest.mark.parametrize(
    ("kids", "listed"),
    [
        pytest.param((), "none", id="none"),
        pytest.param(["a"] * 3, "'a'", id="repeated"),
        pytest.param([f"key-{n}" for n in range(10)], "'key-9'", id="ten"),
        pytest.param(["x\n\x1b[31mADMIN"], r"'x\n\x1b[31mADMIN'", id="escaped"),
        pytest.param(["https://a/?token=s3cret"], "'https://a/?***'", id="query"),
        pytest.param([7, None], "7, None", id="not strings"),
    ],
)
def test_known_kids_are_listed_on_one_line(
    issuer: TokenIssuer, kids: Iterable[Any], listed: str
) -> None:
    """The listed kids are escaped and on one line."""
    assert refusal(issuer.token(), ListedKids(kids)).endswith(listed)


@pytest.mark.parametrize("number", [11, 1000])
def test_a_long_list_is_cut(issuer: TokenIssuer, number: int) -> None:
    """Ten kids are shown, each shortened, followed by the number of the others."""
    text = refusal(issuer.token(), ListedKids({f"{n}".zfill(200_000) for n in range(number)}))

    assert text.count("...") == 10
    assert text.endswith(f" and {number - 10} more")
    assert len(text) < 900
    assert text.isprintable()


def test_a_cold_provider_lists_no_kids() -> None:
    """Before the first fetch there are no key IDs, and reading them fetches nothing."""
    assert TTLKeyProvider(raising).kids == frozenset()


def test_a_token_without_a_kid(issuer: TokenIssuer) -> None:
    """Without a kid exactly one key must fit, and the text says so."""
    other = TokenIssuer()
    two = KeySet.of([jwks(issuer, "a"), jwks(other, "b")])

    text = refusal(issuer.token(header={"kid": None}), StaticKeyProvider(two))

    assert text == (
        "the token has no kid, and there isn't exactly one key for RS256; known kids: 'a', 'b'"
    )
