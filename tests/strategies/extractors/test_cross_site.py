"""Requests that another site may have made the browser send, with the caller's cookie."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Request

from flask_jwtlib import (
    BearerToken,
    ConfigurationError,
)
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.testing import make_request
from flask_jwtlib_strategies.extractors.cross_site import (
    CrossSiteCheckedTokenExtractor,
    check_cross_site,
)

from .cross_site_kit import ATTACKS, OURS, PASSING, UNSAFE, WEBSOCKETS, SessionExtractor, cookie


def outcome_of(method: str, headers: dict[str, str], **options: Any) -> object:
    """Return the outcome of the check, or None if it refuses. Function and extractor agree."""
    options.setdefault("origins", [OURS])
    sent = make_request(method=method, headers=headers | cookie("a.b.c"))
    outcomes: list[object] = []
    for check in (
        lambda: check_cross_site(sent, **options),
        lambda: extracted(sent, **options).evidence.get(CrossSiteCheck),
    ):
        try:
            outcomes.append(check())
        except CrossSiteError:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


def extracted(sent: Request, **options: Any) -> BearerToken:
    """Return the token that is found, with the outcome of the check."""
    token = CrossSiteCheckedTokenExtractor(SessionExtractor(), **options).extract(sent)
    assert token is not None
    return token


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(headers: dict[str, str], method: str) -> None:
    """No request that another site could have sent passes, whichever unsafe method it has."""
    assert outcome_of(method, headers) is None


@pytest.mark.parametrize("websocket", WEBSOCKETS.values(), ids=WEBSOCKETS)
@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_a_websocket_of_another_site_is_refused(
    headers: dict[str, str], websocket: dict[str, str]
) -> None:
    """A browser lets every site open a WebSocket by a GET with cookies, so that GET is checked."""
    assert outcome_of("GET", headers | websocket) is None


@pytest.mark.parametrize("headers", PASSING.values(), ids=PASSING)
def test_a_request_of_our_pages_passes(headers: dict[str, str]) -> None:
    """Pages of this and the configured origins, and the user, may use any method and open a WebSocket."""
    for method in UNSAFE:
        assert outcome_of(method, headers) is CrossSiteCheck.PASSED
    for websocket in WEBSOCKETS.values():
        assert outcome_of("GET", headers | websocket) is CrossSiteCheck.PASSED


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "get", "Head"])
@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_a_safe_method_passes(headers: dict[str, str], method: str) -> None:
    """A method that changes nothing passes from everywhere: another site can't read the response."""
    assert outcome_of(method, headers) is CrossSiteCheck.SAFE_METHOD


def test_the_method_that_routing_uses_counts() -> None:
    """A method in lower case is as unsafe as in upper case."""
    assert outcome_of("post", ATTACKS["form of another site"]) is None


def test_no_origin_is_trusted_by_default() -> None:
    """Without ``origins``, an ``Origin`` never lets a request pass, not even that of the ``Host``."""
    assert (
        outcome_of("POST", {"Origin": "http://localhost", "Host": "localhost"}, origins=()) is None
    )
    assert outcome_of("POST", PASSING["our page"], origins=()) is CrossSiteCheck.PASSED


@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_non_browsers_pass_only_by_option(headers: dict[str, str]) -> None:
    """``allow_non_browsers`` accepts a request that has neither of the headers, and no other."""
    expected = None if {"Origin", "Sec-Fetch-Site"} & set(headers) else CrossSiteCheck.PASSED

    assert outcome_of("POST", headers, allow_non_browsers=True) is expected


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example",
        "http://localhost:8080",
        "http://[::1]:5000",
        "https://xn--bcher-kva.example",
        "chrome-extension://abcdefgh",
    ],
)
def test_origins_are_configured_as_browsers_write_them(origin: str) -> None:
    """Each origin that a browser may send can be configured."""
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": origin}

    assert outcome_of("POST", headers, origins=[origin]) is CrossSiteCheck.PASSED
    assert outcome_of("POST", headers, origins={"https://other.example"}) is None


@pytest.mark.parametrize(
    "origins",
    ["https://a.example", None, 1, [1], ["null"], ["*"], [""], ["a.example"], ["https://"],
     ["https://a.example/"], ["https://a.example/path"], ["https://A.example"], ["https://*.a.example"],
     ["https://a.example:443"], ["http://a.example:80"], ["https://a.example:"], ["https://a.example:0"],
     ["https://bücher.example"], ["https://u@a.example"], ["https://a.example\n"], ["https://a.example?q"],
     [b"https://a.example"], [OURS, "null"]],
    ids=repr,
)  # fmt: skip
def test_a_wrong_origin_is_refused(origins: Any) -> None:
    """An origin that no browser sends, or a pattern, is a mistake in the configuration."""
    for use in (
        lambda: CrossSiteCheckedTokenExtractor(SessionExtractor(), origins=origins),
        lambda: check_cross_site(make_request(), origins=origins),
    ):
        with pytest.raises(ConfigurationError, match="origin"):
            use()
