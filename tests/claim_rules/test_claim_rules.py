from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import Audience, Claims, ConfigurationError, Issuer, Scope
from flask_jwtlib.claim_rules import (
    AccessToken,
    ClaimRule,
    ClaimTypes,
    Client,
    Expiry,
    IssuedAt,
    MaxLifetime,
    NotBefore,
    RequiredClaims,
    Subject,
    TokenType,
    TokenUse,
    apply_rules,
    as_rules,
)
from flask_jwtlib.errors import (
    ClaimError,
    InsufficientScopeError,
    MissingClaimError,
    UnacceptedAudienceError,
)
from flask_jwtlib.log_text import error_text
from tests.kit import raises

from .kit import NOW, accepts, claims


@pytest.mark.parametrize(
    ("iss", "accepted"),
    [
        pytest.param("https://a.example", True, id="equal"),
        pytest.param("https://b.example/", True, id="the other"),
        pytest.param("https://a.example/", False, id="slash more"),
        pytest.param("https://b.example", False, id="slash less"),
        pytest.param("https://A.example", False, id="case"),
        pytest.param("https://a.example ", False, id="space"),
        pytest.param("https://a", False, id="prefix"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="null"),
        pytest.param(["https://a.example"], False, id="array"),
        pytest.param(True, False, id="bool"),
    ],
)
def test_issuer(iss: Any, accepted: bool) -> None:
    """RFC 7519 §4.1.1: iss must equal one of the issuers, case-sensitively."""
    assert accepts(Issuer("https://a.example", "https://b.example/"), claims(iss=iss)) is accepted


def test_issuer_is_required_and_named() -> None:
    """A token without iss or with another is refused; the log names both, the response neither."""
    with pytest.raises(MissingClaimError):
        Issuer("https://a.example")(claims())
    with raises(ClaimError, match=r"iss is 'https://e'.*'https://a.example'") as refusal:
        Issuer("https://a.example")(claims(iss="https://e"))
    assert refusal.value.claim == "iss"
    assert refusal.value.description == "The access token is from another issuer"


@pytest.mark.parametrize(
    ("aud", "accepted"),
    [
        pytest.param("me", True, id="ours"),
        pytest.param("myself", True, id="our other"),
        pytest.param(["you", "me"], True, id="among others"),
        pytest.param("you", False, id="another"),
        pytest.param(["you", "they"], False, id="others"),
        pytest.param("Me", False, id="case"),
        pytest.param("me you", False, id="string with a space"),
        pytest.param("m", False, id="prefix"),
        pytest.param("", False, id="empty"),
        pytest.param([], False, id="empty array"),
        pytest.param(None, False, id="null"),
        pytest.param(5, False, id="number"),
        pytest.param({"me": True}, False, id="object"),
        pytest.param([["me"]], False, id="nested array"),
    ],
)
def test_audience(aud: Any, accepted: bool) -> None:
    """RFC 7519 §4.1.3: one of the values of aud must be ours."""
    assert accepts(Audience("me", "myself"), claims(aud=aud)) is accepted


def test_audience_is_required_when_configured() -> None:
    """With an audience configured, a token without aud is refused."""
    with pytest.raises(MissingClaimError):
        Audience("me")(claims())


@pytest.mark.parametrize("aud", ["me", ["me"], [], "", None, 5])
def test_without_a_configured_audience_any_aud_is_refused(aud: Any) -> None:
    """RFC 7519 §4.1.3: a token with an aud is refused if no audience is configured."""
    with raises(UnacceptedAudienceError, match="JWT_AUDIENCE") as refusal:
        Audience()(claims(aud=aud))
    assert refusal.value.claim == "aud"
    assert accepts(Audience(), claims())


def test_audience_refusals_have_the_same_description() -> None:
    """The client doesn't learn whether an audience is configured."""
    with pytest.raises(ClaimError) as configured:
        Audience("me")(claims(aud="you"))
    with pytest.raises(ClaimError) as unconfigured:
        Audience()(claims(aud="you"))
    assert configured.value.description == unconfigured.value.description
    assert "'you'" in error_text(configured.value)
    assert "'me'" in error_text(configured.value)


@pytest.mark.parametrize(
    ("sub", "accepted"),
    [
        pytest.param("alice", True, id="named"),
        pytest.param("eve", False, id="another"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="null"),
        pytest.param(5, False, id="number"),
        pytest.param(["alice"], False, id="array"),
    ],
)
def test_subject(sub: Any, accepted: bool) -> None:
    """RFC 7519 §4.1.2: sub must equal one of the given subjects, case-sensitively."""
    assert accepts(Subject("alice", "bob"), claims(sub=sub)) is accepted


def test_subject_is_required() -> None:
    """A token without sub is refused, and the error names the claim."""
    with pytest.raises(MissingClaimError):
        Subject("alice")(claims())
    with pytest.raises(ClaimError) as refusal:
        Subject("alice")(claims(sub="eve"))
    assert refusal.value.claim == "sub"


def test_required_claims() -> None:
    """Each required claim must be present and not null; the error names the missing one."""
    rule = RequiredClaims("sub", "jti")

    assert accepts(rule, claims(sub="", jti=0))
    for found in (claims(sub="alice"), claims(sub="alice", jti=None)):
        with pytest.raises(MissingClaimError) as refusal:
            rule(found)
        assert refusal.value.claim == "jti"


@pytest.mark.parametrize("claim", ["azp", "appid", "client_id", "cid"])
@pytest.mark.parametrize(
    ("client", "accepted"),
    [
        pytest.param("spa", True, id="ours"),
        pytest.param("jobs", True, id="our other"),
        pytest.param("another", False, id="another"),
        pytest.param("SPA", False, id="case"),
        pytest.param("spa ", False, id="space"),
        pytest.param("sp", False, id="prefix"),
        pytest.param("spa jobs", False, id="both in one string"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="null"),
        pytest.param(["spa"], False, id="array"),
        pytest.param({"spa": True}, False, id="object"),
        pytest.param(5, False, id="number"),
        pytest.param(True, False, id="bool"),
    ],
)
def test_client(claim: str, client: Any, accepted: bool) -> None:
    """Each claim that names the client is compared case-sensitively."""
    assert accepts(Client("spa", "jobs"), claims(**{claim: client})) is accepted


CLIENTS = ["spa", "jobs", "another", "", None, ["spa"], 5]


@given(
    st.dictionaries(
        st.sampled_from(["azp", "appid", "client_id", "cid", "clientId", "aud", "sub"]),
        st.sampled_from(CLIENTS),
    )
)
def test_every_client_claim_must_be_accepted(members: dict[str, Any]) -> None:
    """If several claims name the client, each must be accepted; without any, the token is refused."""
    named = [members[name] for name in ("azp", "appid", "client_id", "cid") if name in members]
    expected = bool(named) and all(client in ["spa", "jobs"] for client in named)
    assert accepts(Client("spa", "jobs"), claims(**members)) is expected


def test_a_refused_client_is_named() -> None:
    """The log names the claim, the client and the accepted ones; the response names none of them."""
    with raises(ClaimError, match="cid is 'another', expected 'spa' or 'jobs'") as refusal:
        Client("spa", "jobs")(claims(azp="spa", cid="another"))
    assert refusal.value.claim == "cid"
    assert refusal.value.description == "The access token was issued to another client"
    with raises(MissingClaimError, match="azp, appid, client_id, cid are all missing"):
        Client("spa")(claims(aud="spa", sub="spa"))


@given(st.integers())
def test_a_numeric_subject_becomes_text(number: int) -> None:
    """Refused by default (RFC 7519 §4.1.2); with the option a whole number becomes decimal text."""
    with raises(ClaimError, match=r"sub is not a string but a number.*numeric_subject=True"):
        ClaimTypes()(claims(sub=number))
    found = claims(sub=number)
    for _ in range(2):
        ClaimTypes(numeric_subject=True)(found)
        assert found.subject == found["sub"] == str(number)


@pytest.mark.parametrize("sub", [True, False, 42.0, 1e3, None, [42], {"id": 42}], ids=repr)
def test_only_a_whole_number_becomes_a_subject(sub: Any) -> None:
    """Booleans, fractions, null and structures are refused as subjects, even with the option."""
    with raises(ClaimError, match="sub is not a string") as refusal:
        ClaimTypes(numeric_subject=True)(claims(sub=sub))
    assert refusal.value.claim == "sub"


@pytest.mark.parametrize("claim", ["iss", "jti"])
def test_the_option_for_numbers_applies_only_to_the_subject(claim: str) -> None:
    """The option doesn't change other claims."""
    with raises(ClaimError, match=f"{claim} is not a string"):
        ClaimTypes(numeric_subject=True)(claims(sub=42, **{claim: 42}))


@pytest.mark.parametrize("value", [1, 0, None, "yes"], ids=repr)
def test_the_option_for_numeric_subjects_is_a_bool(value: Any) -> None:
    """Anything but True and False raises at once."""
    with pytest.raises(ConfigurationError, match=r"numeric_subject is .*, expected True or False"):
        ClaimTypes(numeric_subject=value)


@pytest.mark.parametrize(
    ("scope", "accepted"),
    [
        pytest.param("read write", True, id="both"),
        pytest.param("write admin read", True, id="more"),
        pytest.param("read", False, id="one"),
        pytest.param("", False, id="none"),
        pytest.param("readwrite", False, id="joined"),
        pytest.param("READ WRITE", False, id="case"),
        pytest.param(["read", "write"], True, id="array"),
        pytest.param(None, False, id="null"),
        pytest.param(True, False, id="true"),
        pytest.param({"read": 1, "write": 1}, False, id="object"),
    ],
)
@pytest.mark.parametrize("rule", [Scope("read", "write"), Scope("read write")], ids=["two", "one"])
def test_scope(rule: Scope, scope: Any, accepted: bool) -> None:
    """RFC 6750 §3.1: all of the scopes must be granted."""
    assert accepts(rule, claims(scope=scope)) is accepted


def test_a_refusal_names_the_missing_scopes() -> None:
    """The refusal says which scopes the token lacks, without those that it has."""
    with pytest.raises(InsufficientScopeError) as refusal:
        Scope("read", "write")(claims(scope="read"))
    assert refusal.value.scope == "write"
    with pytest.raises(InsufficientScopeError):
        Scope("read")(claims())


@pytest.mark.parametrize(
    ("found", "claim"),
    [
        pytest.param({"iss": 5}, "iss", id="iss number"),
        pytest.param({"iss": None}, "iss", id="iss null"),
        pytest.param({"iss": ["i"]}, "iss", id="iss array"),
        pytest.param({"sub": 5}, "sub", id="sub number"),
        pytest.param({"sub": None}, "sub", id="sub null"),
        pytest.param({"sub": {"id": 1}}, "sub", id="sub object"),
        pytest.param({"jti": 5}, "jti", id="jti number"),
        pytest.param({"aud": 5}, "aud", id="aud number"),
        pytest.param({"aud": None}, "aud", id="aud null"),
        pytest.param({"aud": {"me": 1}}, "aud", id="aud object"),
        pytest.param({"aud": ["me", 5]}, "aud", id="aud mixed array"),
        pytest.param({"aud": ["me", None]}, "aud", id="aud array with null"),
        pytest.param({"aud": [["me"]]}, "aud", id="aud nested array"),
        pytest.param({"iat": "now"}, "iat", id="iat string"),
    ],
)
def test_registered_claims_of_a_wrong_type_are_refused(found: dict[str, Any], claim: str) -> None:
    """RFC 7519 §4.1: registered claims must have the types that the RFC defines."""
    with pytest.raises(ClaimError) as refusal:
        ClaimTypes()(claims(**found))
    assert refusal.value.claim == claim


@pytest.mark.parametrize(
    "found",
    [
        pytest.param({}, id="none"),
        pytest.param({"iss": "i", "sub": "s", "jti": "j", "aud": "a", "iat": 5}, id="all"),
        pytest.param({"aud": ["a", "b"]}, id="aud array"),
        pytest.param({"aud": []}, id="aud empty array"),
        pytest.param({"iss": "", "sub": "", "jti": "", "aud": ""}, id="empty"),
        pytest.param({"iat": 5.5, "tenant": 5, "exp": None}, id="others are not its concern"),
    ],
)
def test_registered_claims_of_the_right_type_pass(found: dict[str, Any]) -> None:
    """Absent claims and claims of the right type pass."""
    assert accepts(ClaimTypes(), claims(**found))


@pytest.mark.parametrize(
    "rule",
    [Issuer, Audience, Client, Subject, RequiredClaims, TokenType, TokenUse, Scope],
    ids=lambda rule: rule.__name__,
)
@pytest.mark.parametrize("value", ["", None, 5, ["a"], b"a", True], ids=repr)
def test_rules_take_non_empty_strings(rule: Any, value: Any) -> None:
    """A rule's argument must be text: a list in place of a string raises at once."""
    with pytest.raises(ConfigurationError, match="non-empty strings"):
        rule("good", value)


@pytest.mark.parametrize(
    "rule",
    [Issuer, Client, Subject, TokenType, TokenUse, Scope, RequiredClaims],
    ids=lambda rule: rule.__name__,
)
def test_rules_that_need_something_to_compare_with(rule: Any) -> None:
    """A rule that would check nothing can't be made."""
    with pytest.raises(ConfigurationError, match="expected at least one"):
        rule()


def test_a_blank_scope_is_refused() -> None:
    """A scope without a word would permit everything, so it can't be made."""
    with pytest.raises(ConfigurationError):
        Scope(" ")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: AccessToken(types=["service+jwt"]), id="AccessToken"),
        pytest.param(lambda: Audience("me"), id="Audience"),
        pytest.param(lambda: Client("spa"), id="Client"),
        pytest.param(lambda: MaxLifetime(60), id="MaxLifetime"),
        pytest.param(lambda: TokenUse("access"), id="TokenUse"),
        pytest.param(ClaimTypes, id="ClaimTypes"),
        pytest.param(lambda: Expiry(5, required=True), id="Expiry"),
        pytest.param(lambda: IssuedAt(60, leeway=5), id="IssuedAt"),
        pytest.param(lambda: Issuer("https://a.example"), id="Issuer"),
        pytest.param(lambda: NotBefore(5), id="NotBefore"),
        pytest.param(lambda: RequiredClaims("sub"), id="RequiredClaims"),
        pytest.param(lambda: Scope("read"), id="Scope"),
        pytest.param(lambda: Subject("alice"), id="Subject"),
        pytest.param(lambda: TokenType("at+jwt"), id="TokenType"),
    ],
)
def test_rules_are_values(make: Callable[[], Any]) -> None:
    """A rule has a repr, equals a rule with the same options, and can't be changed."""
    rule = make()

    assert repr(rule).startswith(type(rule).__name__)
    assert rule == make()
    assert hash(rule) == hash(make())
    with pytest.raises(FrozenInstanceError):
        rule.accepted = ("everybody",)


@pytest.mark.parametrize("returned", [None, True])
def test_a_rule_accepts_by_none_or_true(returned: bool | None) -> None:
    """A rule accepts by returning None or True."""
    apply_rules(claims(), [lambda claims: returned])


@pytest.mark.parametrize("returned", [False, 0, 1, "", "yes", [], [1], {}, ...], ids=repr)
def test_a_rule_refuses_by_any_other_value(returned: Any) -> None:
    """False refuses, and so does any value that isn't True or None."""
    with pytest.raises(ClaimError):
        apply_rules(claims(), [lambda claims: returned])


def tenant_is_ours(claims: Claims) -> bool:
    """Refuse every token."""
    return False


class TenantRule:
    """A rule that is an object."""

    def __call__(self, claims: Claims) -> bool:
        return False


class OddlyNamedRule(TenantRule):
    """A rule whose name and repr are useless."""

    def __init__(self, name: Any) -> None:
        self.__name__ = name

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class SecretiveRule(TenantRule):
    """A rule whose attributes can't be read."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        pytest.param(tenant_is_ours, "tenant_is_ours", id="function"),
        pytest.param(lambda claims: False, "<lambda>", id="lambda"),
        pytest.param(TenantRule(), "TenantRule", id="object"),
        pytest.param(partial(tenant_is_ours), "partial", id="partial"),
        pytest.param(OddlyNamedRule("my rule"), "my rule", id="a name of its own"),
        pytest.param(OddlyNamedRule(5), "OddlyNamedRule", id="a number for a name"),
        pytest.param(OddlyNamedRule(""), "OddlyNamedRule", id="an empty name"),
        pytest.param(SecretiveRule(), "SecretiveRule", id="no name to be had"),
    ],
)
def test_the_error_names_the_refusing_rule(rule: ClaimRule, name: str) -> None:
    """The error names the rule that refused, be it a function or any object."""
    with raises(ClaimError, match=f"the rule '{name}' returned False") as refusal:
        apply_rules(claims(), [rule])
    assert refusal.value.claim == name


def test_a_rules_name_is_shortened_in_the_log() -> None:
    """A name is shown on one line and shortened."""
    with pytest.raises(ClaimError) as refusal:
        apply_rules(claims(), [OddlyNamedRule("a\nb" * 1000)])
    assert error_text(refusal.value).isprintable()
    assert len(error_text(refusal.value)) < 250


@pytest.mark.parametrize("returned", [0, "a secret", ["a secret"], {"a": "secret"}, ...], ids=repr)
def test_the_log_has_the_type_of_an_unexpected_return_value(returned: Any) -> None:
    """The value may be secret: the log has its type, and says what a rule may return."""
    with raises(ClaimError, match="expected None or True") as refusal:
        apply_rules(claims(), [lambda claims: returned])
    assert f"returned a value of type {type(returned).__name__}" in error_text(refusal.value)
    assert "secret" not in error_text(refusal.value)


def test_rules_run_in_order() -> None:
    """The first rule that refuses decides, and later rules don't run."""
    asked: list[str] = []

    def first(claims: Claims) -> None:
        asked.append("first")

    def second(claims: Claims) -> bool:
        asked.append("second")
        return False

    def third(claims: Claims) -> None:
        asked.append("third")

    with raises(ClaimError, match="second"):
        apply_rules(claims(), [first, second, third])
    assert asked == ["first", "second"]
    apply_rules(claims(), [])


def test_as_rules_returns_a_tuple() -> None:
    """Callable rules are returned unchanged, from any iterable."""
    rules: Any = (Expiry(), lambda claims: None)

    assert as_rules(rules) == as_rules(list(rules)) == as_rules(iter(rules)) == rules
    assert as_rules(()) == ()


def test_a_rule_class_is_refused() -> None:
    """The error for a rule class that wasn't called says how to make an instance."""
    with pytest.raises(ConfigurationError, match=r"expected an instance: Expiry\(…\)"):
        as_rules((NotBefore(), Expiry))


@pytest.mark.parametrize("rule", ["sub", None, 5, {"iss": "a"}], ids=repr)
def test_invalid_rules_are_refused(rule: Any) -> None:
    """Anything that isn't callable is refused."""
    with pytest.raises(ConfigurationError, match="a claim rule must be a callable"):
        as_rules((Expiry(), rule))


@pytest.mark.parametrize("rules", [Expiry(), None, len], ids=["rule", "None", "function"])
def test_rules_must_be_in_a_list(rules: Any) -> None:
    """The error for a single rule without a list says how to fix it."""
    with pytest.raises(ConfigurationError, match=r"rules=\[…\]"):
        as_rules(rules)


def test_rules_check_claims_of_any_token() -> None:
    """The same rules check an introspected token's claims, which have no header."""
    introspected = Claims(
        {"iss": "https://a.example", "aud": "me", "exp": NOW + 1, "scope": "read"}, checked_at=NOW
    )

    for rule in (Issuer("https://a.example"), Audience("me"), Expiry(), Scope("read")):
        assert accepts(rule, introspected)
