"""``CrossSiteCheckedTokenExtractor`` around other extractors, and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask, Request, request

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    ConfigurationError,
    HeaderTokenExtractor,
    TokenExtractor,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import CrossSiteError
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.interfaces import challenges_of, vary_of
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.extractors.cross_site import (
    CrossSiteCheckedTokenExtractor,
    check_cross_site,
)

from .cross_site_kit import ATTACKS, OURS, PASSING, SessionExtractor, cookie


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CrossSiteCheckedTokenExtractor(SessionExtractor), "wraps a TokenExtractor object"),
        (lambda: CrossSiteCheckedTokenExtractor("cookie"), "not 'cookie'"),  # type: ignore[arg-type]
        (
            lambda: CrossSiteCheckedTokenExtractor(SessionExtractor(), allow_non_browsers=1),
            "True or",
        ),
        (
            lambda: CrossSiteCheckedTokenExtractor(SessionExtractor(), safe_methods=["POST"]),
            "has POST",
        ),
        (
            lambda: CrossSiteCheckedTokenExtractor(SessionExtractor(), safe_methods=["get"]),
            "has get",
        ),
        (
            lambda: CrossSiteCheckedTokenExtractor(SessionExtractor(), safe_methods="GET"),
            "expected a tuple",
        ),
    ],
    ids=["class", "text", "flag", "POST", "case", "one text"],
)
def test_a_wrong_option_is_refused(make: Callable[[], object], said: str) -> None:
    """Other options are checked when the extractor is made."""
    with pytest.raises(ConfigurationError, match=said):
        make()


def test_a_wrong_inner_extractor_is_refused() -> None:
    """What the wrapped extractor states is checked, too."""

    class Wrong(HeaderTokenExtractor):
        vary = "Cookie"  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match=r"Wrong\.vary"):
        CrossSiteCheckedTokenExtractor(Wrong())


def test_query_is_safe_by_option() -> None:
    """QUERY counts as safe if the app says so, and GET as unsafe if it doesn't say that it is safe."""

    def passes(method: str, *safe_methods: str) -> bool:
        extractor = CrossSiteCheckedTokenExtractor(SessionExtractor(), safe_methods=safe_methods)
        headers = ATTACKS["form of another site"] | cookie("a")
        try:
            extractor.extract(make_request(method=method, headers=headers))
        except CrossSiteError:
            return False
        return True

    assert passes("QUERY", "GET", "QUERY")
    assert passes("GET", "GET")
    assert not passes("GET", "HEAD")
    assert not passes("POST", "GET", "QUERY")


def test_the_log_says_what_was_sent() -> None:
    """The log has the method and both headers, made safe; the client learns nothing."""
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example/?secret=1"}

    with pytest.raises(CrossSiteError) as refusal:
        check_cross_site(make_request(method="POST", headers=headers))
    with pytest.raises(CrossSiteError) as without:
        check_cross_site(make_request(method="POST"))

    assert refusal.value.log_message == (
        "another site may have sent a 'POST' request: its Sec-Fetch-Site is 'cross-site', and its Origin is "
        "'https://evil.example/?***', which isn't listed in origins="
    )
    assert str(refusal.value) == "The request may come from another site"
    assert "neither Sec-Fetch-Site nor Origin" in without.value.log_message
    assert "allow_non_browsers=True" in without.value.log_message


def client_of(app: Flask, issuer: TokenIssuer, extractor: TokenExtractor) -> Any:
    """Return a client of an app with a required and an optional view, and one that logs in."""
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)
    app.add_url_rule(
        "/", "view", auth.requires_authentication(lambda: "in"), methods=["GET", "POST"]
    )
    app.add_url_rule("/optional", "o", auth.optional_authentication(lambda: "in"), methods=["POST"])

    @app.post("/login")
    def login() -> str:
        check_cross_site(request, origins=[OURS])
        return "logged in"

    return app.test_client(use_cookies=False)


def test_an_attack_is_a_403_at_every_view(app: Flask, issuer: TokenIssuer) -> None:
    """Required, optional and log-in views refuse it, without a challenge."""
    client = client_of(app, issuer, CrossSiteCheckedTokenExtractor(SessionExtractor()))
    attack = ATTACKS["form of another site"] | cookie(issuer.token())

    for path in ("/", "/optional", "/login"):
        response = client.post(path, headers=attack)
        assert response.status_code == 403, path
        assert "WWW-Authenticate" not in response.headers
        own = client.post(path, headers=PASSING["our page"] | cookie(issuer.token()))
        assert own.status_code == 200
    assert client.get("/", headers=attack).status_code == 200


def test_responses_vary_by_the_check(app: Flask, issuer: TokenIssuer) -> None:
    """A refusal that was cached for another site isn't served to this one's pages."""
    client = client_of(app, issuer, CrossSiteCheckedTokenExtractor(SessionExtractor()))

    for headers in ({}, ATTACKS["form of another site"], PASSING["our page"]):
        response = client.post("/", headers=headers | cookie(issuer.token()))
        assert response.headers["Vary"] == "Cookie, Sec-Fetch-Site, Origin"
        assert response.headers["Cache-Control"] == "private"


def test_other_tokens_are_not_checked(app: Flask, issuer: TokenIssuer) -> None:
    """Around a composite, a token in the header passes from everywhere, and so does a guest."""
    both = CompositeTokenExtractor(HeaderTokenExtractor(), SessionExtractor(), exclusive=False)
    client = client_of(app, issuer, CrossSiteCheckedTokenExtractor(both))
    attack = ATTACKS["form of another site"]

    assert client.post("/", headers=attack | bearer(issuer.token())).status_code == 200
    assert client.post("/optional", headers=attack).status_code == 200
    assert client.post("/", headers=attack | cookie(issuer.token())).status_code == 403
    # The header's token is used, although another site can't have sent it.
    headers = attack | bearer(issuer.token()) | cookie(issuer.token("bob"))
    assert client.post("/", headers=headers).status_code == 200


def test_it_states_what_the_wrapped_extractor_states() -> None:
    """Challenges are the wrapped one's; an extractor that says nothing counts as one of ``Authorization``."""

    class Silent:
        def extract(self, request: Request) -> BearerToken | None:
            return None

    silent, session = (
        CrossSiteCheckedTokenExtractor(each) for each in (Silent(), SessionExtractor())
    )

    assert challenges_of(silent) == (Challenge("Bearer"),)
    assert vary_of(silent) == ("Authorization", "Sec-Fetch-Site", "Origin")
    assert challenges_of(session) == (Challenge("Cookie"),)
    assert vary_of(session) == ("Cookie", "Sec-Fetch-Site", "Origin")


def test_of_two_checks_the_stricter_outcome_counts() -> None:
    """A request must pass both checks, and its method is safe only if both say so."""
    inner = CrossSiteCheckedTokenExtractor(SessionExtractor(), origins=[OURS])
    strict = CrossSiteCheckedTokenExtractor(inner, origins=[OURS], safe_methods=())
    ours = PASSING["older browser"] | cookie("a")

    def outcome(extractor: TokenExtractor, method: str) -> CrossSiteCheck | None:
        found = extractor.extract(make_request(method=method, headers=ours))
        assert found is not None
        return found.evidence.get(CrossSiteCheck)

    assert outcome(inner, "GET") is CrossSiteCheck.SAFE_METHOD
    assert outcome(strict, "GET") is CrossSiteCheck.PASSED
    lenient = {"origins": [OURS], "safe_methods": ("GET", "QUERY")}
    for around in (inner, CrossSiteCheckedTokenExtractor(strict, origins=[OURS])):
        for method in ("POST", "QUERY"):
            twice = CrossSiteCheckedTokenExtractor(around, **lenient)
            assert outcome(twice, method) is CrossSiteCheck.PASSED
    unchecked = CookieTokenExtractor("session", cross_site_check=False, secure=False)
    checked = CrossSiteCheckedTokenExtractor(unchecked, origins=[OURS])
    assert outcome(unchecked, "POST") is CrossSiteCheck.DISABLED
    assert outcome(checked, "POST") is CrossSiteCheck.PASSED
    assert outcome(checked, "GET") is CrossSiteCheck.SAFE_METHOD
    with pytest.raises(CrossSiteError):
        strict.extract(make_request(headers=cookie("a")))
    with pytest.raises(CrossSiteError):
        CrossSiteCheckedTokenExtractor(inner).extract(make_request(method="POST", headers=ours))


class TestCrossSiteCheckedTokenExtractor(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return CrossSiteCheckedTokenExtractor(SessionExtractor(), origins=[OURS])

    def request_with(self, token: str) -> Request:
        headers = cookie(token) | {"Sec-Fetch-Site": "same-origin"}
        return make_request(method="POST", headers=headers)

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request(headers={"Cookie": "session=a; session=b"})
