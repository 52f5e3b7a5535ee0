"""``CookieTokenExtractor``: which cookie it reads, and which requests it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from flask import Request

from flask_jwtlib.errors import CrossSiteError, InvalidRequestError
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from tests.kit import raises

from .cross_site_kit import ATTACKS, OURS, PASSING, UNSAFE, WEBSOCKETS

NAME = "__Host-access_token"
OURS_ALONE = {"Sec-Fetch-Site": "same-origin"}


def cookie(*values: str) -> dict[str, str]:
    """Return request headers with cookies of the default name."""
    return {"Cookie": "; ".join(f"{NAME}={value}" for value in values)}


class TestItsContract(TokenExtractorContract):
    def make_extractor(self) -> CookieTokenExtractor:
        return CookieTokenExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(headers=cookie(token))

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request(headers=cookie("a", "b"))
        yield make_request(headers=cookie("a", "a"))


PLANTED = {
    "other value": f"{NAME}=evil; {NAME}=ours",
    "same value": f"{NAME}=ours; {NAME}=ours",
    "last": f"{NAME}=ours; {NAME}=evil",
    "three": f"{NAME}=a; {NAME}=b; {NAME}=c",
    "empty": f"{NAME}=; {NAME}=ours",
    "both empty": f"{NAME}=; {NAME}=",
    "without spaces": f"{NAME}=evil;{NAME}=ours",
    "spaces around the name": f"  {NAME}  =evil; {NAME}=ours",
    "tabs around the name": f"\t{NAME}\t=evil; {NAME}=ours",
    "spaces around the value": f"{NAME}= evil ; {NAME}=ours",
    "quoted": f'{NAME}="evil"; {NAME}=ours',
    "both quoted": f'{NAME}="evil"; {NAME}="ours"',
    "a quotation that begins": f'{NAME}="evil; {NAME}=ours',
    "within a quotation": f'{NAME}="evil; {NAME}=ours"',
    "within another quotation": f'a="b; {NAME}=evil; {NAME}=ours"',
    "escaped quote": f'{NAME}="evil\\"; {NAME}=ours"',
    "value with equals signs": f"{NAME}=a=b=c; {NAME}=ours",
    "between others": f"a=1; {NAME}=evil; b=2; {NAME}=ours; c=3",
    "among empty parts": f";;; {NAME}=evil;; ;{NAME}=ours;",
    "beside invalid parts": f"@@@; {NAME}=evil; =; {NAME}=ours; ==",
    "other characters": f"{NAME}=\xe9\xff; {NAME}=ours",
    "comma before": f"a=1,{NAME}=b; {NAME}=evil; {NAME}=ours",
}


@pytest.mark.parametrize("header", PLANTED.values(), ids=PLANTED)
def test_two_cookies_of_the_name_are_refused(header: str) -> None:
    """A second cookie is never hidden by the way in which either is written."""
    with raises(InvalidRequestError, match=f"cookies with the name {NAME}") as caught:
        CookieTokenExtractor().extract(make_request(environ_overrides={"HTTP_COOKIE": header}))

    assert "evil" not in error_text(caught.value)


NOT_OURS = {
    "another": "session=evil",
    "without the prefix": "access_token=evil",
    "longer": f"x{NAME}=evil",
    "longer at the end": f"{NAME}2=evil",
    "other case": "__HOST-access_token=evil",
    "case of the rest": "__Host-Access_Token=evil",
    "quoted name": f'"{NAME}"=evil',
    "no-break space": f"\xa0{NAME}=evil",
    "next line": f"\x85{NAME}=evil",
    "vertical tab": f"\x0b{NAME}=evil",
    "form feed": f"{NAME}\x0c=evil",
    "UTF-8 space": "\u2000".encode().decode("latin-1") + f"{NAME}=evil",
    "control character": f"\x1f{NAME}=evil",
    "percent-encoded": "__Host%2Daccess_token=evil",
    "without a name": f"={NAME}=evil",
    "without a value": NAME,
    "value of another": f"a={NAME}=evil",
    "joined by a comma": f"a=1,{NAME}=evil",
    "version": f"$Version=1; ${NAME}=evil",
}


@pytest.mark.parametrize("header", NOT_OURS.values(), ids=NOT_OURS)
def test_only_the_exact_name_counts(header: str) -> None:
    """A name for which browsers don't enforce the prefix ``__Host-`` isn't the cookie's name."""
    extractor = CookieTokenExtractor()

    def extract(value: str) -> Any:
        return extractor.extract(make_request(environ_overrides={"HTTP_COOKIE": value}))

    assert extract(header) is None
    for beside in (f"{header}; {NAME}=ours", f"{NAME}=ours; {header}"):
        assert extract(beside).value == "ours"


@pytest.mark.parametrize("value", ["", " ", "\t"], ids=repr)
def test_an_empty_cookie_is_no_token(value: str) -> None:
    """An empty value, such as some clients send after the log-out, is no token."""
    header = f"{NAME}={value}"

    assert CookieTokenExtractor().extract(make_request(headers={"Cookie": header})) is None


def test_its_token_is_ambient() -> None:
    """The token says where it comes from, that browsers send it, and that the check passed."""
    token = CookieTokenExtractor("t").extract(make_request(headers={"Cookie": "a=1; t=a.b.c"}))

    assert token is not None
    assert (token.value, token.source, token.scheme, token.ambient) == (
        "a.b.c",
        "cookie",
        "Cookie",
        True,
    )
    assert token.evidence.get(CrossSiteCheck) is CrossSiteCheck.SAFE_METHOD


@pytest.mark.parametrize("headers", ATTACKS.values(), ids=ATTACKS)
def test_a_request_of_another_site_is_refused(headers: dict[str, str]) -> None:
    """The check is built in, for every unsafe method and for the handshake of a WebSocket."""
    extractor = CookieTokenExtractor(origins=[OURS])

    for method in UNSAFE:
        with pytest.raises(CrossSiteError):
            extractor.extract(make_request(method=method, headers=headers | cookie("a")))
    for websocket in WEBSOCKETS.values():
        with pytest.raises(CrossSiteError):
            extractor.extract(make_request(headers=headers | websocket | cookie("a")))


@pytest.mark.parametrize("headers", PASSING.values(), ids=PASSING)
def test_a_request_of_our_pages_passes(headers: dict[str, str]) -> None:
    """Pages of this and the configured origins, and the user, may use any method."""
    token = CookieTokenExtractor(origins=[OURS]).extract(
        make_request(method="POST", headers=headers | cookie("a"))
    )

    assert token is not None
    assert token.evidence.get(CrossSiteCheck) is CrossSiteCheck.PASSED


def test_the_options_of_the_check_count() -> None:
    """``allow_non_browsers`` and ``safe_methods`` work as those of the check itself."""

    def outcome(method: str, **options: Any) -> object:
        sent = make_request(method=method, headers=cookie("a"))
        token = CookieTokenExtractor(**options).extract(sent)
        assert token is not None
        return token.evidence.get(CrossSiteCheck)

    assert outcome("POST", allow_non_browsers=True) is CrossSiteCheck.PASSED
    assert outcome("QUERY", safe_methods=["QUERY"]) is CrossSiteCheck.SAFE_METHOD
    assert outcome("POST", cross_site_check=False) is CrossSiteCheck.DISABLED
    with pytest.raises(CrossSiteError):
        outcome("GET", safe_methods=["HEAD"])


def test_a_request_without_the_cookie_is_not_checked() -> None:
    """A request that has no cookie of ours passes to other extractors, wherever it comes from."""
    sent = make_request(method="POST", headers=ATTACKS["form of another site"])

    assert CookieTokenExtractor().extract(sent) is None


def test_both_checks_must_pass() -> None:
    """Within a ``CrossSiteCheckedTokenExtractor``, its own check counts, too, whichever is stricter."""
    sent = make_request(method="POST", headers={"Origin": OURS} | cookie("a"))
    strict, lax = CookieTokenExtractor(), CookieTokenExtractor(origins=[OURS])

    found = CrossSiteCheckedTokenExtractor(lax, origins=[OURS]).extract(sent)

    assert found is not None
    assert found.evidence.get(CrossSiteCheck) is CrossSiteCheck.PASSED
    for checked in (
        CrossSiteCheckedTokenExtractor(strict, origins=[OURS]),
        CrossSiteCheckedTokenExtractor(lax),
    ):
        with pytest.raises(CrossSiteError):
            checked.extract(sent)
