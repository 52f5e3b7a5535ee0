"""Rules about the kind of a token: which ones are access tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import Claims, ConfigurationError
from flask_jwtlib.claim_rules import AccessToken, ClaimRule, TokenType, TokenUse, apply_rules
from flask_jwtlib.errors import ClaimError, MissingClaimError
from flask_jwtlib.log_text import error_text
from tests.kit import raises

from .kit import claims

KIND_CLAIMS = [
    *("typ", "type", "token_type", "token_use", "tokenType", "tokenUse"),
    *("kind", "purpose", "use", "tokenName", "token_usage", "tty", "drn"),
]


def accepts(rule: ClaimRule, found: Claims) -> bool:
    """Return whether a rule accepts claims; it must refuse by a ClaimError."""
    try:
        apply_rules(found, [rule])
    except ClaimError:
        return False
    return True


# Tokens as the providers document them.
ACCESS_TOKENS = {
    "RFC 9068": ({"typ": "at+jwt"}, {"client_id": "s6", "scope": "openid", "auth_time": 1}),
    "full media type": ({"typ": "application/at+jwt"}, {}),
    "upper case": ({"typ": "AT+JWT"}, {}),
    "Auth0": ({"typ": "JWT"}, {"azp": "client", "scope": "read:reports", "gty": "password"}),
    "Okta": ({}, {"ver": 1, "jti": "AT.x", "cid": "0oa", "uid": "00u", "scp": ["openid"]}),
    "Entra v1": ({"typ": "JWT"}, {"appid": "6e7", "scp": "Reports.Read", "ver": "1.0"}),
    "Entra v2": ({"typ": "JWT"}, {"azp": "6e7", "roles": ["Reports.Read.All"], "ver": "2.0"}),
    "Cognito": ({}, {"token_use": "access", "client_id": "1ex", "scope": "openid"}),
    "Keycloak": ({"typ": "JWT"}, {"typ": "Bearer", "azp": "spa", "sid": "s", "acr": "1"}),
    "Keycloak before 25": ({"typ": "JWT"}, {"typ": "Bearer", "azp": "spa", "nonce": "n"}),
    "Keycloak with DPoP": ({"typ": "JWT"}, {"typ": "DPoP", "azp": "spa", "nonce": "n"}),
    "nonce and at+jwt": ({"typ": "at+jwt"}, {"nonce": "n"}),
    "nonce and token_use": ({}, {"token_use": "access", "nonce": "n"}),
    "Azure AD B2C": (
        {"typ": "JWT"},
        {"tfp": "B2C_1_signin", "nonce": "n", "scp": "read", "azp": "388", "ver": "1.0"},
    ),
    "ForgeRock": (
        {"typ": "JWT"},
        {"tokenName": "access_token", "token_type": "Bearer", "nonce": "n", "scope": ["read"]},
    ),
    "FusionAuth": ({"typ": "JWT"}, {"tty": "at", "tid": "t", "applicationId": "a"}),
    "Salesforce": ({"typ": "JWT"}, {"tty": "sfdc-core-token", "scp": "api openid"}),
    "Descope": ({"typ": "JWT"}, {"drn": "DS", "amr": ["pwd"]}),
    "Firebase": ({"typ": "JWT"}, {"auth_time": 1, "user_id": "u", "firebase": {"identities": {}}}),
    "Kubernetes": ({}, {"kubernetes.io": {"namespace": "default"}}),
    "Cloudflare Access": ({}, {"type": "app", "identity_nonce": "n"}),
    "Apple, which issues no others": ({}, {"c_hash": "aGFzaA", "nonce_supported": True}),
    "SPIFFE": ({"typ": "JOSE"}, {}),
    "lower case jwt": ({"typ": "jwt"}, {}),
    "media type of any JWT": ({"typ": "application/jwt"}, {}),
    "an unknown typ": ({"typ": "Bearer"}, {}),
    "an introspected token": (None, {"token_type": "Bearer", "client_id": "spa"}),
    "flask-jwt-extended": ({"typ": "JWT"}, {"type": "access", "fresh": True}),
    "SimpleJWT": ({"typ": "JWT"}, {"token_type": "access"}),
    "other types": ({}, {"type": 5, "typ": {"a": "refresh"}, "token_use": None}),
    "an access token that says it can't refresh": ({}, {"refresh": False}),
    "words that are no kinds": ({}, {"use": "sig", "purpose": "Bearer", "kind": "user"}),
    "an application's type": ({}, {"type": "robot", "token_type": "service"}),
}


@pytest.mark.parametrize("name", ACCESS_TOKENS)
def test_access_tokens_pass(name: str) -> None:
    """Access tokens of known providers pass, including those without a mark of their kind."""
    header, members = ACCESS_TOKENS[name]
    AccessToken()(claims(header, **members))


OTHERS = {
    "ID token with nonce": ({"typ": "JWT"}, {"nonce": "n"}),
    "ID token with at_hash": ({"typ": "JWT"}, {"at_hash": "aGFzaA"}),
    "ID token with s_hash": ({}, {"s_hash": "aGFzaA"}),
    "ID token of Keycloak": ({"typ": "JWT"}, {"typ": "ID", "azp": "spa"}),
    "ID token of Cognito": ({}, {"token_use": "id", "aud": "1ex"}),
    "explicitly typed ID token": ({"typ": "id_token+jwt"}, {}),
    "null nonce": ({}, {"nonce": None}),
    "identity cookie of Keycloak": ({"typ": "JWT"}, {"typ": "Serialized-ID"}),
    "refresh token of Keycloak": ({"typ": "JWT"}, {"typ": "Refresh", "azp": "spa"}),
    "offline token of Keycloak": ({"typ": "JWT"}, {"typ": "Offline", "azp": "spa"}),
    "refresh token of flask-jwt-extended": ({"typ": "JWT"}, {"type": "refresh"}),
    "refresh token of SimpleJWT": ({"typ": "JWT"}, {"token_type": "refresh"}),
    "refresh token of Spring": ({"typ": "JWT"}, {"ati": "id-of-the-access-token"}),
    "refresh token of ForgeRock": (
        {"typ": "JWT"},
        {"tokenName": "refresh_token", "token_type": "Bearer", "scope": ["read"]},
    ),
    "refresh token of Descope": ({"typ": "JWT"}, {"drn": "DSR", "amr": ["pwd"]}),
    "ID token of FusionAuth": ({"typ": "JWT"}, {"tty": "id", "applicationId": "a"}),
    "ID token of OpenIddict": ({"typ": "JWT"}, {"token_usage": "identity_token"}),
    "ID token of Azure AD B2C": ({"typ": "JWT"}, {"tfp": "B2C_1_signin", "nonce": "n"}),
    "refresh token by a flag": ({"typ": "JWT"}, {"refresh": True}),
    "refresh token by its header": ({"typ": "rt+jwt"}, {}),
    "refresh token by its header, without a suffix": ({"typ": "refresh"}, {}),
    "logout token": ({"typ": "logout+jwt"}, {}),
    "logout token by its events": (
        {"typ": "JWT"},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    ),
    "logout token of Keycloak": ({"typ": "JWT"}, {"typ": "Logout"}),
    "security event token": ({"typ": "secevent+jwt"}, {}),
    "security event token by its events": ({}, {"events": {}}),
    "registration token of Keycloak": ({"typ": "JWT"}, {"typ": "RegistrationAccessToken"}),
    "initial access token of Keycloak": ({"typ": "JWT"}, {"typ": "InitialAccessToken"}),
    "DPoP proof": ({"typ": "dpop+jwt"}, {}),
    "introspection response": ({"typ": "token-introspection+jwt"}, {}),
    "status list": ({"typ": "statuslist+jwt"}, {}),
    "request object": ({"typ": "oauth-authz-req+jwt"}, {}),
    "client authentication": ({"typ": "client-authentication+jwt"}, {}),
    "federation entity": ({"typ": "entity-statement+jwt"}, {}),
    "credential": ({"typ": "vc+sd-jwt"}, {}),
    "full media type of another kind": ({"typ": "application/logout+jwt"}, {}),
    "upper case of another kind": ({"typ": "DPOP+JWT"}, {}),
    "an unknown kind": ({"typ": "service+jwt"}, {}),
    "Okta's own access token": ({"typ": "application/okta-internal-at+jwt"}, {}),
    "a typ that isn't text": ({"typ": ["at+jwt"]}, {}),
    "another top-level type": ({"typ": "text/at+jwt"}, {}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_are_refused(name: str) -> None:
    """Anything that distinguishes another kind of token from an access token refuses it."""
    header, members = OTHERS[name]
    with raises(ClaimError, match="expected an access token") as refusal:
        AccessToken()(claims(header, **members))
    assert refusal.value.description == "This is not an access token"
    assert refusal.value.claim in {*members, "typ"}


SPELLINGS = [
    *("refresh", "Refresh", "REFRESH", "refresh_token", "refresh-token", "RefreshToken"),
    *("refresh token", "refresh+jwt", "application/refresh+jwt", "jwt_refresh", "rt", "RT+JWT"),
    *("offline", "offline_access", "urn:ietf:params:oauth:token-type:refresh_token"),
    *("id", "ID", "id_token", "idToken", "identity_token", "id+jwt"),
    *("urn:ietf:params:oauth:token-type:id_token", "logout", "logout_token", "secevent"),
]


@pytest.mark.parametrize("claim", KIND_CLAIMS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_kind_is_recognised_in_any_spelling(claim: str, spelling: str) -> None:
    """Issuers name the kind in several claims and spellings, also as one of several."""
    assert not accepts(AccessToken(), claims(**{claim: spelling}))
    assert not accepts(AccessToken(), claims(**{claim: ["access", spelling]}))
    assert not accepts(AccessToken(), claims({"typ": spelling}))


ACCESS_MARKS = [
    pytest.param({"typ": "at+jwt"}, {}, id="header"),
    pytest.param({}, {"typ": "Bearer"}, id="typ"),
    pytest.param({}, {"token_use": "access"}, id="token_use"),
    pytest.param({}, {"type": "access_token"}, id="type"),
    pytest.param({}, {"scp": "read"}, id="scp"),
    pytest.param({}, {"scp": ["read"]}, id="scp, several"),
]
STRONGER = [
    *({"at_hash": "h"}, {"s_hash": "h"}, {"events": {}}, {"ati": "a"}),
    *({claim: kind} for claim in KIND_CLAIMS for kind in ("id", "refresh", "logout")),
]


@pytest.mark.parametrize(("header", "mark"), ACCESS_MARKS)
def test_a_mark_of_an_access_token_outweighs_only_a_nonce(
    header: dict[str, Any], mark: dict[str, Any]
) -> None:
    """A token that is marked as an access token may have a nonce, but no mark of another kind."""
    assert accepts(AccessToken(), claims(header, **mark, nonce="n"))
    for other in STRONGER:
        if mark.keys().isdisjoint(other):
            assert not accepts(AccessToken(), claims(header, **mark, **other)), other
            assert not accepts(AccessToken(), claims(header, **mark, **other, nonce="n")), other


@pytest.mark.parametrize(("header", "mark"), ACCESS_MARKS[1:])
def test_a_claim_does_not_outweigh_the_header(header: dict[str, Any], mark: dict[str, Any]) -> None:
    """A token whose header names another kind is refused, whatever its claims say."""
    for typ in ("logout+jwt", "secevent+jwt", "id_token", "refresh"):
        assert not accepts(AccessToken(), claims({"typ": typ}, **mark))


@pytest.mark.parametrize(
    "members",
    [
        *({"typ": "Bearer or so"}, {"typ": ["Bearer"]}, {"token_type": "Bearer"}, {"typ": "JWT"}),
        *({"scope": "read"}, {"scp": []}, {"scp": None}, {"scp": {"read": True}}, {"scp": [1]}),
        *({"scp": ""}, {"scp": " "}, {"scp": [""]}),
    ],
    ids=repr,
)
def test_nothing_else_outweighs_a_nonce(members: dict[str, Any]) -> None:
    """Only an access token's mark, where issuers put it, makes a nonce acceptable."""
    assert accepts(AccessToken(), claims(**members))
    assert not accepts(AccessToken(), claims(**members, nonce="n"))


@given(kind=st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1), upper=st.booleans())
def test_a_typ_with_a_suffix_is_a_kind(kind: str, upper: bool) -> None:
    """RFC 8725 §3.11: of all types that end in +jwt, only at+jwt is an access token's."""
    typ = f"{kind}+jwt"
    found = claims({"typ": typ.upper() if upper else typ})
    assert accepts(AccessToken(), found) is (kind == "at")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(SPELLINGS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TELLING = [*KIND_CLAIMS, "refresh", "nonce", "at_hash", "s_hash", "ati", "events"]


@given(
    typ=JSON,
    members=st.dictionaries(st.sampled_from(TELLING), JSON),
    rule=st.sampled_from([AccessToken(), TokenUse("access"), TokenType("JWT")]),
)
def test_any_value_is_accepted_or_refused(
    typ: Any, members: dict[str, Any], rule: ClaimRule
) -> None:
    """Claims and headers of any JSON type are accepted or refused, and raise nothing else."""
    accepts(rule, claims({"typ": typ}, **members))


def test_a_custom_type_of_access_token() -> None:
    """A custom type is accepted if it is configured, in any spelling, and counts as a mark."""
    rule = AccessToken(types=["application/Service+jwt"])

    for typ in ("service+jwt", "SERVICE+JWT", "application/service+jwt", "at+jwt", "JWT"):
        assert accepts(rule, claims({"typ": typ}))
    assert accepts(rule, claims({"typ": "service+jwt"}, nonce="n"))
    assert accepts(rule, claims())
    assert not accepts(rule, claims({"typ": "logout+jwt"}))
    assert not accepts(rule, claims({"typ": "service+jwt"}, token_use="id"))


@pytest.mark.parametrize("types", ["service+jwt", None, 5, [""], [None], [["a"]]], ids=repr)
def test_types_must_be_a_list_of_text(types: Any) -> None:
    """A string in place of a list raises at once."""
    with pytest.raises(ConfigurationError):
        AccessToken(types=types)


def test_an_error_shortens_claims() -> None:
    """A claim in the log is on one line and short."""
    for found in (claims({"typ": "+\n" * 1000}), claims(typ=["refresh\n" * 1000])):
        with pytest.raises(ClaimError) as refusal:
            AccessToken()(found)
        assert error_text(refusal.value).isprintable()
        assert len(error_text(refusal.value)) < 300


@pytest.mark.parametrize(
    ("use", "accepted"),
    [
        pytest.param("access", True, id="equal"),
        pytest.param("id", False, id="another"),
        pytest.param("Access", False, id="case"),
        pytest.param("access ", False, id="space"),
        pytest.param(["access"], False, id="array"),
        pytest.param(None, False, id="null"),
        pytest.param(True, False, id="bool"),
        pytest.param({"access": True}, False, id="object"),
    ],
)
def test_token_use(use: Any, accepted: bool) -> None:
    """The claim token_use must equal one of the uses, case-sensitively."""
    assert accepts(TokenUse("access", "service"), claims(token_use=use)) is accepted


def test_token_use_is_required() -> None:
    """Without token_use the token is refused, and the log names what is expected."""
    with pytest.raises(MissingClaimError):
        TokenUse("access")(claims())
    with raises(ClaimError, match="token_use is 'id', expected 'access'"):
        TokenUse("access")(claims(token_use="id"))


@pytest.mark.parametrize(
    ("typ", "accepted"),
    [
        pytest.param("at+jwt", True, id="equal"),
        pytest.param("AT+JWT", True, id="case"),
        pytest.param("application/at+jwt", True, id="full"),
        pytest.param("Application/At+Jwt", True, id="full, case"),
        pytest.param("JWT", False, id="another"),
        pytest.param("at+jwt ", False, id="space"),
        pytest.param("application/application/at+jwt", False, id="prefix twice"),
        pytest.param("text/at+jwt", False, id="another top-level type"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="null"),
        pytest.param(5, False, id="number"),
        pytest.param(["at+jwt"], False, id="array"),
    ],
)
def test_token_type(typ: Any, accepted: bool) -> None:
    """RFC 8725 §3.11, RFC 9068 §2.1: typ is compared without case and the prefix ``application/``."""
    assert accepts(TokenType("at+jwt"), claims({"typ": typ})) is accepted
    assert accepts(TokenType("application/AT+jwt"), claims({"typ": typ})) is accepted


def test_a_typ_claim_is_ignored() -> None:
    """A claim named typ doesn't count, and claims without a header have no type."""
    with pytest.raises(ClaimError) as refusal:
        TokenType("at+jwt")(claims(typ="at+jwt"))
    assert refusal.value.claim == "typ"
    assert "None" in error_text(refusal.value)
