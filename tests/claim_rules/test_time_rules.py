"""Rules about exp, nbf and iat."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib import ConfigurationError
from flask_jwtlib.claim_rules import (
    ClaimRule,
    ClaimTypes,
    Expiry,
    IssuedAt,
    MaxLifetime,
    NotBefore,
    apply_rules,
)
from flask_jwtlib.errors import ClaimError, ExpiredTokenError, MissingClaimError
from flask_jwtlib.log_text import error_text
from tests.kit import raises

from .kit import NOW, accepts, claims

NO_NUMBERS = [
    pytest.param("1700000000", id="string"),
    pytest.param(True, id="true"),
    pytest.param(False, id="false"),
    pytest.param(None, id="null"),
    pytest.param([NOW], id="array"),
    pytest.param({"time": NOW}, id="object"),
    pytest.param("", id="empty string"),
]
NOT_FINITE = [
    pytest.param(10**400, id="10**400"),
    pytest.param(-(10**400), id="-10**400"),
    pytest.param(2**1024, id="2**1024"),
    pytest.param(math.inf, id="infinity"),
    pytest.param(-math.inf, id="-infinity"),
    pytest.param(math.nan, id="NaN"),
]
TIME_RULES = [
    pytest.param("exp", Expiry(), id="Expiry"),
    pytest.param("nbf", NotBefore(), id="NotBefore"),
    pytest.param("iat", IssuedAt(), id="IssuedAt"),
    pytest.param("iat", ClaimTypes(), id="ClaimTypes"),
    pytest.param("exp", MaxLifetime(60), id="MaxLifetime"),
]


@pytest.mark.parametrize(("claim", "rule"), TIME_RULES)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_date_must_be_a_number(claim: str, rule: ClaimRule, value: Any) -> None:
    """RFC 7519 §2: a NumericDate is a JSON number, not a string, a bool or null."""
    with raises(ClaimError, match=f"{claim} is not a number") as refusal:
        apply_rules(claims(**{claim: value}), [rule])
    assert refusal.value.claim == claim


@pytest.mark.parametrize(("claim", "rule"), TIME_RULES)
@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_date_must_be_finite(claim: str, rule: ClaimRule, value: Any) -> None:
    """A number beyond the range of floats, an infinity and NaN refuse the token, with a clear text."""
    with raises(ClaimError, match=f"{claim} is out of range: expected a finite") as refusal:
        apply_rules(claims(**{claim: value}), [rule])
    assert len(error_text(refusal.value)) < 100


FAR = [
    pytest.param(253402300799, id="year 9999"),
    pytest.param(NOW * 1000, id="milliseconds"),
    pytest.param(2**53 + 1, id="beyond exact floats"),
    pytest.param(9223372036854775, id="Long.MAX / 1000"),
    pytest.param(2**63 - 1, id="Long.MAX"),
    pytest.param(2**64, id="2**64"),
    pytest.param(10**308, id="10**308"),
    pytest.param(1e300, id="1e300"),
    pytest.param(sys.float_info.max, id="largest float"),
    pytest.param(int(sys.float_info.max), id="largest whole number that is a float"),
]


@pytest.mark.parametrize("value", FAR)
def test_a_date_may_be_far_away(value: float) -> None:
    """Every finite number is a date: exp and iat in the far future, nbf and iat in the far past."""
    for rule, found in (
        (Expiry(), claims(exp=value)),
        (Expiry(10, required=True), claims(exp=value)),
        (NotBefore(), claims(nbf=-value)),
        (IssuedAt(), claims(iat=-value)),
        (ClaimTypes(), claims(iat=value)),
        (ClaimTypes(), claims(iat=-value)),
    ):
        assert accepts(rule, found)


@pytest.mark.parametrize("value", FAR)
def test_a_refusal_for_a_far_date_is_short(value: float) -> None:
    """A date that is far on the wrong side refuses the token; the log doesn't show hundreds of digits."""
    for rule, found in (
        (Expiry(), claims(exp=-value)),
        (NotBefore(), claims(nbf=value)),
        (IssuedAt(), claims(iat=value)),
        (IssuedAt(60), claims(iat=-value)),
        (MaxLifetime(60), claims(exp=value, iat=NOW)),
        (MaxLifetime(60), claims(exp=value, iat=-value)),
    ):
        with pytest.raises(ClaimError) as refusal:
            apply_rules(found, [rule])
        assert len(error_text(refusal.value)) < 100


@given(value=st.one_of(st.integers(), st.floats(), st.integers(-(10**400), 10**400)))
def test_any_number_is_compared(value: float) -> None:
    """A number is accepted or refused by its size, and raises nothing else; only finite ones are accepted."""
    for claim, rule in (
        ("exp", Expiry()),
        ("nbf", NotBefore()),
        ("iat", IssuedAt(60)),
        ("iat", ClaimTypes()),
    ):
        if accepts(rule, claims(**{claim: value})):
            assert math.isfinite(float(value))
    try:
        later = math.isfinite(float(value)) and value > NOW
    except OverflowError:
        later = False
    assert accepts(Expiry(), claims(exp=value)) is later


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
    """The log says how long ago the token expired; the error has its own class."""
    with raises(ExpiredTokenError, match="expired 60 s ago") as refusal:
        Expiry()(claims(exp=NOW - 60))
    assert refusal.value.claim == "exp"


def test_expiry_of_a_token_without_exp() -> None:
    """A token without exp is accepted, unless exp is required."""
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
    """The log says when the token becomes valid; a token without nbf is already valid."""
    with raises(ClaimError, match="not valid for another 60 s") as refusal:
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
    """RFC 7519 §4.1.6: an iat in the future is refused, and one beyond the maximum age, if there is one."""
    assert accepts(IssuedAt(max_age, leeway=leeway), claims(iat=iat)) is accepted


def test_issued_at_says_why() -> None:
    """The error distinguishes the future from the age; a token without iat has no age."""
    with raises(ClaimError, match="issued in the future") as refusal:
        IssuedAt()(claims(iat=NOW + 1))
    assert refusal.value.description == "The access token is not valid yet"
    with raises(ClaimError, match="issued more than 60 s ago") as refusal:
        IssuedAt(60)(claims(iat=NOW - 100))
    assert refusal.value.description == "The access token is too old"
    assert accepts(IssuedAt(), claims())
    with pytest.raises(MissingClaimError):
        IssuedAt(60)(claims())


NO_SECONDS = [
    pytest.param(math.nan, id="NaN"),
    pytest.param(math.inf, id="infinity"),
    pytest.param(-1, id="negative"),
    pytest.param(10**400, id="beyond the range of floats"),
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
        pytest.param(MaxLifetime, id="MaxLifetime"),
        pytest.param(lambda value: MaxLifetime(60, leeway=value), id="MaxLifetime leeway"),
    ],
)
@pytest.mark.parametrize("value", NO_SECONDS)
def test_an_invalid_leeway_is_refused(make: Callable[[Any], Any], value: Any) -> None:
    """With NaN or infinity as leeway no token would ever expire, so such a rule can't be made."""
    with pytest.raises(ConfigurationError):
        make(value)


@pytest.mark.parametrize(
    ("exp", "iat", "accepted"),
    [
        pytest.param(NOW + 60, NOW, True, id="as long as accepted"),
        pytest.param(NOW + 61, NOW, False, id="a second longer"),
        pytest.param(NOW + 60.5, NOW, False, id="a fraction longer"),
        pytest.param(NOW + 1, NOW - 60, False, id="longer, and nearly over"),
        pytest.param(NOW - 10, NOW - 60, True, id="shorter, and over"),
        pytest.param(NOW + 65, NOW + 5, True, id="the issuer's clock is ahead"),
        pytest.param(NOW + 120, NOW + 60, True, id="it is ahead by the leeway"),
        pytest.param(NOW + 121, NOW + 61, False, id="it is ahead by more"),
        pytest.param(NOW + 10**9 + 60, NOW + 10**9, False, id="issued in the far future"),
        pytest.param(NOW, NOW + 100, True, id="exp before iat"),
    ],
)
def test_max_lifetime(exp: float, iat: float, accepted: bool) -> None:
    """The lifetime is exp - iat; an iat in the future doesn't shorten it."""
    assert accepts(MaxLifetime(60), claims(exp=exp, iat=iat)) is accepted


def test_max_lifetime_with_its_own_leeway() -> None:
    """Without leeway the token may end at now + seconds at the latest."""
    rule = MaxLifetime(60, leeway=0)
    assert accepts(rule, claims(exp=NOW + 60, iat=NOW))
    assert not accepts(rule, claims(exp=NOW + 61, iat=NOW + 1))


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        pytest.param({}, "exp", id="both"),
        pytest.param({"iat": NOW}, "exp", id="exp"),
        pytest.param({"exp": NOW + 1}, "iat", id="iat"),
    ],
)
def test_max_lifetime_needs_both_dates(found: dict[str, Any], missing: str) -> None:
    """Without exp or iat there is no lifetime: the token is refused."""
    with pytest.raises(MissingClaimError) as refusal:
        MaxLifetime(60)(claims(**found))
    assert refusal.value.claim == missing


def test_max_lifetime_says_why() -> None:
    """The log has both lifetimes, and the description says that the token lives too long."""
    with raises(ClaimError, match="lives for 7200 s, longer than the accepted 3600 s") as refusal:
        MaxLifetime(3600)(claims(exp=NOW + 7200, iat=NOW))
    assert refusal.value.description == "The access token's lifetime is too long"
