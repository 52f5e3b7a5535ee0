"""What the headers of an HTTP answer say about time."""

from __future__ import annotations

import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib_strategies._http.freshness import lifetime, retry_after
from flask_jwtlib_strategies.key_providers._set_limits import SetLimits

GMT = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, 300, id="nothing"),
        pytest.param({"Cache-Control": "public"}, 300, id="no time"),
        pytest.param({"Cache-Control": "max-age=600"}, 600, id="max-age"),
        pytest.param({"Cache-Control": 'public, Max-Age = "600"'}, 600, id="quoted"),
        pytest.param({"Cache-Control": "max-age=600, max-age=900"}, 600, id="twice"),
        pytest.param({"Cache-Control": 'ext="max-age=5", max-age=600'}, 600, id="within quotes"),
        pytest.param({"Cache-Control": "s-maxage=900, max-age=600"}, 600, id="for shared caches"),
        pytest.param({"Cache-Control": "max-age=600", "Age": "100"}, 500, id="less its age"),
        pytest.param({"Cache-Control": "max-age=600", "Age": "x"}, 600, id="odd age"),
        pytest.param({"Cache-Control": "max-age=600", "Age": "-1"}, 600, id="negative age"),
        pytest.param({"Cache-Control": "max-age=600", "Age": "900"}, 60, id="too old"),
        pytest.param({"Cache-Control": "max-age=600", "Expires": GMT}, 600, id="before Expires"),
        pytest.param({"Cache-Control": "max-age=0"}, 60, id="zero"),
        pytest.param({"Cache-Control": "max-age=-5"}, 60, id="negative"),
        pytest.param({"Cache-Control": "max-age=x"}, 60, id="no number"),
        pytest.param({"Cache-Control": "max-age"}, 60, id="no value"),
        pytest.param({"Cache-Control": "max-age=59"}, 60, id="short"),
        pytest.param({"Cache-Control": "max-age=86400"}, 3600, id="long"),
        pytest.param({"Cache-Control": f"max-age={'9' * 9}"}, 3600, id="very long"),
        pytest.param({"Cache-Control": f"max-age={'9' * 5000}"}, 3600, id="thousands of digits"),
        pytest.param({"Cache-Control": "no-store, max-age=600"}, 60, id="no-store"),
        pytest.param({"Cache-Control": "max-age=600, No-Cache"}, 60, id="no-cache"),
        pytest.param({"Expires": "Sun, 06 Nov 1994 08:59:37 GMT", "Date": GMT}, 600, id="Expires"),
        pytest.param({"Expires": GMT, "Date": GMT}, 60, id="Expires at once"),
        pytest.param(
            {"Expires": "Sun, 06 Nov 1994 08:59:37 -0000", "Date": GMT}, 600, id="no zone"
        ),
        pytest.param({"Expires": "0"}, 60, id="Expires in no time"),
        pytest.param({"Expires": ""}, 60, id="Expires, empty"),
        pytest.param({"Expires": GMT}, 60, id="Expires long ago"),
        pytest.param({"Expires": "Sun, 06 Nov 2994 08:49:37 GMT"}, 3600, id="Expires far off"),
        pytest.param({"Expires": "Sun, 06 Nov 0000 08:49:37 GMT"}, 60, id="Expires in year 0"),
    ],
)
def test_point_21_how_long_an_answer_is_fresh(headers: dict[str, str], seconds: float) -> None:
    """Max-age less the age, else Expires, else 300 s, and 60 to 3600 s in any case."""
    assert SetLimits().ttl(lifetime(requests.structures.CaseInsensitiveDict(headers))) == seconds


@pytest.mark.parametrize("digits", [10, 11, 40, 4300, 4301, 5000])
@pytest.mark.parametrize("zeros", ["", "0" * 20])
def test_a_number_of_many_digits_is_a_large_number(digits: int, zeros: str) -> None:
    """RFC 9111 §1.2.2: whatever is too large to be represented counts as 2147483648."""
    number = zeros + "9" * digits

    assert lifetime({"Cache-Control": f"max-age={number}"}) == 2**31
    assert lifetime({"Cache-Control": f'max-age="{number}"'}) == 2**31
    assert lifetime({"Cache-Control": "max-age=600", "Age": number}) == 600 - 2**31
    assert retry_after({"Retry-After": number}) == 2**31


@given(st.integers(min_value=0, max_value=10**30), st.integers(min_value=0, max_value=30))
def test_every_count_of_seconds_is_read_as_what_it_is(number: int, zeros: int) -> None:
    """The more seconds, the more freshness, at whatever length they are written."""
    written = "0" * zeros + str(number)

    assert lifetime({"Cache-Control": f"max-age={written}"}) == min(number, 2**31)
    assert retry_after({"Retry-After": written}) == min(number, 2**31)


def test_of_several_ages_the_first_counts() -> None:
    """RFC 9111 §5.1: a list of ages is an error of the sender's, and its first member is used."""
    assert lifetime({"Cache-Control": "max-age=600", "Age": "100, 0"}) == 500


@pytest.mark.parametrize("digits", ["\u0661", "\uff11", "1_0", "+1", "1.0", "0x1"])
def test_other_digits_than_ascii_are_not_a_count(digits: str) -> None:
    """What isn't a count of seconds by RFC 9111 §1.2.2 counts as none."""
    assert lifetime({"Cache-Control": f"max-age={digits}"}) == 0
    assert retry_after({"Retry-After": digits}) is None


def test_an_endless_header_takes_little_time() -> None:
    """What would take an expression long to read is not read to its end."""
    began = time.monotonic()
    lifetime({"Cache-Control": 'a="' * 500_000})
    retry_after({"Retry-After": "1 " * 500_000})
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"Retry-After": "120"}, 120, id="seconds"),
        pytest.param({"Retry-After": " 0 "}, 0, id="at once"),
        pytest.param({"Retry-After": "-1"}, None, id="negative"),
        pytest.param({"Retry-After": "soon"}, None, id="no time"),
        pytest.param({"Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT", "Date": GMT}, 60, id="date"),
        pytest.param({"Retry-After": GMT}, 0, id="long ago"),
    ],
)
def test_point_4_when_to_ask_again(headers: dict[str, str], seconds: int | None) -> None:
    """Retry-After counts seconds or names a date."""
    assert retry_after(headers) == seconds
