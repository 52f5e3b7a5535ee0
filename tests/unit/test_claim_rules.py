from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from flask_jwtlib import (
    Audience,
    AuthenticationError,
    ClaimError,
    ClaimRule,
    Claims,
    ConfigurationError,
    ExpiredTokenError,
    Expiry,
    InsufficientScopeError,
    IssuedAt,
    Issuer,
    MissingClaimError,
    NotBefore,
    RequiredClaims,
    Scope,
    Subject,
    TokenType,
)
from flask_jwtlib.claim_rules import ClaimTypes
from flask_jwtlib.errors import UnacceptedAudienceError
from flask_jwtlib.judgement import as_rules, judge_claims

NOW = 1_700_000_000


def claims(header: dict[str, Any] | None = None, /, **members: Any) -> Claims:
    """Make claims that are judged at NOW."""
    return Claims(members, checked_at=NOW, header=header or {})


def accepts(rule: ClaimRule, found: Claims) -> bool:
    """Whether a rule lets claims pass; it refuses by an AuthenticationError alone."""
    try:
        judge_claims(found, [rule])
    except AuthenticationError:
        return False
    return True


NO_NUMBERS = [
    pytest.param("1700000000", id="string"),
    pytest.param(True, id="true"),
    pytest.param(False, id="false"),
    pytest.param(None, id="null"),
    pytest.param([NOW], id="array"),
    pytest.param({"time": NOW}, id="object"),
    pytest.param("", id="empty string"),
]
OUT_OF_RANGE = [
    pytest.param(2**53 + 1, id="2**53 + 1"),
    pytest.param(-(2**53) - 1, id="-2**53 - 1"),
    pytest.param(10**400, id="10**400"),
    pytest.param(-(10**400), id="-10**400"),
    pytest.param(1e300, id="1e300"),
    pytest.param(math.inf, id="infinity"),
    pytest.param(-math.inf, id="-infinity"),
    pytest.param(math.nan, id="NaN"),
]
TIME_RULES = [
    pytest.param("exp", Expiry(), id="Expiry"),
    pytest.param("nbf", NotBefore(), id="NotBefore"),
    pytest.param("iat", IssuedAt(), id="IssuedAt"),
    pytest.param("iat", ClaimTypes(), id="ClaimTypes"),
]


@pytest.mark.parametrize(("claim", "rule"), TIME_RULES)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_date_is_a_number(claim: str, rule: ClaimRule, value: Any) -> None:
    """RFC 7519 §2: a NumericDate is a JSON number; a string or a bool is none, nor is null."""
    with pytest.raises(ClaimError, match=f"{claim} is not a number") as refusal:
        judge_claims(claims(**{claim: value}), [rule])
    assert refusal.value.claim == claim


@pytest.mark.parametrize(("claim", "rule"), TIME_RULES)
@pytest.mark.parametrize("value", OUT_OF_RANGE)
def test_a_date_is_finite(claim: str, rule: ClaimRule, value: Any) -> None:
    """A number that is no date refuses the token: huge, infinite, and NaN, which is never past."""
    with pytest.raises(ClaimError, match=f"{claim} is out of range"):
        judge_claims(claims(**{claim: value}), [rule])


@pytest.mark.parametrize(
    ("exp", "leeway", "accepted"),
    [
        pytest.param(NOW + 1, 0, True, id="later"),
        pytest.param(NOW, 0, False, id="now"),
        pytest.param(NOW - 1, 0, False, id="earlier"),
        pytest.param(NOW + 0.25, 0, True, id="a fraction later"),
        pytest.param(NOW - 0.25, 0, False, id="a fraction earlier"),
        pytest.param(NOW - 9, 10, True, id="within the leeway"),
        pytest.param(NOW - 10, 10, False, id="at the leeway"),
        pytest.param(NOW - 11, 10, False, id="beyond the leeway"),
        pytest.param(0, 0, False, id="epoch"),
        pytest.param(-5, 0, False, id="negative"),
        pytest.param(2**53, 0, True, id="farthest"),
        pytest.param(-(2**53), 0, False, id="most negative"),
    ],
)
def test_expiry(exp: float, leeway: float, accepted: bool) -> None:
    """RFC 7519 §4.1.4: refused at exp <= now - leeway."""
    assert accepts(Expiry(leeway), claims(exp=exp)) is accepted


def test_expiry_says_how_long_ago() -> None:
    """The log tells for how long the token is expired; the error is of its own kind."""
    with pytest.raises(ExpiredTokenError, match="expired 60 s ago") as refusal:
        Expiry()(claims(exp=NOW - 60))
    assert refusal.value.claim == "exp"


def test_expiry_of_a_token_without_exp() -> None:
    """A token without exp never expires, unless exp is required."""
    assert accepts(Expiry(), claims())
    with pytest.raises(MissingClaimError) as refusal:
        Expiry(required=True)(claims())
    assert refusal.value.claim == "exp"
    assert accepts(Expiry(required=True), claims(exp=NOW + 1))


@pytest.mark.parametrize(
    ("nbf", "leeway", "accepted"),
    [
        pytest.param(NOW - 1, 0, True, id="earlier"),
        pytest.param(NOW, 0, True, id="now"),
        pytest.param(NOW + 1, 0, False, id="later"),
        pytest.param(NOW + 0.25, 0, False, id="a fraction later"),
        pytest.param(NOW + 9, 10, True, id="within the leeway"),
        pytest.param(NOW + 10, 10, True, id="at the leeway"),
        pytest.param(NOW + 11, 10, False, id="beyond the leeway"),
        pytest.param(-5, 0, True, id="negative"),
    ],
)
def test_not_before(nbf: float, leeway: float, accepted: bool) -> None:
    """RFC 7519 §4.1.5: refused while nbf > now + leeway."""
    assert accepts(NotBefore(leeway), claims(nbf=nbf)) is accepted


def test_not_before_says_when() -> None:
    """The log tells when the token becomes valid; a token without nbf is valid already."""
    with pytest.raises(ClaimError, match="valid only in 60 s") as refusal:
        NotBefore()(claims(nbf=NOW + 60))
    assert refusal.value.claim == "nbf"
    assert refusal.value.description == "The access token is not valid yet"
    assert accepts(NotBefore(), claims())


@pytest.mark.parametrize(
    ("iat", "max_age", "leeway", "accepted"),
    [
        pytest.param(NOW, None, 0, True, id="now"),
        pytest.param(NOW + 1, None, 0, False, id="future"),
        pytest.param(NOW + 10, None, 10, True, id="future at the leeway"),
        pytest.param(NOW + 11, None, 10, False, id="future beyond the leeway"),
        pytest.param(0, None, 0, True, id="any age"),
        pytest.param(NOW - 60, 60, 0, True, id="at the age"),
        pytest.param(NOW - 61, 60, 0, False, id="too old"),
        pytest.param(NOW - 70, 60, 10, True, id="at age and leeway"),
        pytest.param(NOW - 71, 60, 10, False, id="beyond age and leeway"),
        pytest.param(NOW, 0, 0, True, id="age 0, now"),
        pytest.param(NOW - 1, 0, 0, False, id="age 0, before"),
    ],
)
def test_issued_at(iat: float, max_age: float | None, leeway: float, accepted: bool) -> None:
    """RFC 7519 §4.1.6: refused from the future, and beyond an age if one is set."""
    assert accepts(IssuedAt(max_age, leeway=leeway), claims(iat=iat)) is accepted


def test_issued_at_tells_why() -> None:
    """Future and age are told apart; a token without iat has no age to be judged by."""
    with pytest.raises(ClaimError, match="issued in the future") as refusal:
        IssuedAt()(claims(iat=NOW + 1))
    assert refusal.value.description == "The access token is not valid yet"
    with pytest.raises(ClaimError, match="issued more than 60 s ago") as refusal:
        IssuedAt(60)(claims(iat=NOW - 100))
    assert refusal.value.description == "The access token is too old"
    assert accepts(IssuedAt(), claims())
    with pytest.raises(MissingClaimError):
        IssuedAt(60)(claims())


NO_SECONDS = [
    pytest.param(math.nan, id="NaN"),
    pytest.param(math.inf, id="infinity"),
    pytest.param(-1, id="negative"),
    pytest.param("10", id="string"),
    pytest.param(True, id="bool"),
]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(Expiry, id="Expiry"),
        pytest.param(NotBefore, id="NotBefore"),
        pytest.param(lambda value: IssuedAt(leeway=value), id="IssuedAt leeway"),
        pytest.param(IssuedAt, id="IssuedAt max_age"),
    ],
)
@pytest.mark.parametrize("value", NO_SECONDS)
def test_a_leeway_that_is_no_duration_is_refused_when_made(
    make: Callable[[Any], Any], value: Any
) -> None:
    """With NaN or infinity as leeway no token would ever expire: such a rule can't be made."""
    with pytest.raises(ConfigurationError):
        make(value)


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
    """RFC 7519 §4.1.1: iss equals one of the issuers, letter for letter."""
    assert accepts(Issuer("https://a.example", "https://b.example/"), claims(iss=iss)) is accepted


def test_issuer_is_required_and_named() -> None:
    """Without iss a token is refused; with another, the log names both, and the wire none."""
    with pytest.raises(MissingClaimError):
        Issuer("https://a.example")(claims())
    with pytest.raises(ClaimError, match=r"iss is 'https://e'.*'https://a.example'") as refusal:
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
    """RFC 7519 §4.1.3: one of the values of aud is ours."""
    assert accepts(Audience("me", "myself"), claims(aud=aud)) is accepted


def test_audience_is_required_where_one_is_ours() -> None:
    """With an audience configured, a token without aud is refused."""
    with pytest.raises(MissingClaimError):
        Audience("me")(claims())


@pytest.mark.parametrize("aud", ["me", ["me"], [], "", None, 5])
def test_without_an_audience_of_ours_no_audience_passes(aud: Any) -> None:
    """RFC 7519 §4.1.3: where none is ours, a token that names one is refused."""
    with pytest.raises(UnacceptedAudienceError, match="JWT_AUDIENCE") as refusal:
        Audience()(claims(aud=aud))
    assert refusal.value.claim == "aud"
    assert accepts(Audience(), claims())


def test_audience_refusals_read_the_same_on_the_wire() -> None:
    """A stranger does not learn whether an audience is configured."""
    with pytest.raises(ClaimError) as configured:
        Audience("me")(claims(aud="you"))
    with pytest.raises(ClaimError) as unconfigured:
        Audience()(claims(aud="you"))
    assert configured.value.description == unconfigured.value.description
    assert "'you'" in str(configured.value)
    assert "'me'" in str(configured.value)


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
    """RFC 7519 §4.1.2: sub is one of those named, case and all."""
    assert accepts(Subject("alice", "bob"), claims(sub=sub)) is accepted


def test_subject_is_required() -> None:
    """A token without sub has no subject; the error names the claim."""
    with pytest.raises(MissingClaimError):
        Subject("alice")(claims())
    with pytest.raises(ClaimError) as refusal:
        Subject("alice")(claims(sub="eve"))
    assert refusal.value.claim == "sub"


def test_required_claims() -> None:
    """Each of the claims is there, and not null; the one that is not is named."""
    rule = RequiredClaims("sub", "jti")

    assert accepts(rule, claims(sub="", jti=0))
    for found in (claims(sub="alice"), claims(sub="alice", jti=None)):
        with pytest.raises(MissingClaimError) as refusal:
            rule(found)
        assert refusal.value.claim == "jti"


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


def test_a_claim_is_no_token_type() -> None:
    """The type is the header's: a claim of that name counts for nothing, and no header is no type."""
    with pytest.raises(ClaimError) as refusal:
        TokenType("at+jwt")(claims(typ="at+jwt"))
    assert refusal.value.claim == "typ"
    assert "None" in str(refusal.value)


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
    """RFC 6750 §3.1: all of the scopes are granted."""
    assert accepts(rule, claims(scope=scope)) is accepted


def test_a_missing_scope_names_all_that_are_needed() -> None:
    """The challenge shows what the route needs, not what is lacking alone."""
    with pytest.raises(InsufficientScopeError) as refusal:
        Scope("read", "write")(claims(scope="read"))
    assert refusal.value.scope == "read write"
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
    """RFC 7519 §4.1: registered claims have the type that the RFC gives them."""
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
    """Absent claims, and present ones of the right type, pass."""
    assert accepts(ClaimTypes(), claims(**found))


@pytest.mark.parametrize(
    "rule",
    [Issuer, Audience, Subject, RequiredClaims, TokenType, Scope],
    ids=lambda rule: rule.__name__,
)
@pytest.mark.parametrize("value", ["", None, 5, ["a"], b"a", True], ids=repr)
def test_rules_take_non_empty_strings(rule: Any, value: Any) -> None:
    """What a rule is given must be text: a list in place of a string is a mistake, found at once."""
    with pytest.raises(ConfigurationError, match="non-empty strings"):
        rule("good", value)


@pytest.mark.parametrize(
    "rule", [Issuer, Subject, TokenType, Scope, RequiredClaims], ids=lambda rule: rule.__name__
)
def test_rules_that_need_something_to_compare_with(rule: Any) -> None:
    """A rule that would check nothing can't be made."""
    with pytest.raises(ConfigurationError):
        rule()


def test_a_scope_of_spaces_is_no_scope() -> None:
    """A scope that has no word in it would permit everything: it can't be made."""
    with pytest.raises(ConfigurationError):
        Scope(" ")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Audience("me"), id="Audience"),
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
    """A rule shows what it is, equals its like, and can't be changed."""
    rule = make()

    assert repr(rule).startswith(type(rule).__name__)
    assert rule == make()
    assert hash(rule) == hash(make())
    with pytest.raises(FrozenInstanceError):
        rule.accepted = ("everybody",)


@pytest.mark.parametrize("answer", [None, True])
def test_a_rule_accepts_by_none_or_true(answer: bool | None) -> None:
    """Both ways of writing a rule, a check that returns and a check that raises, accept."""
    judge_claims(claims(), [lambda claims: answer])


@pytest.mark.parametrize("answer", [False, 0, 1, "", "yes", [], [1], {}, object()], ids=repr)
def test_a_rule_accepts_by_nothing_else(answer: Any) -> None:
    """False refuses, and so does any answer that may be a slip of its author."""
    with pytest.raises(ClaimError):
        judge_claims(claims(), [lambda claims: answer])


def test_a_refusing_rule_is_named() -> None:
    """The error tells by name which rule refused, be it a function or an object."""

    def tenant_is_ours(claims: Claims) -> bool:
        return False

    class TenantRule:
        def __call__(self, claims: Claims) -> bool:
            return False

    for rule, name in ((tenant_is_ours, "tenant_is_ours"), (TenantRule(), "TenantRule")):
        with pytest.raises(ClaimError, match=name) as refusal:
            judge_claims(claims(), [rule])
        assert refusal.value.claim == name


def test_a_rules_odd_answer_does_not_flood_the_log() -> None:
    """A rule that answers the claims by mistake does not write them all into the log."""

    def odd(claims: Claims) -> Any:
        return claims

    with pytest.raises(ClaimError) as refusal:
        judge_claims(claims(sub="alice", photo="x" * 10_000), [odd])
    assert len(str(refusal.value)) < 500


def test_rules_are_tried_in_order() -> None:
    """The first rule that refuses decides; those after it are not asked."""
    asked: list[str] = []

    def first(claims: Claims) -> None:
        asked.append("first")

    def second(claims: Claims) -> bool:
        asked.append("second")
        return False

    def third(claims: Claims) -> None:
        asked.append("third")

    with pytest.raises(ClaimError, match="second"):
        judge_claims(claims(), [first, second, third])
    assert asked == ["first", "second"]
    judge_claims(claims(), [])


def test_as_rules_answers_a_tuple() -> None:
    """Rules that are callables come back as they are, from any iterable."""
    rules: Any = (Expiry(), lambda claims: None)

    assert as_rules(rules) == as_rules(list(rules)) == as_rules(iter(rules)) == rules
    assert as_rules(()) == ()


@pytest.mark.parametrize("rule", [Expiry, "sub", None, 5, {"iss": "a"}], ids=repr)
def test_what_is_no_rule_is_refused(rule: Any) -> None:
    """A class that was not called, and anything that can't be called, is no rule."""
    with pytest.raises(ConfigurationError, match="a claim rule is a callable"):
        as_rules((Expiry(), rule))


@pytest.mark.parametrize("rules", [Expiry(), None, len], ids=["rule", "None", "function"])
def test_rules_come_in_a_list(rules: Any) -> None:
    """A rule without its list is a mistake that the message mends."""
    with pytest.raises(ConfigurationError, match=r"rules=\[…\]"):
        as_rules(rules)


def test_rules_hold_claims_of_any_kind_of_token() -> None:
    """The same rules judge what an introspected token says: claims without a header."""
    introspected = Claims(
        {"iss": "https://a.example", "aud": "me", "exp": NOW + 1, "scope": "read"}, checked_at=NOW
    )

    for rule in (Issuer("https://a.example"), Audience("me"), Expiry(), Scope("read")):
        assert accepts(rule, introspected)
