from __future__ import annotations

import pickle
from typing import Any

import pytest
from flask import Flask, Request
from werkzeug.test import EnvironBuilder

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    ConfigurationError,
    HeaderTokenExtractor,
    TokenExtractor,
    current_principal,
)
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.evidence import CrossSiteCheck
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.interfaces import challenges_of, vary_of
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.extractors.cross_site import CrossSiteCheckedTokenExtractor
from tests.kit import raises

CLOUDFLARE = "Cf-Access-Jwt-Assertion"


def with_header(name: str, value: str) -> Request:
    """Make a request with a header, with the same bytes as the server received."""
    environ = EnvironBuilder().get_environ()
    environ["HTTP_" + name.upper().replace("-", "_")] = value
    return Request(environ)


# ---- what is found


@pytest.mark.parametrize("name", [CLOUDFLARE, CLOUDFLARE.lower(), CLOUDFLARE.upper()])
def test_a_header_without_a_scheme_has_only_the_token(name: str) -> None:
    """The token's source and scheme are the header's name, and it is ambient: a proxy may add the header."""
    found = HeaderTokenExtractor(name).extract(with_header(CLOUDFLARE, "a.b.c"))

    expected = BearerToken("a.b.c", source=name, scheme=name, ambient=True)
    assert found == expected.with_evidence(CrossSiteCheck.SAFE_METHOD)


@pytest.mark.parametrize("sent", ["JWT a.b.c", "jwt a.b.c", "Jwt   a.b.c"])
def test_another_scheme_may_be_expected(sent: str) -> None:
    """RFC 9110 §11.1: the scheme's name is case-insensitive, and spaces separate it from the token."""
    found = HeaderTokenExtractor(scheme="JWT").extract(with_header("Authorization", sent))

    assert found == BearerToken("a.b.c", scheme="JWT")


def test_another_header_may_have_a_scheme() -> None:
    """A gateway that needs ``Authorization`` for itself moves the client's header to another name."""
    extractor = HeaderTokenExtractor("X-Forwarded-Authorization", scheme="Bearer", ambient=False)

    found = extractor.extract(with_header("X-Forwarded-Authorization", "Bearer a.b.c"))

    assert found == BearerToken("a.b.c", source="X-Forwarded-Authorization")


def test_authorization_may_have_no_scheme() -> None:
    """Some clients send ``Authorization: <token>``. No browser does, so the token isn't ambient."""
    extractor = HeaderTokenExtractor(scheme=None)

    assert extractor.extract(with_header("Authorization", "a.b.c")) == BearerToken("a.b.c")


@pytest.mark.parametrize(
    ("extractor", "sent"),
    [
        pytest.param(HeaderTokenExtractor(scheme="JWT"), "Bearer a.b.c", id="Bearer for JWT"),
        pytest.param(HeaderTokenExtractor(scheme="JWT"), "JWTs a.b.c", id="longer scheme"),
        pytest.param(HeaderTokenExtractor(scheme="JWT"), "a.b.c", id="no scheme"),
        pytest.param(HeaderTokenExtractor(scheme="a+b"), "aab x", id="scheme isn't a pattern"),
        pytest.param(HeaderTokenExtractor(scheme=None), "Bearer a.b.c", id="scheme for none"),
        pytest.param(HeaderTokenExtractor(scheme=None), "Basic eDp5", id="Basic for none"),
        pytest.param(HeaderTokenExtractor(scheme=None), "", id="empty"),
        pytest.param(HeaderTokenExtractor("Authorization"), "JWT a.b.c", id="JWT for Bearer"),
    ],
)
def test_credentials_of_another_scheme_are_not_a_token(
    extractor: HeaderTokenExtractor, sent: str
) -> None:
    """RFC 6750 §2.1: credentials of another scheme are none of this extractor."""
    assert extractor.extract(with_header("Authorization", sent)) is None


def test_only_the_named_header_is_read() -> None:
    """A token in ``Authorization`` isn't one in another header, and the reverse."""
    assert HeaderTokenExtractor(CLOUDFLARE).extract(with_header("Authorization", "a.b.c")) is None
    assert HeaderTokenExtractor().extract(with_header(CLOUDFLARE, "Bearer a.b.c")) is None
    assert HeaderTokenExtractor(CLOUDFLARE).extract(with_header(CLOUDFLARE, "")) is None


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("Bearer a.b.c", id="scheme"),
        pytest.param("a.b.c,d.e.f", id="header sent twice"),
        pytest.param("a.b.c, d.e.f", id="header sent twice with a space"),
        pytest.param("a.b.c ", id="trailing space"),
        pytest.param(" a.b.c", id="leading space"),
        pytest.param("a.b.c\r\nX: y", id="line break"),
        pytest.param("a.b.c\x00", id="NUL"),
        pytest.param('"a.b.c"', id="quotes"),
        pytest.param("a.b.\xe9", id="latin-1"),
        pytest.param("=", id="padding alone"),
        pytest.param(" ", id="space"),
    ],
)
def test_a_header_that_is_not_one_token_is_refused(sent: str) -> None:
    """A value that isn't one token is invalid_request, and not "no token"."""
    with raises(InvalidRequestError, match="the Cf-Access-Jwt-Assertion header must be one token"):
        HeaderTokenExtractor(CLOUDFLARE).extract(with_header(CLOUDFLARE, sent))


@pytest.mark.parametrize("sent", ["JWT", "JWT ", "JWT a b", "JWT\ta.b.c", "JWT a.b.c, JWT d.e.f"])
def test_a_scheme_without_one_token_is_refused(sent: str) -> None:
    """The scheme without exactly one token is invalid_request."""
    with raises(InvalidRequestError, match="must be 'JWT' followed by one token"):
        HeaderTokenExtractor(scheme="JWT").extract(with_header("Authorization", sent))


# ---- which tokens a browser may send by itself


@pytest.mark.parametrize(
    ("extractor", "ambient"),
    [
        pytest.param(HeaderTokenExtractor(), False, id="Bearer"),
        pytest.param(HeaderTokenExtractor(scheme="JWT"), False, id="JWT"),
        pytest.param(HeaderTokenExtractor(scheme=None), False, id="no scheme"),
        pytest.param(HeaderTokenExtractor("authorization"), False, id="lower case"),
        *(
            pytest.param(HeaderTokenExtractor(scheme=scheme), True, id=scheme)
            for scheme in (
                "Basic",
                "BASIC",
                "Digest",
                "Negotiate",
                "NTLM",
                "Kerberos",
                "HOBA",
                "Mutual",
            )
        ),
        pytest.param(
            HeaderTokenExtractor("X-Goog-IAP-JWT-Assertion"), True, id="header of a proxy"
        ),
        pytest.param(HeaderTokenExtractor("X-Token", scheme="Bearer"), True, id="Bearer elsewhere"),
        pytest.param(HeaderTokenExtractor("X-Token", ambient=False), False, id="told otherwise"),
        pytest.param(HeaderTokenExtractor(ambient=True), True, id="Bearer of a proxy"),
    ],
)
def test_headers_that_a_script_needn_t_set_are_ambient(
    extractor: HeaderTokenExtractor, ambient: bool
) -> None:
    """Every header but Authorization, and schemes whose credentials browsers keep, give ambient tokens."""
    scheme = f"{extractor.scheme} " if extractor.scheme else ""

    found = extractor.extract(with_header(extractor.name, f"{scheme}abc"))

    assert found is not None
    assert (extractor.ambient, found.ambient) == (ambient, ambient)


def app_with(extractor: TokenExtractor, issuer: TokenIssuer) -> Flask:
    """Make an app whose view shows the caller."""
    auth = Authenticator(keys=issuer.verification_key, extractor=extractor)
    app = Flask(__name__)
    view = auth.requires_authentication(lambda: str(current_principal.subject))
    app.add_url_rule("/", view_func=view, methods=["GET", "POST", "PUT", "QUERY"])
    app.add_url_rule("/", view_func=view, websocket=True)
    return app


WEBSOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}
ORIGIN = "https://app.example"


@pytest.mark.parametrize(
    ("method", "headers", "alone", "wrapped"),
    [
        pytest.param("GET", {}, 200, 200, id="nothing changes"),
        pytest.param("HEAD", {}, 200, 200, id="HEAD"),
        pytest.param("GET", {"Sec-Fetch-Site": "cross-site"}, 200, 200, id="link"),
        pytest.param("POST", {"Sec-Fetch-Site": "same-origin"}, 200, 200, id="own page"),
        pytest.param("POST", {"Sec-Fetch-Site": "none"}, 200, 200, id="user"),
        pytest.param("POST", {}, 403, 403, id="program"),
        pytest.param("POST", {"Sec-Fetch-Site": "cross-site"}, 403, 403, id="other site"),
        pytest.param("POST", {"Sec-Fetch-Site": "same-site"}, 403, 403, id="sibling"),
        pytest.param("POST", {"Sec-Fetch-Site": "same-origin, none"}, 403, 403, id="two values"),
        pytest.param("POST", {"Origin": ORIGIN}, 403, 200, id="listed origin"),
        pytest.param(
            "POST", {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN}, 403, 200, id="listed sibling"
        ),
        pytest.param("POST", {"Origin": "null"}, 403, 403, id="null"),
        pytest.param("PUT", {}, 403, 403, id="PUT"),
        pytest.param("QUERY", {}, 403, 403, id="QUERY"),
        pytest.param("GET", WEBSOCKET, 403, 403, id="WebSocket"),
        pytest.param(
            "GET", {**WEBSOCKET, "Sec-Fetch-Site": "cross-site"}, 403, 403, id="other WebSocket"
        ),
        pytest.param("GET", {"Sec-WebSocket-Key": "x"}, 403, 403, id="key of a WebSocket"),
        pytest.param("GET", {"Sec-Fetch-Mode": "websocket"}, 403, 403, id="mode of a WebSocket"),
        pytest.param(
            "GET", {**WEBSOCKET, "Sec-Fetch-Site": "same-origin"}, 200, 200, id="own WebSocket"
        ),
    ],
)
def test_the_header_of_a_proxy_is_checked(
    method: str, headers: dict[str, str], alone: int, wrapped: int, issuer: TokenIssuer
) -> None:
    """By itself, the extractor accepts what needs no settings; other requests need the wrapper."""
    extractor = HeaderTokenExtractor(CLOUDFLARE)
    sent = {CLOUDFLARE: issuer.token("alice"), **headers}

    for used, status in (
        (extractor, alone),
        (CrossSiteCheckedTokenExtractor(extractor, origins=[ORIGIN]), wrapped),
    ):
        client = app_with(used, issuer).test_client()
        assert client.open("/", method=method, headers=sent).status_code == status


def test_a_stricter_wrapper_counts(issuer: TokenIssuer) -> None:
    """A wrapper for which GET isn't safe checks GET, too."""
    extractor = CrossSiteCheckedTokenExtractor(
        HeaderTokenExtractor(CLOUDFLARE), safe_methods=["HEAD"]
    )
    client = app_with(extractor, issuer).test_client()
    sent = {CLOUDFLARE: issuer.token("alice")}

    assert client.get("/", headers=sent).status_code == 403
    assert client.get("/", headers={**sent, "Sec-Fetch-Site": "none"}).status_code == 200


# ---- challenges and caches


@pytest.mark.parametrize(
    ("extractor", "challenges", "vary"),
    [
        pytest.param(HeaderTokenExtractor(), [Challenge("Bearer")], "Authorization", id="default"),
        pytest.param(
            HeaderTokenExtractor(scheme="JWT"), [Challenge("JWT")], "Authorization", id="JWT"
        ),
        pytest.param(
            HeaderTokenExtractor(scheme=None),
            [Challenge("Bearer")],
            "Authorization",
            id="no scheme",
        ),
        pytest.param(
            HeaderTokenExtractor(CLOUDFLARE, ambient=False),
            [Challenge(CLOUDFLARE)],
            CLOUDFLARE,
            id="other header",
        ),
        pytest.param(
            HeaderTokenExtractor("X-Token", scheme="bearer", ambient=False),
            [Challenge("Bearer")],
            "X-Token",
            id="both",
        ),
    ],
)
def test_it_states_its_challenge_and_header(
    extractor: HeaderTokenExtractor, challenges: list[Challenge], vary: str
) -> None:
    """The challenge is that of the scheme, or has the header's name; responses vary by the header."""
    assert list(challenges_of(extractor)) == challenges
    assert vary_of(extractor) == (vary,)


def test_responses_to_ambient_tokens_vary_by_what_decides() -> None:
    """The browser's header decides about them, and is named once when the wrapper reads it, too."""
    extractor = HeaderTokenExtractor(CLOUDFLARE)

    assert vary_of(extractor) == (CLOUDFLARE, "Sec-Fetch-Site")
    assert vary_of(CrossSiteCheckedTokenExtractor(extractor)) == (
        CLOUDFLARE,
        "Sec-Fetch-Site",
        "Origin",
    )


def test_a_refused_token_is_told_in_its_own_challenge(issuer: TokenIssuer) -> None:
    """The response names the header's challenge, varies by the header, and no shared cache keeps it."""
    app = app_with(CrossSiteCheckedTokenExtractor(HeaderTokenExtractor(CLOUDFLARE)), issuer)

    response = app.test_client().get("/", headers={CLOUDFLARE: "abc"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith(f'{CLOUDFLARE} error="invalid_token"')
    assert CLOUDFLARE in response.headers["Vary"]
    assert response.cache_control.private


class Stated(HeaderTokenExtractor):
    """States attributes of its own."""

    challenges = (Challenge("DPoP", algs="ES256"), Challenge("Bearer"))
    vary = ("Authorization", "DPoP")


class StatedBearer(BearerTokenExtractor):
    """States attributes of its own."""

    vary = ("Authorization", "X-Client-Cert")


def test_a_subclass_states_its_own_challenges_and_headers() -> None:
    """Class attributes of a subclass replace those that are made from the options."""
    assert vary_of(StatedBearer(query=False)) == ("Authorization", "X-Client-Cert")
    assert vary_of(Stated()) == ("Authorization", "DPoP")
    assert challenges_of(Stated()) == Stated.challenges
    assert Stated().extract(with_header("Authorization", "Bearer a.b.c")) == BearerToken("a.b.c")


def test_the_attributes_can_be_inspected_on_the_class() -> None:
    """Documentation tools find a docstring where the class has the attribute."""
    assert str(HeaderTokenExtractor.vary.__doc__).startswith("The header's name")


# ---- options


@pytest.mark.parametrize("name", ["", "X Token", "X:Token", "X-T\u00f6ken", None, 7, b"X-Token"])
def test_a_name_that_is_no_header_s_is_refused(name: Any) -> None:
    """RFC 9110 §5.1: a header's name is a token."""
    with raises(ConfigurationError, match="the header's name is"):
        HeaderTokenExtractor(name)


@pytest.mark.parametrize("name", ["Cookie", "Content-Type", "Content-Length", "Host", "Origin"])
def test_a_header_with_another_meaning_is_refused(name: str) -> None:
    """No token is in a header that the browser or the server fills."""
    with raises(ConfigurationError, match=f"the header {name} can't have a token"):
        HeaderTokenExtractor(name)


@pytest.mark.parametrize("scheme", ["", "Bearer ", "a b", "a=b", 7, ["Bearer"]])
def test_a_scheme_that_is_none_is_refused(scheme: Any) -> None:
    """RFC 9110 §11.1: a scheme is a token. None means that there is no scheme."""
    with raises(ConfigurationError, match="scheme is"):
        HeaderTokenExtractor(scheme=scheme)


def test_ambient_must_be_a_bool() -> None:
    """A word such as "no" would be true."""
    with raises(ConfigurationError, match="ambient is 'no', expected True or False"):
        HeaderTokenExtractor(ambient="no")  # type: ignore[arg-type]


def test_it_is_a_value() -> None:
    """Extractors with the same options are equal and have the same hash, also after pickling."""
    one = HeaderTokenExtractor("X-Token", scheme="Bearer", ambient=False)

    assert one == HeaderTokenExtractor("X-Token", scheme="Bearer", ambient=False)
    assert one != HeaderTokenExtractor("X-Token", ambient=False)
    assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
    assert repr(one) == "HeaderTokenExtractor(name='X-Token', scheme='Bearer', ambient=False)"


# ---- parameters


@pytest.mark.parametrize(
    ("extractor", "made"),
    [
        pytest.param(
            QueryTokenExtractor("jwt"), {"query_string": "access_token=x&jwt=a.b.c"}, id="query"
        ),
        pytest.param(
            QueryTokenExtractor("jwt"), {"query_string": "%6Awt=a.b.c"}, id="encoded query"
        ),
        pytest.param(
            FormTokenExtractor("jwt"),
            {"method": "POST", "data": {"access_token": "x", "jwt": "a.b.c"}},
            id="form",
        ),
    ],
)
def test_the_parameter_may_have_another_name(extractor: TokenExtractor, made: Any) -> None:
    """The parameter of the given name is read, and ``access_token`` isn't."""
    found = extractor.extract(Request(EnvironBuilder(**made).get_environ()))

    assert found is not None
    assert (found.value, found.ambient) == ("a.b.c", False)


@pytest.mark.parametrize(
    ("extractor", "made"),
    [
        pytest.param(QueryTokenExtractor("jwt"), {"query_string": "jwt=a&jwt=b"}, id="query"),
        pytest.param(
            FormTokenExtractor("jwt"),
            {
                "method": "POST",
                "data": "jwt=a&jwt=b",
                "content_type": "application/x-www-form-urlencoded",
            },
            id="form",
        ),
    ],
)
def test_a_repeated_parameter_of_another_name_is_refused(
    extractor: TokenExtractor, made: Any
) -> None:
    """The refusal names the parameter."""
    with raises(InvalidRequestError, match="has jwt 2 times"):
        extractor.extract(Request(EnvironBuilder(**made).get_environ()))


@pytest.mark.parametrize("make", [QueryTokenExtractor, FormTokenExtractor])
@pytest.mark.parametrize("name", ["", "access token", "t\u00f6ken", "a&b", "a%62", None, 7])
def test_a_parameter_name_that_clients_encode_is_refused(make: Any, name: Any) -> None:
    """Clients encode such characters in different ways, so that one would be overlooked."""
    with raises(ConfigurationError, match="the parameter's name is"):
        make(name)
