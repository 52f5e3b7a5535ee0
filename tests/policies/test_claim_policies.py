"""``Role``, ``ClaimEquals`` and ``ClaimAbsent``, with claims of any type at any path."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import Authenticator, ConfigurationError
from flask_jwtlib.policies import ClaimAbsent, ClaimEquals, Policy, Role, Verdict
from flask_jwtlib.testing import TokenIssuer, bearer

from .kit import REFUSED, SATISFIED, UNKNOWN, claims_of, verdict

URL = "https://api.example/claims.roles"

# What an issuer may write in place of what a policy expects.
HOSTILE: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "1.0": 1.0,
    "large": 10**400,
    "empty": "",
    "text": "true",
    "array": [],
    "array of objects": [{"name": "editor"}],
    "nested array": [["editor"]],
    "object": {},
    "object of roles": {"editor": True},
    "deep": {"roles": {"roles": {"roles": {}}}},
}
PATHS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "name": ("roles", ("roles",)),
    "dots": ("realm_access.roles", ("realm_access", "roles")),
    "three": ("resource_access.api.roles", ("resource_access", "api", "roles")),
    "URL": (URL, (URL,)),
    "URN": ("urn:example:v1.2:roles", ("urn:example:v1.2:roles",)),
    "path-like": ("example.com/roles", ("example.com/roles",)),
    "tuple": (("realm_access", "roles"), ("realm_access", "roles")),
    "a tuple of one with dots": (("example.com",), ("example.com",)),
    "a tuple with a URL": ((URL, "a.b"), (URL, "a.b")),
}


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return claims that have a value at a path."""
    for name in reversed(path):
        value = {name: value}
    found: dict[str, Any] = value
    return found


@pytest.mark.parametrize(("at", "path"), PATHS.values(), ids=PATHS)
def test_where_a_claim_is(at: Any, path: tuple[str, ...]) -> None:
    """Dots separate the names of a path, unless it is a URL or URN. A tuple is literal."""
    found = claims_of(nested(path, "editor"))

    assert verdict(Role("editor", at=at), found) is SATISFIED
    assert verdict(Role("owner", at=at), found) is REFUSED
    assert verdict(ClaimEquals(at, "editor"), found) is SATISFIED
    assert verdict(ClaimAbsent(at), found) is REFUSED
    assert verdict(ClaimAbsent(at), claims_of({})) is SATISFIED
    assert (
        Role("editor", at=at).at == ClaimEquals(at, "editor").claim == ClaimAbsent(at).claim == path
    )


def test_a_dotted_name_is_not_searched_as_one_claim() -> None:
    """``"a.b"`` means b in a, even if the token has a claim with the name ``a.b``."""
    assert verdict(Role("editor", at="a.b"), claims_of({"a.b": "editor"})) is UNKNOWN
    assert verdict(Role("editor", at=("a.b",)), claims_of({"a.b": "editor"})) is SATISFIED


@pytest.mark.parametrize(
    "at", ["", ".", "a.", ".a", "a..b", (), ("a", ""), ("a", 1), None, 1, ["a"]]
)
@pytest.mark.parametrize(
    "make",
    [lambda at: Role("editor", at=at), lambda at: ClaimEquals(at, 1), ClaimAbsent],
    ids=["Role", "ClaimEquals", "ClaimAbsent"],
)
def test_a_wrong_path_is_refused(make: Any, at: Any) -> None:
    """A path has one or several non-empty names."""
    with pytest.raises(ConfigurationError, match="path"):
        make(at)


ROLES: dict[str, tuple[Any, Verdict]] = {
    "array": (["viewer", "editor"], SATISFIED),
    "string": ("editor", SATISFIED),
    "beside other types": ([None, 1, {}, "editor"], SATISFIED),
    "others": (["viewer"], REFUSED),
    "none": ([], REFUSED),
    "another case": ("Editor", REFUSED),
    "a part of a string": ("editor viewer", REFUSED),
    "a longer word": (["editors"], REFUSED),
    "others beside other types": (["viewer", None], UNKNOWN),
}


@pytest.mark.parametrize(("value", "expected"), ROLES.values(), ids=ROLES)
@pytest.mark.parametrize("at", ["roles", "realm_access.roles"])
def test_the_verdict_about_roles(at: str, value: Any, expected: Verdict) -> None:
    """A role is a whole string in an array, or the only string."""
    found = claims_of(nested(tuple(at.split(".")), value))

    assert verdict(Role("editor", at=at), found) is expected


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_role_is_not_found_in_other_types(value: Any) -> None:
    """No other type has the role, also where an object of the path is expected."""
    for found in ({"roles": value}, {"realm": {"roles": value}}, {"realm": value}):
        for role in (Role("editor"), Role("editor", at="realm.roles")):
            assert verdict(role, claims_of(found)) is not SATISFIED
            readable = value in ([], "", "true")
            assert readable or verdict(~role, claims_of(found)) is not SATISFIED


@pytest.mark.parametrize("expected", ["true", "", 1, 0, 1.0, 0.5, True, False], ids=repr)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_value_of_another_type_is_unknown(expected: Any, value: Any) -> None:
    """True, 1, 1.0 and "true" are four values. A claim of another type satisfies no negation either."""
    found = claims_of({"claim": value})
    equal = type(value) is type(expected) and value == expected
    same_type = type(value) is type(expected)

    assert verdict(ClaimEquals("claim", expected), found) is (
        SATISFIED if equal else REFUSED if same_type else UNKNOWN
    )
    assert (verdict(~ClaimEquals("claim", expected), found) is SATISFIED) is (
        same_type and not equal
    )


@pytest.mark.parametrize(
    "value", [None, [], ["a"], {}, object(), b"a", 1j], ids=lambda it: type(it).__name__
)
def test_claim_equals_takes_scalars(value: Any) -> None:
    """A value that isn't a string, a number or a bool is an error that names ``Role``."""
    with pytest.raises(ConfigurationError, match=r"use Role\(…, at=…\)"):
        ClaimEquals("claim", value)


@pytest.mark.parametrize("role", ["", None, 1, ["editor"]], ids=repr)
def test_a_role_is_a_string(role: Any) -> None:
    """An empty role or another type is an error."""
    with pytest.raises(ConfigurationError, match="Role takes non-empty strings"):
        Role(role)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_any_value_is_a_claim_that_is_there(value: Any) -> None:
    """``ClaimAbsent`` refuses a claim with any value, also null. Its negation accepts it."""
    found = claims_of({"act": value, "outer": {"act": value}})

    for absent in (ClaimAbsent("act"), ClaimAbsent("outer.act")):
        assert verdict(absent, found) is REFUSED
        assert verdict(~absent, found) is SATISFIED


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, SATISFIED),
        ({"outer": {}}, SATISFIED),
        ({"outer": {"other": 1}}, SATISFIED),
        ({"outer": {"act": None}}, REFUSED),
        ({"outer": None}, UNKNOWN),
        ({"outer": "act"}, UNKNOWN),
        ({"outer": ["act"]}, UNKNOWN),
    ],
    ids=str,
)
def test_a_claim_is_absent_with_the_object_around_it(found: Any, expected: Verdict) -> None:
    """A claim is absent if the object around it is. If that isn't an object, the verdict is unknown."""
    assert verdict(ClaimAbsent("outer.act"), claims_of(found)) is expected


def test_a_longer_path_through_another_type_is_unknown() -> None:
    """What isn't an object has no members to be absent."""
    assert verdict(ClaimAbsent("a.b.c"), claims_of({"a": 1})) is UNKNOWN
    assert verdict(ClaimAbsent("a.b.c"), claims_of({"a": {}})) is SATISFIED


POLICIES: dict[str, Policy] = {
    "Role": Role("editor", at="realm.roles"),
    "not Role": ~Role("editor", at="realm.roles"),
    "ClaimEquals": ClaimEquals("realm.roles", "editor"),
    "not ClaimEquals": ~ClaimEquals("realm.roles", "editor"),
    "ClaimAbsent": ClaimAbsent("realm.roles") & Role("editor"),
    "not ClaimAbsent": ~ClaimAbsent("realm.roles.deeper"),
}


@pytest.mark.parametrize("required", POLICIES.values(), ids=POLICIES)
def test_no_token_of_the_issuer_causes_a_500(
    app: Flask, issuer: TokenIssuer, required: Policy
) -> None:
    """Whatever is at the path, or in place of the objects around it, the request is refused with 403."""
    auth = Authenticator(keys=issuer.verification_key)
    app.add_url_rule("/", "it", auth.requires_authentication(rules=[required])(lambda: "in"))
    client = app.test_client()
    values = [each for each in HOSTILE.values() if each not in ([], "", "true")]

    for realm in ({}, {"roles": {}}, *values, *({"roles": value} for value in values)):
        response = client.get("/", headers=bearer(issuer.token(realm=realm)))
        assert response.status_code == 403, realm
        assert "WWW-Authenticate" not in response.headers


def test_a_claim_whose_name_has_dots_is_not_absent() -> None:
    """``ClaimAbsent`` refuses a token that has the path itself as a claim's name."""
    for claims in ({"kubernetes.io": 1}, {"kubernetes": {"io": 1}}):
        assert verdict(ClaimAbsent("kubernetes.io"), claims_of(claims)) is REFUSED
