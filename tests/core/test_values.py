from __future__ import annotations

import copy
import pickle
from types import MappingProxyType
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from flask_jwtlib import (
    BearerToken,
    Claims,
    JWTValidator,
    Principal,
    StaticKeyProvider,
    UnverifiedHeader,
)
from flask_jwtlib.errors import AbsentClaimError, Refusal
from flask_jwtlib.testing import TokenIssuer


def claims(**members: Any) -> Claims:
    """Make claims that were checked at second 1000."""
    return Claims(members, checked_at=1000)


def test_a_token_is_not_in_its_repr() -> None:
    """A logged token is compromised: repr and str leave it out."""
    token = BearerToken("eyJhbGciOiJub25lIn0", source="query")

    assert "eyJ" not in repr(token) + str(token)
    assert "query" in repr(token)


def test_tokens_are_values() -> None:
    """Tokens with the same text and location are equal, and can't be changed."""
    token = BearerToken("abc")

    assert token == BearerToken("abc", source="header")
    assert token != BearerToken("abc", source="form")
    assert hash(token) == hash(BearerToken("abc"))
    with pytest.raises(FrozenInstanceError):
        token.value = "other"  # type: ignore[misc]


def test_an_unverified_header_has_the_usual_parameters() -> None:
    """alg, kid and typ are attributes; all parameters are available, and not in the repr."""
    header = UnverifiedHeader("RS256", "k", "JWT", parameters={"alg": "RS256", "x": "secret"})

    assert (header.alg, header.kid, header.typ) == ("RS256", "k", "JWT")
    assert header.parameters["x"] == "secret"
    assert "secret" not in repr(header)
    assert UnverifiedHeader("RS256") == UnverifiedHeader("RS256", None, None)


def test_parameters_of_a_header_without_any_cannot_be_changed() -> None:
    """The empty default is shared, so it is read-only."""
    parameters: Any = UnverifiedHeader("RS256").parameters

    assert parameters == {}
    with pytest.raises(TypeError):
        parameters["alg"] = "none"


def test_claims_are_a_dict() -> None:
    """The claims behave like the dict that the documented API promises."""
    found = claims(sub="alice", roles=["admin"])

    assert isinstance(found, dict)
    assert found == {"sub": "alice", "roles": ["admin"]}
    assert found["roles"] == ["admin"]
    assert list(found) == ["sub", "roles"]
    assert found.get("absent") is None
    assert "absent" not in found


def test_reading_an_absent_claim_is_a_key_error() -> None:
    """``claims[name]`` of an absent claim raises a KeyError that names it, and is no refusal by itself."""
    with pytest.raises(KeyError) as absent:
        claims()["tenant"]
    error = absent.value

    assert isinstance(error, AbsentClaimError)
    assert error.claim == "tenant"
    assert str(error) == "the claim 'tenant' is missing"
    assert not isinstance(error, Refusal)


def test_claims_have_header_and_time() -> None:
    """The verified header and the time of the check are attributes, not claims."""
    found = Claims({"sub": "a"}, checked_at=1000.5, header={"typ": "at+jwt"})

    assert found.header == {"typ": "at+jwt"}
    assert found.checked_at == 1000.5
    assert found == {"sub": "a"}
    assert claims().header == {}


def test_the_default_header_cannot_be_changed() -> None:
    """The empty header is shared by all claims without one, so it is read-only."""
    header: Any = claims().header

    assert isinstance(header, MappingProxyType)
    with pytest.raises(TypeError):
        header["typ"] = "at+jwt"


def test_claims_are_a_copy() -> None:
    """Changing the mapping that claims were made of does not change the claims."""
    members = {"sub": "alice"}
    found = Claims(members, checked_at=0)
    members["sub"] = "eve"

    assert found["sub"] == "alice"


def test_claims_can_be_copied() -> None:
    """``copy.copy`` keeps claims, time and kind."""
    found = copy.copy(claims(sub="alice"))

    assert (found, found.checked_at, found.header) == ({"sub": "alice"}, 1000, {})
    assert type(found) is Claims


def test_common_claims_are_attributes() -> None:
    """sub, iss, aud and exp are attributes, and None or empty if absent."""
    found = claims(sub="alice", iss="https://i", aud="me", exp=1234)

    assert (found.subject, found.issuer, found.expires_at) == ("alice", "https://i", 1234)
    assert found.audience == ("me",)
    assert (claims().subject, claims().issuer, claims().expires_at) == (None, None, None)
    assert claims().audience == ()


@pytest.mark.parametrize(
    ("aud", "audience"),
    [
        pytest.param("me", ("me",), id="string"),
        pytest.param("me you", ("me you",), id="string with a space"),
        pytest.param(["me", "you"], ("me", "you"), id="array"),
        pytest.param([], (), id="empty array"),
        pytest.param(["me", 5, None], ("me",), id="mixed array"),
        pytest.param({"me": 1}, (), id="object"),
        pytest.param(5, (), id="number"),
        pytest.param(None, (), id="null"),
    ],
)
def test_audience_is_a_tuple_of_strings(aud: Any, audience: tuple[str, ...]) -> None:
    """RFC 7519 §4.1.3: aud is one string or an array of them; anything else is no audience."""
    assert claims(aud=aud).audience == audience


@pytest.mark.parametrize(
    ("members", "scopes"),
    [
        pytest.param({}, set(), id="none"),
        pytest.param({"scope": "a b"}, {"a", "b"}, id="string"),
        pytest.param({"scope": " a  b "}, {"a", "b"}, id="spare spaces"),
        pytest.param({"scope": ""}, set(), id="empty"),
        pytest.param({"scope": "a\tb\u00a0c"}, {"a\tb\u00a0c"}, id="only spaces part"),
        pytest.param({"scope": "A a"}, {"A", "a"}, id="case counts"),
        pytest.param({"scope": ["a", "b"]}, {"a", "b"}, id="array"),
        pytest.param({"scope": ["a", 1, None, ""]}, {"a"}, id="mixed array"),
        pytest.param({"scope": ["a b"]}, {"a b"}, id="array with a space"),
        pytest.param({"scope": None}, set(), id="null"),
        pytest.param({"scope": 5}, set(), id="number"),
        pytest.param({"scope": {"a": 1}}, set(), id="object"),
        pytest.param({"scp": "a b"}, {"a", "b"}, id="scp string"),
        pytest.param({"scp": ["a", "b"]}, {"a", "b"}, id="scp array"),
        pytest.param({"scope": "a", "scp": "b"}, {"a"}, id="scope before scp"),
        pytest.param({"scope": "", "scp": "b"}, set(), id="empty scope before scp"),
    ],
)
def test_scopes(members: dict[str, Any], scopes: set[str]) -> None:
    """RFC 8693 §4.2: scope is a space-separated list; scp is used if there is no scope."""
    assert claims(**members).scopes == frozenset(scopes)


def test_a_principal_has_token_and_claims() -> None:
    """The caller's subject and scopes are attributes; neither token nor claims are in the repr."""
    principal = Principal(BearerToken("eyJ"), claims(sub="alice", scope="a", email="a@example.org"))

    assert principal.subject == "alice"
    assert principal.scopes == {"a"}
    assert "eyJ" not in repr(principal)
    assert "example.org" not in repr(principal)
    with pytest.raises(FrozenInstanceError):
        principal.token = BearerToken("other")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        pytest.param("alice", "alice", id="subject"),
        pytest.param(None, "a caller without a subject", id="none"),
        pytest.param("", "a caller without a subject", id="empty"),
        pytest.param(42, "42", id="number of a lax issuer"),
    ],
)
def test_a_principals_text_is_its_subject(subject: Any, text: str) -> None:
    """A principal in a log line is shown by its subject, whatever a custom validator accepted."""
    assert str(Principal(BearerToken("eyJ"), claims(sub=subject))) == text


@pytest.mark.parametrize(
    ("value", "strings"),
    [
        pytest.param(["a", "b"], ("a", "b"), id="strings"),
        pytest.param(["a", 1, None, True, [], {}], ("a",), id="mixed"),
        pytest.param("ab", ("ab",), id="string"),
        pytest.param(("a",), (), id="tuple is not JSON"),
        pytest.param({"a": 1}, (), id="object"),
        pytest.param(None, (), id="null"),
    ],
)
def test_the_strings_at_a_claim(value: Any, strings: tuple[str, ...]) -> None:
    """The strings of a JSON array count, and a single string; other values don't."""
    assert claims(groups=value).strings("groups") == strings
    assert claims(realm_access={"roles": value}).strings("realm_access", "roles") == strings


def test_strings_at_an_absent_claim() -> None:
    """An absent claim has no strings, at the end of a path or on the way."""
    made = claims(a={"b": "text"}, c="text")
    assert made.strings("x") == made.strings("a", "x") == made.strings("x", "b") == ()
    assert made.strings("c", "b") == made.strings("a", "b", "c") == ()


def test_tokens_and_headers_can_be_pickled() -> None:
    """Plain values survive pickling, for an application's caches and queues."""
    token = BearerToken("abc", source="form")

    assert pickle.loads(pickle.dumps(token)) == token


@pytest.mark.parametrize("again", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_parsed_token_can_be_copied_and_pickled(again: Any) -> None:
    """A principal may be passed to a task queue, where its token is parsed again."""
    issuer = TokenIssuer()
    token = BearerToken(issuer.token(), source="query")
    claims = JWTValidator().validate(token, StaticKeyProvider(issuer.jwks))
    principal = Principal(token, claims)

    assert again(principal) == principal
    assert again(principal).token.parsed is None


@pytest.mark.parametrize("again", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_implied_scopes_belong_to_the_claims(again: Any) -> None:
    """The scopes that a granted one implies are granted, too; also in a copy, and not in the original."""
    found = claims(scope="admin other")
    implying = found.implying({"admin": frozenset({"read", "write"})})

    assert again(implying).scopes == implying.scopes == {"admin", "other", "read", "write"}
    assert again(implying) == found
    assert found.scopes == {"admin", "other"}
