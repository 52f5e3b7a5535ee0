"""What a response's headers say: how long keys are kept, and what time it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from flask_jwtlib.testing import IdentityProvider
from flask_jwtlib_strategies.doctor import _asking
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider

from .kit import Expected, bad, check, findings_about, oidc, with_keys


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """An identity provider with a key, whose headers each test sets."""
    with IdentityProvider() as idp:
        idp.add_key(kid="a")
        yield idp


CACHING: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "none": (
        {},
        {},
        "no Cache-Control, no ETag: keys are fetched again after 300 s, and used for up to 14400 s",
    ),
    "max-age": (
        {"headers": {"Cache-Control": "public, max-age=600"}, "etag": True},
        {},
        "Cache-Control: public, max-age=600, with ETag: keys are fetched again after 600 s",
    ),
    "shorter than min_ttl": (
        {"headers": {"Cache-Control": "max-age=5"}},
        {},
        "max-age=5, no ETag: keys are fetched again after 60 s",
    ),
    "longer than max_ttl": (
        {"headers": {"Cache-Control": "max-age=86400"}},
        {},
        "max-age=86400, no ETag: keys are fetched again after 3600 s",
    ),
    "no-store": (
        {"headers": {"Cache-Control": "no-store"}},
        {},
        "Cache-Control: no-store, no ETag: keys are fetched again after 60 s",
    ),
    "age": (
        {"headers": {"Cache-Control": "max-age=600", "Age": "500", "Date": None}},
        {},
        "max-age=600, Age: 500, no ETag: keys are fetched again after 100 s",
    ),
    "expires": (
        {"headers": {"Expires": "0"}},
        {},
        "Expires: 0, no ETag: keys are fetched again after 60 s",
    ),
    "strict": ({}, {"max_stale": 0}, "and used for up to 0 s more if that fails"),
}


@pytest.mark.parametrize(("how", "times", "text"), CACHING.values(), ids=CACHING)
def test_how_long_keys_are_kept(
    how: dict[str, Any], times: dict[str, Any], text: str, provider: IdentityProvider
) -> None:
    """The headers are shown beside the time that follows from them and from the provider's bounds."""
    provider.behave(**how)
    keys = OIDCKeyProvider(provider.issuer_url, allow_http_on_loopback=True, **times)
    findings = findings_about(with_keys(keys, provider.issuer_url))
    check(findings, Expected("caching", "OK", text))
    assert not bad(findings)


def test_keys_that_are_kept_for_too_long(provider: IdentityProvider) -> None:
    """A large ``min_ttl`` overrides what the provider says."""
    provider.behave(headers={"Cache-Control": "max-age=120"})
    keys = OIDCKeyProvider(provider.issuer_url, allow_http_on_loopback=True, min_ttl=1800)
    findings = findings_about(with_keys(keys, provider.issuer_url))
    text = "longer than the provider says (120 s): a withdrawn key is accepted for that long"
    check(findings, Expected("caching", "WARN", text, "Lower min_ttl from 1800 to 60."))


CLOCKS: dict[str, tuple[float, float, str, str, str]] = {
    "the same": (0, 0, "OK", "the provider's clock agrees with this machine's; leeway is 0 s", ""),
    "as precise as the header": (2, 0, "OK", "agrees with this machine's", ""),
    "slightly more than the leeway": (32, 30, "OK", "is 32 s ahead of this machine's", ""),
    "within the leeway": (20, 30, "OK", "is 20 s ahead of this machine's; leeway is 30 s", ""),
    "behind, within the leeway": (
        -20,
        30,
        "OK",
        "is 20 s behind this machine's; leeway is 30 s",
        "",
    ),
    "ahead": (
        20,
        0,
        "WARN",
        "is 20 s ahead of this machine's; leeway is 0 s: new tokens may be refused as not valid yet",
        "Synchronise the clock of this machine by NTP; until then, set leeway=20.",
    ),
    "behind": (
        -40,
        10,
        "WARN",
        "40 s behind this machine's; leeway is 10 s: tokens expire too early",
        "leeway=40",
    ),
    "hardly far": (60, 0, "WARN", "60 s ahead of", "until then, set leeway=60."),
    "far ahead": (7200, 60, "FAIL", "7200 s ahead of", "by NTP, and check that of the provider."),
    "far behind": (-61, 0, "FAIL", "61 s behind", "by NTP, and check that of the provider."),
}


@pytest.mark.parametrize(("offset", "leeway", "level", "text", "cure"), CLOCKS.values(), ids=CLOCKS)
def test_the_difference_of_the_clocks(
    offset: float,
    leeway: float,
    level: str,
    text: str,
    cure: str,
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The side and the seconds are shown, and compared with the validator's leeway."""
    now = 1_900_000_000
    monkeypatch.setattr(_asking, "time", SimpleNamespace(time=lambda: now))
    provider.behave(headers={"Date": formatdate(now + offset, usegmt=True)})
    findings = findings_about(oidc(provider.issuer_url, leeway=leeway))
    check(findings, Expected("clock", level, text, cure))
    assert bad(findings) == ([] if level == "OK" else [(level, "clock")])


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (0, "agrees with"),
        (9, "agrees with"),
        (20, "agrees with"),
        (24, "is 4 s ahead of"),
        (-1, "agrees with"),
        (-4, "is 4 s behind"),
    ],
)
def test_a_response_that_took_its_time(
    offset: float, text: str, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any time between the request and the receipt of its response is right."""
    now = 1_900_000_000
    # The metadata is asked for first.
    times = iter([now, now + 20])
    monkeypatch.setattr(_asking, "time", SimpleNamespace(time=lambda: next(times, now + 20)))
    provider.behave(headers={"Date": formatdate(now + offset, usegmt=True)})
    (found,) = (each for each in findings_about(oidc(provider.issuer_url)) if each.check == "clock")
    assert text in found.text


def test_the_date_of_a_cached_response(provider: IdentityProvider) -> None:
    """A cache keeps the origin's date, so the age is added."""
    sent = formatdate(time.time() - 500, usegmt=True)
    provider.behave(headers={"Date": sent, "Age": "500"})
    check(findings_about(oidc(provider.issuer_url)), Expected("clock", "OK", "agrees with"))


@pytest.mark.parametrize("date", [None, "yesterday"], ids=["absent", "invalid"])
def test_a_response_without_a_date(date: str | None, provider: IdentityProvider) -> None:
    """Then nothing can be said about the clock."""
    provider.behave(headers={"Date": date})
    check(findings_about(oidc(provider.issuer_url)), Expected("clock", "OK", "has no valid Date"))
