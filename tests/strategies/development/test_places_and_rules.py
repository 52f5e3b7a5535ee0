"""Where a development token is sent, which rules apply to it, and what stays as it is for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import (
    Audience,
    BearerToken,
    BearerTokenExtractor,
    ConfigurationError,
    HeaderTokenExtractor,
    Issuer,
    JWTValidator,
    KeyProvider,
    Scope,
)
from flask_jwtlib.claim_rules import AccessToken, RequiredClaims
from flask_jwtlib.key_health import key_statuses
from flask_jwtlib.testing import bearer
from flask_jwtlib_strategies.development.issue import issue_development_token
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

from .development_kit import (
    AUDIENCE,
    AUTH,
    EVERYWHERE,
    ISSUER,
    LOCAL,
    REAL,
    ROUTER,
    RULES,
    Careless,
    Served,
    app_of,
    claims_in,
    composed,
    serve,
    with_app,
)

PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "query": lambda token: {"query_string": {"access_token": token}},
    "form": lambda token: {"method": "POST", "data": {"access_token": token}},
    "JSON": lambda token: {"method": "POST", "json": {"access_token": token}},
    "cookie": lambda token: {
        "headers": {"Cookie": f"__Host-access_token={token}", "Sec-Fetch-Site": "same-origin"}
    },
    "own header": lambda token: {"headers": {"X-Token": token}},
    "own scheme": lambda token: {"headers": {"Authorization": f"JWT {token}"}},
    "WebSocket": lambda token: {
        "headers": {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Protocol": f"chat, bearer.{token}",
        }
    },
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_only_the_authorization_header_counts(
    served: Served, place: Callable[[str], dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """A token from any other place is refused: a browser may send it, or keep it in a history."""
    app = app_of(composed(extractor=EVERYWHERE))
    real = app.test_client(use_cookies=False).open("/", environ_overrides=LOCAL, **place(REAL))
    assert real.text == "alice"

    sent = place(served.token)
    response = app.test_client(use_cookies=False).open("/", environ_overrides=LOCAL, **sent)
    assert response.status_code == 401
    assert "expected Authorization: Bearer" in caplog.text


def test_a_token_that_browsers_send_is_refused(served: Served) -> None:
    """A header that a proxy sets for any request of a browser doesn't count, whatever its name."""
    app = with_app(composed(extractor=HeaderTokenExtractor(ambient=True)), served)
    assert app.get(REAL, HTTP_SEC_FETCH_SITE="same-origin").text == "alice"
    assert app.get(HTTP_SEC_FETCH_SITE="same-origin").status_code == 401


def test_the_rules_of_the_app_apply(state: None) -> None:
    """All but the ``iss`` of the app's rules apply: the command's token must satisfy them."""
    rules = [Issuer(ISSUER.issuer), Audience(AUDIENCE, "other"), RequiredClaims("tenant")]
    app = app_of(composed(validator=JWTValidator(rules=rules)))
    with pytest.raises(ConfigurationError, match=r"rules would refuse the token: .*'tenant'"):
        issue_development_token(app)
    issued = issue_development_token(app, claims={"tenant": "acme"})
    served = Served(app, issued.value, issued.key_file)

    assert claims_in(issued.value)["aud"] == AUDIENCE
    assert served.get().text == "developer"
    assert served.get(served.forged().token("ada", aud=AUDIENCE)).status_code == 401
    assert served.get(served.forged().token("ada", aud="other", tenant="x")).status_code == 200


def test_policies_apply_as_for_any_caller(served: Served) -> None:
    """A missing scope is a 403."""
    for scope, status in (("reports:read", 200), ("reports:write", 403)):
        app = with_app(composed(policies=[Scope(scope)]), served)
        assert app.get().status_code == status


def test_clock_leeway_and_size_are_the_apps(state: None) -> None:
    """The validator of development tokens has the options of the app's."""
    rules = [Audience(AUDIENCE)]
    served = serve(composed(validator=JWTValidator(rules=rules, max_size=1000, leeway=60)))
    now = int(served.forged().clock())
    soon = served.forged().token("ada", aud=AUDIENCE, nbf=now + 30)
    long = served.forged().token("ada", aud=AUDIENCE, more="x" * 800)
    assert [served.get(token).status_code for token in (soon, long)] == [200, 401]

    late = serve(composed(validator=JWTValidator(rules=rules, clock=lambda: now + 3000)))
    assert late.get().text == "ada"
    later = composed(validator=JWTValidator(rules=rules, clock=lambda: now + 4000))
    assert with_app(later, late).get().status_code == 401


def test_tokens_that_are_no_jwts_reach_their_validator(served: Served) -> None:
    """An opaque or a very long token is left to the other validator."""
    app = with_app(composed(RULES, validator=Careless()), served)
    for opaque in ("opaque", "a.b", "a.b.c", "x" * 10_000, "e30.e30.e30", "e30.W10.e30"):
        assert app.get(opaque).text == "anybody"
    assert app.get().text == "ada"


def test_what_is_no_token_is_left_to_the_authenticator(served: Served) -> None:
    """An extractor that returns no token gets the 503 that it has without development tokens."""

    class Wrong(HeaderTokenExtractor):
        def extract(self, request: Any) -> Any:
            return "a text"

    class WrongText(HeaderTokenExtractor):
        def extract(self, request: Any) -> Any:
            return BearerToken(served.token.encode())  # type: ignore[arg-type]

    for extractor in (Wrong(), WrongText()):
        assert with_app(composed(extractor=extractor), served).get().status_code == 503


def test_what_are_no_claims_is_left_to_the_authenticator(served: Served) -> None:
    """A validator that returns no claims gets the 503 that it has without development tokens."""

    class Wrong(Careless):
        def validate(self, token: BearerToken, keys: KeyProvider) -> Any:
            return None

    assert with_app(composed(RULES, validator=Wrong()), served).get(REAL).status_code == 503


def test_challenges_and_caches_are_those_of_the_extractor(served: Served) -> None:
    """Responses have the headers that they have without development tokens."""
    for extractor in (BearerTokenExtractor(), EVERYWHERE):
        plain = with_app(AUTH.evolve(extractor=extractor), served)
        added = with_app(composed(extractor=extractor), served)
        for token in (REAL, "wrong"):
            with_it, without = (
                {name: value for name, value in each.get(token).headers if name != "Date"}
                for each in (added, plain)
            )
            assert with_it == without

    class Silent:
        def extract(self, request: Any) -> Any:
            return HeaderTokenExtractor().extract(request)

    assert composed(extractor=Silent()).extractor.vary is None  # type: ignore[attr-defined]


def test_key_health_sees_the_validators_keys(served: Served) -> None:
    """The keys of a validator that has its own are shown and warmed up."""
    auth = composed(RULES, keys=None, validator=ROUTER)
    (status,) = key_statuses(app_of(auth))
    assert status["issuers"][ISSUER.issuer]["state"] == "static"
    assert callable(auth.validator.warm_up)  # type: ignore[attr-defined]
    assert not hasattr(composed().validator, "status")
    assert composed(validator=JWTValidator(max_size=99)).validator.max_size == 99  # type: ignore[attr-defined]


def test_an_own_access_token_rule_replaces_the_default(served: Served) -> None:
    """Without a rule about kinds of tokens, ``AccessToken`` applies; with one, that rule."""
    logout = served.forged().token("ada", aud=AUDIENCE, header={"typ": "own+jwt"})
    own = DevelopmentTokens(rules=[Audience(AUDIENCE), AccessToken(types=["own+jwt"])])
    assert with_app(composed(RULES), served).get(logout).status_code == 401
    assert with_app(composed(own), served).get(logout).text == "ada"


def test_guards_and_optional_routes_decide_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """A guard and a decorator together accept a request once, with one line in the log."""
    auth = composed()
    app = app_of(auth)
    auth.protect(app)
    caplog.clear()
    response = app.test_client().get("/", headers=bearer(served.token), environ_overrides=LOCAL)
    assert response.text == "ada"
    assert len(caplog.records) == 1
