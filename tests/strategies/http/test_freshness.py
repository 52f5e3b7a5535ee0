"""Lifetimes and retry times in the headers of HTTP responses."""

from __future__ import annotations

import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flask_jwtlib.key_providers import Refresh
from flask_jwtlib_strategies._http.freshness import lifetime, retry_after

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
def test_the_lifetime_of_a_response(headers: dict[str, str], seconds: float) -> None:
    """It is max-age less the age, else it ends at Expires, else 300 s, and always 60 to 3600 s."""
    assert Refresh().ttl(lifetime(requests.structures.CaseInsensitiveDict(headers))) == seconds


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
def test_seconds_of_any_length_are_read_exactly(number: int, zeros: int) -> None:
    """Seconds are read exactly up to 2147483648, with leading zeros or without."""
    written = "0" * zeros + str(number)

    assert lifetime({"Cache-Control": f"max-age={written}"}) == min(number, 2**31)
    assert retry_after({"Retry-After": written}) == min(number, 2**31)


def test_the_first_of_several_ages_is_used() -> None:
    """RFC 9111 §5.1: a list of ages is a sender's error, and its first member is used."""
    assert lifetime({"Cache-Control": "max-age=600", "Age": "100, 0"}) == 500


@pytest.mark.parametrize("digits", ["\u0661", "\uff11", "1_0", "+1", "1.0", "0x1"])
def test_only_ascii_digits_are_seconds(digits: str) -> None:
    """A value that isn't a count of seconds by RFC 9111 §1.2.2 is ignored."""
    assert lifetime({"Cache-Control": f"max-age={digits}"}) == 0
    assert retry_after({"Retry-After": digits}) is None


def test_a_very_long_header_takes_little_time() -> None:
    """A header that would be slow to match is not read to its end."""
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
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: int | None) -> None:
    """Retry-After is a number of seconds or a date."""
    assert retry_after(headers) == seconds
