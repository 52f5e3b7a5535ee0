"""No cause fails on odd facts, whatever a client puts into a token."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator, Role, Scope
from flask_jwtlib.claim_rules import AccessToken, Client, Expiry, RequiredClaims
from flask_jwtlib.errors import (
    AlgorithmError,
    BadSignatureError,
    ClaimError,
    ExpiredTokenError,
    ForbiddenError,
    InsufficientScopeError,
    InvalidRequestError,
    InvalidTokenError,
    MalformedTokenError,
    MissingClaimError,
    MissingTokenError,
    NotYetValidError,
    Refusal,
    TokenKindError,
    UnacceptedAudienceError,
    UnknownKeyError,
    VerificationUnavailable,
    WrongAudienceError,
    WrongIssuerError,
)
from flask_jwtlib.explain import Facts
from flask_jwtlib.explain._causes import find_causes
from flask_jwtlib.policies import AnyScope, ClaimEquals
from flask_jwtlib.testing import TokenIssuer

from . import provider_tokens as tokens

KEY = TokenIssuer(algorithm="ES256").verification_key
AUTH = Authenticator(keys=KEY, validator=JWTValidator(algorithms="ES256"))
POLICIES = (
    Scope("read"),
    AnyScope("a", "b") & Role("x", at="realm_access.roles"),
    ~Role("y", at="groups") | Role("z", at="groups"),
    ClaimEquals("a", 1),
)
RULES = (
    Issuer(
        tokens.ENTRA,
        tokens.KEYCLOAK,
        tokens.OKTA,
        tokens.COGNITO,
        tokens.AUTH0,
        "http://localhost",
        "x",
    ),
    Audience("https://api.example", "api://x", "account"),
    AccessToken(),
    Client("spa"),
    Expiry(),
    RequiredClaims("tenant"),
)
ERRORS: list[Refusal] = [
    AlgorithmError("alg"),
    BadSignatureError("signature"),
    UnknownKeyError("key"),
    *(
        kind(claim, "text")
        for kind in (ClaimError, TokenKindError)
        for claim in ("cnf", "azp", "typ", "exp")
    ),
    ClaimError("exp", "the token lives for 9 s, longer than the accepted 3 s"),
    *(NotYetValidError(claim) for claim in ("nbf", "iat")),
    *(ExpiredTokenError(claim) for claim in ("exp", "iat")),
    *(MissingClaimError(claim) for claim in ("aud", "iss", "exp", "x")),
    WrongIssuerError("iss"),
    WrongAudienceError("aud"),
    UnacceptedAudienceError("aud"),
    ForbiddenError(),
    InsufficientScopeError("read write"),
    InvalidRequestError("form"),
    InvalidTokenError("of an application"),
    MalformedTokenError("form"),
    MissingTokenError(),
    VerificationUnavailable("the keys could not be fetched"),
    VerificationUnavailable("these are the metadata of 'http://[::1', not of our issuer 'x'"),
    VerificationUnavailable("the extractor attached x"),
]
DEEP: Any = "x"
for _ in range(200):
    DEEP = {"roles": [DEEP]}
ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\x00\n\u202e\ud83d",
    "https://[::1",
    "https://login.example:99999999",
    "http://:@/",
    "x" * 100_000,
    "https://" + "a." * 10_000,
    [],
    {},
    [[]],
    [{}],
    ["a", 1, None],
    {"roles": "x"},
    {"roles": [1]},
    {1: 2},
    {"account": None},
    DEEP,
    b"bytes",
]
CLAIMS = [
    *(
        "iss",
        "aud",
        "sub",
        "azp",
        "appid",
        "client_id",
        "cid",
        "exp",
        "nbf",
        "iat",
        "scope",
        "scp",
        "roles",
    ),
    *(
        "groups",
        "permissions",
        "realm_access",
        "resource_access",
        "cnf",
        "typ",
        "token_use",
        "nonce",
        "tid",
    ),
    *("_claim_names", "hasgroups", "idtyp", "events", "cognito:groups", "wids", "https://x/roles"),
]
TEXTS = [
    "",
    ".",
    "..",
    "....",
    "a.b.c",
    "eyJ",
    "eyJhbGciOiJSUzI1NiJ9..",
    "\ud83d.\x00.",
    "=" * 50,
    "%2E",
    "x" * 100_000,
]


def facts_of(error: Refusal, claims: Any, **others: Any) -> Facts:
    """Return facts with everything that a cause may look at."""
    return Facts(
        **{
            "error": error,
            "authenticator": AUTH,
            "given": "x",
            "token": "a.b.c",
            "claims": claims,
            "header": {"alg": "RS256", "kid": "x"},
            "refusals": tuple(ERRORS),
            "rules": RULES,
            "policies": POLICIES,
            "algorithms": ("ES256",),
            "provider": AUTH.keys,
            "keys": (KEY,),
            "now": 1e9,
            **others,
        }
    )


def check(facts: Facts) -> None:
    """Check that there is a cause with a cure, each in one bounded line."""
    causes = find_causes(facts)
    assert causes
    for cause in causes:
        for text in (cause.text, cause.cure):
            assert text.isprintable()
            assert 15 < len(text) <= 600


@pytest.mark.parametrize("verified", [True, False], ids=["verified", "unverified"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_odd_claims(error: Refusal, verified: bool) -> None:
    """A claim of any type and size never breaks a cause."""
    for value in ODD:
        check(facts_of(error, dict.fromkeys(CLAIMS, value), verified=verified, refusals=()))


EVIL: list[Any] = [
    "evil",
    "https://evil.example",
    "https://evil.example/realms/shop",
    "https://login.example.com/realms/evil",
    "https://login.microsoftonline.com/evil/v2.0",
    "https://sts.windows.net/evil/",
    "https://evil.b2clogin.com/x/v2.0/",
    "https://evil.eu.auth0.com/",
    "https://evil.okta.com",
    "https://shop.okta.com/oauth2/evil",
    "https://cognito-idp.eu-central-1.amazonaws.com/evil",
    "http://evil:8080/",
    "https://evil.auth0.com/api/v2/",
    ["account", "evil"],
    {"evil": {"roles": ["evil"]}, "jkt": "evil"},
]
UNVERIFIED = [error for error in ERRORS if not isinstance(error, ForbiddenError)]


@pytest.mark.parametrize("error", UNVERIFIED, ids=lambda error: type(error).__name__)
def test_no_cure_follows_from_an_unverified_token(error: Refusal) -> None:
    """Nothing that a client writes into an unverified token gets into a cure, or unmarked into a cause."""
    header = {"alg": "evil", "kid": "evil", "typ": "evil", "nonce": "evil"}
    for value in EVIL:
        claims = dict.fromkeys(CLAIMS, value)
        for cause in find_causes(facts_of(error, claims, header=header, refusals=())):
            assert "evil" not in cause.cure
            assert "evil" not in cause.text or "not verified" in cause.text


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "enc", "nonce"])
def test_odd_headers(name: str) -> None:
    """A header parameter of any type never breaks a cause."""
    for value in ODD:
        check(facts_of(BadSignatureError(), {}, header={name: value}))


@pytest.mark.parametrize(
    "error", [MalformedTokenError(), BadSignatureError(), InvalidRequestError()], ids=repr
)
def test_odd_texts(error: Refusal) -> None:
    """A text of any form never breaks a cause."""
    for text in TEXTS:
        check(facts_of(error, {}, header={}, token=text, given=text, keys=None, rules=()))


def test_no_facts() -> None:
    """A refusal alone has a cause and a cure."""
    for error in ERRORS:
        check(Facts(error=error, authenticator=AUTH, given="", token=""))


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "account",
            tokens.ENTRA,
            tokens.KEYCLOAK,
            f"{tokens.OKTA}/",
            tokens.GRAPH,
            "https://x.okta.com",
            "read",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=100)
@given(
    error=st.sampled_from(ERRORS),
    claims=st.dictionaries(st.sampled_from(CLAIMS), _VALUES, max_size=8),
    text=st.text(max_size=60) | st.from_regex(r"[\w.%=+/{}\"' -]{0,80}", fullmatch=True),
    verified=st.booleans(),
)
def test_generated_facts(error: Refusal, claims: Any, text: str, verified: bool) -> None:
    """Any combination of a refusal, claims and a text has a cause and a cure."""
    check(
        facts_of(error, claims, token=text, given=f"Bearer {text}", verified=verified, refusals=())
    )
