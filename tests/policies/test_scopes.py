"""``Scope`` and ``AnyScope``, and the hierarchy of scopes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import AppAuthenticator, Authenticator, ConfigurationError, current_principal
from flask_jwtlib.errors import InsufficientScopeError
from flask_jwtlib.policies import AnyScope, Policy, Scope, Verdict, closed_hierarchy
from flask_jwtlib.testing import TokenIssuer, bearer

from .kit import REFUSED, SATISFIED, UNKNOWN, claims, claims_of, verdict

HIERARCHY = {"admin": ["write", "audit"], "write": "read", "other": ()}

GRANTED: dict[str, tuple[dict[str, Any], Verdict]] = {
    "string": ({"scope": "read write"}, SATISFIED),
    "more": ({"scope": "x write y read"}, SATISFIED),
    "more spaces": ({"scope": " read  write "}, SATISFIED),
    "array": ({"scope": ["read", "write"]}, SATISFIED),
    "scp": ({"scp": ["read", "write"]}, SATISFIED),
    "scp string": ({"scp": "read write"}, SATISFIED),
    "one of both": ({"scope": "read"}, REFUSED),
    "another case": ({"scope": "READ write"}, REFUSED),
    "a longer word": ({"scope": "read writes"}, REFUSED),
    "a wildcard": ({"scope": "*"}, REFUSED),
    "empty": ({"scope": ""}, REFUSED),
    "empty array": ({"scope": []}, REFUSED),
    "commas": ({"scope": "read,write"}, REFUSED),
    "a tab": ({"scope": "read\twrite"}, UNKNOWN),
    "a non-breaking space": ({"scope": "read\u00a0write"}, UNKNOWN),
    "full-width letters": ({"scope": "\uff52ead write"}, REFUSED),
    "a zero-width space": ({"scope": "read\u200b write"}, REFUSED),
    "quotes": ({"scope": '"read" "write"'}, REFUSED),
    "words in an array": ({"scope": ["read write"]}, UNKNOWN),
    "scope before scp": ({"scope": "", "scp": "read write"}, REFUSED),
    "scope and not scp": ({"scope": "read write", "scp": ""}, SATISFIED),
    "null before scp": ({"scope": None, "scp": "read write"}, UNKNOWN),
    "absent": ({}, UNKNOWN),
    "null": ({"scope": None}, UNKNOWN),
    "true": ({"scope": True}, UNKNOWN),
    "number": ({"scope": 1}, UNKNOWN),
    "object": ({"scope": {"read": True, "write": True}}, UNKNOWN),
    "array of other types": ({"scope": ["read", 1, None]}, UNKNOWN),
    "array of objects": ({"scope": [{"read": 1}, {"write": 1}]}, UNKNOWN),
    "nested array": ({"scope": [["read", "write"]]}, UNKNOWN),
}


@pytest.mark.parametrize(("found", "expected"), GRANTED.values(), ids=GRANTED)
def test_the_verdict_about_scopes(found: dict[str, Any], expected: Verdict) -> None:
    """Scopes are whole words of ``scope`` or else ``scp``. If these can't be read, the verdict is unknown."""
    assert verdict(Scope("read", "write"), claims_of(found)) is expected
    assert verdict(AnyScope("write", "admin"), claims_of(found)) is (
        UNKNOWN
        if expected is UNKNOWN
        else SATISFIED
        if "write" in claims_of(found).scopes
        else REFUSED
    )


@pytest.mark.parametrize("expected", [UNKNOWN, REFUSED, SATISFIED], ids=str)
def test_a_negated_scope_is_satisfied_only_by_scopes_that_can_be_read(expected: Verdict) -> None:
    """``~Scope`` needs a token whose scopes are known. It refuses one without ``scope``."""
    for found, about in GRANTED.values():
        if about is expected:
            assert (verdict(~Scope("read", "write"), claims_of(found)) is SATISFIED) is (
                expected is REFUSED
            )


@pytest.mark.parametrize(
    ("policy", "found", "missing"),
    [
        (Scope("a", "b"), "", "a b"),
        (Scope("a b"), "b", "a"),
        (Scope("a", "b", advertise="api/a api/b"), "a", "api/a api/b"),
        (AnyScope("a", "b"), "", "a"),
        (AnyScope("a b", advertise="api/a"), "", "api/a"),
    ],
    ids=["both", "one of both", "advertised", "any", "any advertised"],
)
def test_a_refusal_names_what_to_ask_for(policy: Policy, found: str, missing: str) -> None:
    """The error names the missing scopes as clients ask for them, and the log all that the policy needs."""
    with pytest.raises(InsufficientScopeError) as refusal:
        policy(claims(scope=found))

    assert refusal.value.scope == missing
    assert refusal.value.log_message == f"required: {policy}"


@pytest.mark.parametrize(
    ("policy", "scopes"),
    [
        (Scope("a", "b c"), ("a", "b", "c")),
        (Scope("a", advertise="api/a"), ("api/a",)),
        (AnyScope("a", "b"), ("a",)),
        (AnyScope("a", "b", advertise="api/b"), ("api/b",)),
        (Scope("a") & Scope("b") & Scope("a"), ("a", "b")),
        (Scope("a") | Scope("b"), ("a",)),
        ((Scope("a") & Scope("b")) | Scope("c"), ("a", "b")),
        (~Scope("a"), ()),
        (~(~Scope("a") & Scope("b")), ()),
        (~~Scope("a"), ("a",)),
        (~Scope("a") & Scope("b"), ("b",)),
        (~Scope("a") | Scope("b"), ()),
    ],
    ids=str,
)
def test_what_is_advertised(policy: Policy, scopes: tuple[str, ...]) -> None:
    """An alternative advertises its first member, and a negation nothing."""
    assert policy.scopes == scopes


@pytest.mark.parametrize("kind", [Scope, AnyScope])
@pytest.mark.parametrize(
    "make",
    [
        lambda kind: kind(),
        lambda kind: kind(""),
        lambda kind: kind(" "),
        lambda kind: kind(1),
        lambda kind: kind(["a"]),
        lambda kind: kind("a", None),
        lambda kind: kind("a", advertise=""),
        lambda kind: kind("a", advertise=["b"]),
    ],
    ids=["none", "empty", "space", "number", "list", "None", "empty advertise", "list advertise"],
)
def test_wrong_scopes_are_refused(kind: Any, make: Callable[[Any], Any]) -> None:
    """A scope is a non-empty string. The error names the policy."""
    with pytest.raises(ConfigurationError, match=kind.__name__):
        make(kind)


@pytest.mark.parametrize(
    ("granted", "implied"),
    [
        ("admin", {"admin", "write", "audit", "read"}),
        ("write", {"write", "read"}),
        ("read", {"read"}),
        ("unknown other", {"unknown", "other"}),
        ("", set()),
    ],
)
def test_a_scope_implies_others(granted: str, implied: set[str]) -> None:
    """A scope implies others directly and by others, and none upwards."""
    found = claims_of({"scope": granted}, HIERARCHY)

    assert found.scopes == implied
    for scope in ("admin", "write", "audit", "read"):
        assert (verdict(Scope(scope), found) is SATISFIED) is (scope in implied)
        assert (verdict(~Scope(scope), found) is REFUSED) is (scope in implied)


def test_a_missing_scope_that_another_implies_is_not_named() -> None:
    """What the hierarchy grants is not missing."""
    with pytest.raises(InsufficientScopeError) as refusal:
        Scope("read", "audit")(claims_of({"scope": "write"}, HIERARCHY))

    assert refusal.value.scope == "audit"


@pytest.mark.parametrize(
    ("hierarchy", "text"),
    [
        ({"a": ["a"]}, "has a cycle: 'a' implies itself"),
        ({"a": "b", "b": "c", "c": "a"}, "has a cycle"),
        ({"a": "b", "b": ["c", "d"], "d": "b"}, "has a cycle: 'b' implies itself"),
        ({"a": ["b*"]}, "has 'b\\*', expected one scope without spaces and wildcards"),
        ({"*": ["a"]}, "has '\\*'"),
        ({"a": "b c"}, "has 'b c'"),
        ({"a b": "c"}, "has 'a b'"),
        ({"a": [""]}, "takes non-empty strings, not ''"),
        ({"a": [1]}, "takes non-empty strings, not 1"),
        ({1: ["a"]}, "takes non-empty strings, not 1"),
        ({"a": 1}, "\\['a'\\] is 1, expected a list of scopes"),
        ({"a": None}, "\\['a'\\] is None"),
        (None, "is None, expected a mapping such as"),
        (["a", "b"], "expected a mapping"),
        ("a", "expected a mapping"),
    ],
    ids=[
        *(
            "itself",
            "cycle",
            "cycle below",
            "wildcard",
            "only wildcard",
            "two words",
            "two words imply",
        ),
        *(
            "empty",
            "number in list",
            "number",
            "not a list",
            "None in it",
            "None",
            "list",
            "string",
        ),
    ],
)
def test_a_wrong_hierarchy_is_refused(hierarchy: Any, text: str) -> None:
    """Cycles, wildcards and other types are errors when the Authenticator is made."""
    with pytest.raises(ConfigurationError, match=f"scope_hierarchy.*{text}"):
        Authenticator(validator=NeverUsed(), scope_hierarchy=hierarchy)


class NeverUsed:
    """A validator for an Authenticator that isn't used."""

    def validate(self, token: Any, keys: Any) -> Any:
        raise NotImplementedError


def test_a_closed_hierarchy_stays_the_same() -> None:
    """An evolved Authenticator has the same hierarchy."""
    first = Authenticator(validator=NeverUsed(), scope_hierarchy=HIERARCHY)

    assert first.evolve(policies=[Scope("a")]).scope_hierarchy == first.scope_hierarchy
    assert first.scope_hierarchy == closed_hierarchy(HIERARCHY)
    assert first.scope_hierarchy["admin"] == {"write", "audit", "read"}


@pytest.mark.parametrize("copied", [copy, deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copied_claims_keep_the_hierarchy(copied: Callable[[Any], Any]) -> None:
    """Copies of claims, as a thread or a task gets them, have the same scopes."""
    assert copied(claims_of({"scope": "write"}, HIERARCHY)).scopes == {"write", "read"}


@pytest.mark.parametrize("late", [False, True], ids=["Authenticator", "AppAuthenticator"])
@pytest.mark.parametrize("scope", ["admin", "write", "read", "audit", ""])
def test_a_policy_called_in_a_view_agrees_with_the_decorator(
    app: Flask, issuer: TokenIssuer, scope: str, late: bool
) -> None:
    """The hierarchy travels with the claims."""
    composed = Authenticator(keys=issuer.verification_key, scope_hierarchy=HIERARCHY)
    auth: Any = AppAuthenticator(lambda _: composed) if late else composed
    if late:
        auth.init_app(app)

    @app.get("/decorated")
    @auth.requires_authentication(rules=[Scope("read") & ~Scope("audit")])
    def decorated() -> str:
        return "in"

    @app.get("/called")
    @auth.requires_authentication
    def called() -> str:
        (Scope("read") & ~Scope("audit"))(current_principal.claims)
        return "in"

    headers = bearer(issuer.token(scope=scope))
    one, other = (
        app.test_client().get(path, headers=headers) for path in ("/decorated", "/called")
    )
    assert one.status_code == other.status_code == (200 if scope in ("write", "read") else 403)
    assert one.text == other.text
    assert one.headers.get("WWW-Authenticate") == other.headers.get("WWW-Authenticate")


def test_verify_knows_the_hierarchy(issuer: TokenIssuer) -> None:
    """A token outside of a request has the implied scopes, too."""
    auth = Authenticator(
        keys=issuer.verification_key, scope_hierarchy=HIERARCHY, policies=[Scope("read")]
    )

    assert auth.verify(issuer.token(scope="write")).scopes == {"write", "read"}
    with pytest.raises(InsufficientScopeError):
        auth.verify(issuer.token(scope="audit"))


@pytest.mark.parametrize(
    "scopes",
    [
        pytest.param({"scope": ["a blocked"]}, id="two words in a member"),
        pytest.param({"scope": "a\tblocked"}, id="tab"),
        pytest.param({"scp": "a\nblocked"}, id="line break"),
    ],
)
def test_scopes_that_may_be_meant_as_several_are_unknown(scopes: dict[str, Any]) -> None:
    """White space within a scope makes it unknown which scopes the token has, so a negation refuses, too."""
    for each in (Scope("blocked"), ~Scope("blocked"), AnyScope("blocked"), ~AnyScope("blocked")):
        assert verdict(each, claims_of(scopes)) is not SATISFIED
