from __future__ import annotations

from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from flask import Request
from werkzeug.test import EnvironBuilder

from flask_jwtlib import BearerToken, BearerTokenExtractor, ConfigurationError, HeaderTokenExtractor
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.log_text import error_text
from tests.kit import raises

FORM = "application/x-www-form-urlencoded"
# One of each character that RFC 6750 §2.1 allows in a b64token.
B64TOKEN = "abcXYZ019-._~+/=="


def request(method: str = "GET", **values: Any) -> Request:
    """Make a request as a server passes it to Flask."""
    return Request(EnvironBuilder(method=method, **values).get_environ())


def with_header(value: str) -> Request:
    """Make a request with an Authorization header, with the same bytes as the server received."""
    environ = EnvironBuilder().get_environ()
    environ["HTTP_AUTHORIZATION"] = value
    return Request(environ)


def form(
    body: bytes | str, *, method: str = "POST", content_type: str = FORM, **values: Any
) -> Request:
    """Make a request with a body."""
    data = body.encode() if isinstance(body, str) else body
    return request(method, data=data, content_type=content_type, **values)


def form_by(method: str, body: str, **values: Any) -> Request:
    """Make a request with the method spelled as given, as a server may pass it on."""
    environ = form(body, **values).environ
    environ["REQUEST_METHOD"] = method
    return Request(environ)


def test_2_1_the_token_is_in_the_authorization_header() -> None:
    """RFC 6750 §2.1: ``Authorization: Bearer b64token`` MUST be supported."""
    found = BearerTokenExtractor().extract(with_header("Bearer mF_9.B5f-4.1JqM"))

    assert found == BearerToken("mF_9.B5f-4.1JqM", source="header")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_2_1_the_scheme_is_case_insensitive(scheme: str) -> None:
    """RFC 9110 §11.1: the scheme's name is case-insensitive."""
    found = HeaderTokenExtractor().extract(with_header(f"{scheme} abc"))

    assert found == BearerToken("abc")


def test_2_1_every_character_of_b64token_is_accepted() -> None:
    """RFC 6750 §2.1: letters, digits, ``-._~+/``, and ``=`` at the end."""
    assert HeaderTokenExtractor().extract(with_header(f"Bearer {B64TOKEN}")) == BearerToken(
        B64TOKEN
    )


def test_2_1_several_spaces_may_separate_scheme_and_token() -> None:
    """RFC 9110 §11.4: one or more spaces separate scheme and credentials."""
    assert HeaderTokenExtractor().extract(with_header("Bearer   abc")) == BearerToken("abc")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer ", id="space alone"),
        pytest.param("Bearer  ", id="spaces alone"),
        pytest.param("Bearer =", id="padding alone"),
        pytest.param("Bearer ab=c", id="padding within"),
        pytest.param("Bearer two words", id="two words"),
        pytest.param("Bearer abc ", id="trailing space"),
        pytest.param("Bearer abc\t", id="trailing tab"),
        pytest.param("Bearer\tabc", id="tab"),
        pytest.param("Bearer abc\n", id="trailing line feed"),
        pytest.param("Bearer abc\r\nX: y", id="line break"),
        pytest.param("Bearer abc\x00", id="NUL"),
        pytest.param("Bearer abc,def", id="comma"),
        pytest.param("Bearer abc, Bearer def", id="two credentials"),
        pytest.param("Bearer abc,Basic eDp5", id="two schemes"),
        pytest.param('Bearer "abc"', id="quotes"),
        pytest.param('Bearer token="abc"', id="parameter"),
        pytest.param("Bearer abc%2Edef", id="percent"),
        pytest.param("Bearer t\xf6ken", id="latin-1"),
        pytest.param("Bearer \u212a", id="Kelvin sign"),
        pytest.param("Bearer\xa0abc", id="no-break space"),
        pytest.param("Bearer, abc", id="comma after the scheme"),
        pytest.param("Bearer:abc", id="colon after the scheme"),
        pytest.param("Bearer=abc", id="equals after the scheme"),
        pytest.param("bearer {}", id="JSON"),
    ],
)
def test_2_1_malformed_bearer_credentials_are_refused(value: str) -> None:
    """RFC 6750 §3.1: Bearer credentials that aren't one b64token are invalid_request, not "no token"."""
    with pytest.raises(InvalidRequestError) as refusal:
        BearerTokenExtractor().extract(with_header(value))
    assert refusal.value.description == "The Authorization header is malformed"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Basic eDp5", id="Basic"),
        pytest.param("Digest username=x", id="Digest"),
        pytest.param("DPoP abc", id="DPoP"),
        pytest.param("Bearertoken abc", id="longer name"),
        pytest.param("Bearer2 abc", id="name with digit"),
        pytest.param("Bearer-x abc", id="name with hyphen"),
        pytest.param("Bearer~ abc", id="name with tilde"),
        pytest.param("XBearer abc", id="name before"),
        pytest.param("Token abc", id="Token"),
        pytest.param("Basic Bearer abc", id="Bearer as credentials"),
        pytest.param("Basic x, Bearer abc", id="Bearer in second place"),
        pytest.param("abc", id="bare token"),
        pytest.param("", id="empty"),
        pytest.param(" ", id="space"),
        pytest.param(" Bearer abc", id="leading space"),
        pytest.param("\u1e04earer abc", id="look-alike"),
    ],
)
def test_2_1_another_scheme_is_not_a_bearer_token(value: str) -> None:
    """RFC 6750 §2.1: credentials of another scheme aren't a bearer token."""
    assert BearerTokenExtractor().extract(with_header(value)) is None


def test_a_request_without_any_token_has_none() -> None:
    """RFC 6750 §3.1: a request without a token isn't an error for the extractor."""
    for made in (request(), request("POST"), form(""), form("a=1"), request(query_string="a=1")):
        assert BearerTokenExtractor().extract(made) is None


WITH_BODY = [
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "QUERY",
    "PROPFIND",
    "REPORT",
    "LINK",
    "X-OWN",
    "GETS",
]
WITHOUT_BODY = ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"]


def spelled(method: str) -> list[str]:
    """Spell a method in each case that a client may send."""
    return [method, method.lower(), method.title(), method.swapcase().title()]


@pytest.mark.parametrize("method", [each for method in WITH_BODY for each in spelled(method)])
def test_2_2_the_token_is_in_a_form(method: str) -> None:
    """RFC 6750 §2.2: the form parameter access_token, with any method whose body has a meaning."""
    found = BearerTokenExtractor().extract(form_by(method, "a=1&access_token=abc&b=2"))

    assert found == BearerToken("abc", source="form")


@pytest.mark.parametrize("method", [each for method in WITHOUT_BODY for each in spelled(method)])
def test_2_2_a_body_without_a_meaning_is_not_read(method: str) -> None:
    """RFC 6750 §2.2: "In particular, this means that the 'GET' method MUST NOT be used"."""
    assert BearerTokenExtractor().extract(form_by(method, "access_token=abc")) is None


@pytest.mark.parametrize("method", [each for method in WITH_BODY for each in spelled(method)])
def test_2_two_tokens_are_refused_with_any_method(method: str) -> None:
    """RFC 6750 §2: two tokens are refused even with an unusual method or spelling."""
    made = form_by(method, "access_token=abc", headers={"Authorization": "Bearer abc"})

    with raises(InvalidRequestError, match="header and another in the form"):
        BearerTokenExtractor().extract(made)


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param(FORM, id="plain"),
        pytest.param(f"{FORM}; charset=utf-8", id="with charset"),
        pytest.param(f"{FORM};charset=US-ASCII", id="ASCII"),
        pytest.param("Application/X-WWW-Form-Urlencoded", id="case"),
    ],
)
def test_2_2_the_content_type_is_form_urlencoded(content_type: str) -> None:
    """RFC 6750 §2.2: the entity-header includes Content-Type application/x-www-form-urlencoded."""
    found = FormTokenExtractor().extract(form("access_token=abc", content_type=content_type))

    assert found == BearerToken("abc", source="form")


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("text/plain", id="text"),
        pytest.param("application/json", id="JSON"),
        pytest.param("application/x-www-form-urlencoded2", id="longer name"),
        pytest.param("application", id="half a type"),
    ],
)
def test_2_2_a_body_of_another_type_is_not_read(content_type: str) -> None:
    """RFC 6750 §2.2: a body that isn't a form holds no token, whatever its content."""
    made = form("access_token=abc", content_type=content_type)

    assert FormTokenExtractor().extract(made) is None


def test_2_2_a_body_without_a_type_is_not_read() -> None:
    """RFC 6750 §2.2: without a Content-Type the body isn't a form."""
    environ = form("access_token=abc").environ
    del environ["CONTENT_TYPE"]

    assert FormTokenExtractor().extract(Request(environ)) is None
    environ["CONTENT_TYPE"] = ""
    assert FormTokenExtractor().extract(Request(environ)) is None


def test_2_2_a_multipart_body_is_not_read() -> None:
    """RFC 6750 §2.2: "The entity-body is single-part"."""
    made = request("POST", data={"access_token": "abc"}, content_type="multipart/form-data")

    assert made.form["access_token"] == "abc"
    assert BearerTokenExtractor().extract(made) is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("access_token=abc&name=t\xf6m", id="UTF-8"),
        pytest.param("access_token=abc&name=t%C3%B6m", id="percent-encoded"),
        pytest.param("access_token=abc&n\xf6=1", id="in a name"),
        pytest.param("access_token=abc&a=1&a=%E2%98%83", id="in a second value"),
    ],
)
def test_2_2_a_form_with_a_token_must_be_ascii(body: bytes | str) -> None:
    """RFC 6750 §2.2: the content consists entirely of ASCII characters."""
    with pytest.raises(InvalidRequestError) as refusal:
        FormTokenExtractor().extract(form(body))
    assert refusal.value.description == "A form with access_token must be ASCII"


def test_2_2_a_token_in_a_body_that_is_not_text_is_refused() -> None:
    """RFC 6750 §2.2: a body that isn't UTF-8 isn't a form; with a token in it, it is refused."""
    with raises(InvalidRequestError, match="ASCII"):
        FormTokenExtractor().extract(form(b"access_token=abc&name=t\xf6m"))
    assert FormTokenExtractor().extract(form(b"no_access_token=abc&name=t\xf6m")) is None


def test_2_2_a_form_without_a_token_may_hold_anything() -> None:
    """RFC 6750 §2.2 applies to forms with a token; the extractor ignores others."""
    assert FormTokenExtractor().extract(form("name=t\xf6m")) is None


@pytest.mark.parametrize(
    "methods",
    [
        pytest.param(["GET", "POST"], id="list"),
        pytest.param("GET", id="one"),
        pytest.param("get", id="small letters"),
        pytest.param(frozenset({"GET"}), id="set"),
    ],
)
def test_the_form_may_be_read_with_get(methods: Any) -> None:
    """An option reads forms with GET for an app whose clients send them so."""
    made = form("access_token=abc", method="GET")

    assert FormTokenExtractor(methods=methods).extract(made) == BearerToken("abc", source="form")
    assert FormTokenExtractor(methods="POST").extract(made) is None


@pytest.mark.parametrize("methods", ["", [""], [5], [None]], ids=repr)
def test_methods_must_be_strings(methods: Any) -> None:
    """Methods of the wrong type raise when the extractor is made."""
    with pytest.raises(ConfigurationError, match="methods takes non-empty strings"):
        FormTokenExtractor(methods=methods)


def test_2_3_the_token_is_in_the_query() -> None:
    """RFC 6750 §2.3: the query parameter access_token, with any method."""
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        made = request(method, query_string="a=1&access_token=abc&b=2")
        assert BearerTokenExtractor().extract(made) == BearerToken("abc", source="query")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("access%5Ftoken=abc", id="one character"),
        pytest.param("%61ccess_token=abc", id="first character"),
        pytest.param("%61%63%63%65%73%73%5f%74%6f%6b%65%6e=%61bc", id="every character, value too"),
    ],
)
def test_2_3_the_parameters_name_may_be_percent_encoded(query: str) -> None:
    """RFC 3986 §2.3: an encoded name is the same name, so it can't hide a second token."""
    assert QueryTokenExtractor().extract(request(query_string=query)) == BearerToken(
        "abc", source="query"
    )


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", id="empty"),
        pytest.param("token=abc", id="another name"),
        pytest.param("Access_Token=abc", id="another case"),
        pytest.param("access_token2=abc", id="longer name"),
        pytest.param("my_access_token=abc", id="name before"),
        pytest.param("a=access_token", id="as a value"),
        pytest.param("a=%20", id="percent elsewhere"),
        pytest.param("access%255Ftoken=abc", id="encoded twice"),
    ],
)
def test_2_3_other_parameters_are_not_tokens(query: str) -> None:
    """RFC 6750 §2.3: the parameter's name is access_token, exactly."""
    assert BearerTokenExtractor().extract(request(query_string=query)) is None


@pytest.mark.parametrize(
    "query", ["access_token=abc&name=\xff", "a=%20&b=\xff", "\xff%61=1"], ids=ascii
)
def test_2_3_a_query_that_is_not_text_is_refused(query: str) -> None:
    """RFC 6750 §3.1: a query that can't be decoded is a malformed request, not a server fault."""
    environ = EnvironBuilder().get_environ()
    environ["QUERY_STRING"] = query

    with pytest.raises(InvalidRequestError):
        QueryTokenExtractor().extract(Request(environ))


MALFORMED = [
    pytest.param("", id="empty"),
    pytest.param("%20", id="space"),
    pytest.param("a%20b", id="space within"),
    pytest.param("a+b%0A", id="line feed"),
    pytest.param("%C3%B6", id="non-ASCII"),
    pytest.param("%FF", id="no UTF-8"),
    pytest.param("a%00", id="NUL"),
    pytest.param("=", id="padding alone"),
    pytest.param("a%2Cb", id="comma"),
    pytest.param("%22a%22", id="quotes"),
]


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("place", ["query", "form"])
def test_a_parameter_that_is_not_a_b64token_is_refused(place: str, value: str) -> None:
    """RFC 6750 §3.1: a malformed parameter is invalid_request; an empty one is not "no token"."""
    text = f"access_token={value}"
    made = request(query_string=text) if place == "query" else form(text)

    with pytest.raises(InvalidRequestError) as refusal:
        BearerTokenExtractor().extract(made)
    assert "%" not in error_text(refusal.value)


@pytest.mark.parametrize("second", ["abc", "other", ""], ids=["same", "other", "empty"])
@pytest.mark.parametrize("place", ["query", "form"])
def test_a_repeated_parameter_is_refused(place: str, second: str) -> None:
    """RFC 6750 §3.1: "repeats the same parameter" is invalid_request, even with the same value."""
    text = f"access_token=abc&access_token={second}"
    made = request(query_string=text) if place == "query" else form(text)

    with pytest.raises(InvalidRequestError) as refusal:
        BearerTokenExtractor().extract(made)
    assert refusal.value.description == "The parameter access_token is repeated"


@pytest.mark.parametrize("second", ["abc", "other"], ids=["same", "other"])
@pytest.mark.parametrize(
    "places", [("header", "query"), ("header", "form"), ("form", "query")], ids="+".join
)
def test_2_a_token_in_two_places_is_refused(places: tuple[str, str], second: str) -> None:
    """RFC 6750 §2: "Clients MUST NOT use more than one method"; the same token twice is two methods."""
    values = dict(zip(places, ("abc", second), strict=True))
    headers = {"Authorization": f"Bearer {values['header']}"} if "header" in values else {}
    query = f"access_token={values['query']}" if "query" in values else ""
    body = f"access_token={values['form']}" if "form" in values else ""
    made = form(body, headers=headers, query_string=query)

    with pytest.raises(InvalidRequestError) as refusal:
        BearerTokenExtractor().extract(made)
    assert refusal.value.description == "The access token is sent in more than one way"
    assert "abc" not in error_text(refusal.value)
    for place in places:
        assert place in error_text(refusal.value)


def test_2_a_malformed_second_credential_is_refused_too() -> None:
    """RFC 6750 §2: a valid token beside a malformed one is refused."""
    for made in (
        request(headers={"Authorization": "Bearer abc"}, query_string="access_token="),
        form("access_token=abc", headers={"Authorization": "Bearer !"}),
        form("access_token=a&access_token=b", headers={"Authorization": "Bearer abc"}),
    ):
        with pytest.raises(InvalidRequestError):
            BearerTokenExtractor().extract(made)


def test_another_scheme_beside_a_parameter_is_one_token() -> None:
    """RFC 6750 §2.1: Basic credentials, for example a proxy's, aren't a second bearer token."""
    made = request(headers={"Authorization": "Basic eDp5"}, query_string="access_token=abc")

    assert BearerTokenExtractor().extract(made) == BearerToken("abc", source="query")


def test_refusals_are_400_invalid_request() -> None:
    """RFC 6750 §3.1: a malformed request gets a 400 with invalid_request."""
    with pytest.raises(InvalidRequestError) as refusal:
        BearerTokenExtractor().extract(with_header("Bearer"))

    assert (refusal.value.status, refusal.value.error_code) == (400, "invalid_request")


@pytest.mark.parametrize("place", ["header", "form", "query"])
def test_each_location_can_be_turned_off(place: str) -> None:
    """RFC 9700 §4.3.2: one option turns a location off, and a token there is ignored."""
    made = form(
        "access_token=abc" if place == "form" else "",
        headers={"Authorization": "Bearer abc"} if place == "header" else {},
        query_string="access_token=abc" if place == "query" else "",
    )
    off: dict[str, Any] = {place: False}
    only: dict[str, Any] = {name: name == place for name in ("header", "form", "query")}

    assert BearerTokenExtractor().extract(made) == BearerToken("abc", source=place)
    assert BearerTokenExtractor(**off).extract(made) is None
    assert BearerTokenExtractor(**only).extract(made) == BearerToken("abc", source=place)


def test_a_location_that_is_off_holds_no_second_token() -> None:
    """With the query turned off, a parameter there belongs to the application."""
    made = request(headers={"Authorization": "Bearer abc"}, query_string="access_token=def")

    assert BearerTokenExtractor(query=False).extract(made) == BearerToken("abc")


def test_all_locations_off_is_refused() -> None:
    """An extractor that reads no location can't be made."""
    with pytest.raises(ConfigurationError, match="at least one"):
        BearerTokenExtractor(header=False, form=False, query=False)


@pytest.mark.parametrize(
    "make",
    [BearerTokenExtractor, FormTokenExtractor, HeaderTokenExtractor, QueryTokenExtractor],
    ids=lambda make: make.__name__,
)
def test_extractors_are_values(make: Any) -> None:
    """Extractors with the same options are equal, have a repr, and can't be changed."""
    assert make() == make()
    assert hash(make()) == hash(make())
    assert repr(make()).startswith(make.__name__)
    with pytest.raises(FrozenInstanceError):
        make().header = False


def test_options_are_keyword_only() -> None:
    """A flag's meaning is visible where it is passed."""
    with pytest.raises(TypeError):
        BearerTokenExtractor(False)  # type: ignore[misc]
    with pytest.raises(TypeError):
        FormTokenExtractor("access_token", ["GET"])  # type: ignore[misc]


def test_the_body_stays_readable() -> None:
    """A view may read the raw body after the extractor has searched it for a token."""
    made = form("amount=5", headers={"Authorization": "Bearer abc"})

    assert BearerTokenExtractor().extract(made) == BearerToken("abc")
    assert made.get_data() == b"amount=5"


def test_the_form_stays_readable() -> None:
    """A view may read the form after the extractor did."""
    made = form("access_token=abc&amount=5")
    BearerTokenExtractor().extract(made)

    assert made.form["amount"] == "5"


def test_a_body_of_another_type_is_not_read() -> None:
    """A body that can't hold a token stays in the stream, for the view to read."""
    made = form('{"a": 1}', content_type="application/json")
    BearerTokenExtractor().extract(made)

    assert made.stream.read() == b'{"a": 1}'


@pytest.mark.parametrize("make", [FormTokenExtractor, BearerTokenExtractor])
@pytest.mark.parametrize("max_size", [None, 100, 20_000])
def test_a_form_of_more_than_two_tokens_is_not_read(make: Any, max_size: int | None) -> None:
    """Up to twice max_size bytes are searched for a token; a longer body isn't read at all."""
    extractor = make() if max_size is None else make(max_size=max_size)
    longest = 2 * (max_size or 8192)
    text = b"access_token=abc&filler=".ljust(longest, b"x")
    longer = form(text + b"x")

    assert extractor.extract(form(text)) == BearerToken("abc", source="form")
    assert extractor.extract(longer) is None
    assert longer.environ["wsgi.input"].tell() == 0


@pytest.mark.parametrize("limit", [1, 10**9], ids=["smaller", "larger"])
def test_the_limit_for_multipart_fields_does_not_apply(limit: int) -> None:
    """MAX_FORM_MEMORY_SIZE, which limits multipart fields, changes nothing."""
    short, long = form(b"access_token=abc"), form(b"access_token=abc&x=" + b"x" * 20_000)
    short.max_form_memory_size = long.max_form_memory_size = limit

    assert FormTokenExtractor().extract(short) == BearerToken("abc", source="form")
    assert FormTokenExtractor().extract(long) is None


@pytest.mark.parametrize("max_size", [0, -1, 1.5, True, "8192", None], ids=repr)
@pytest.mark.parametrize("make", [FormTokenExtractor, BearerTokenExtractor])
def test_the_size_of_a_token_must_be_a_whole_number(make: Any, max_size: Any) -> None:
    """An invalid max_size raises when the extractor is made."""
    with pytest.raises(ConfigurationError, match="whole number"):
        make(max_size=max_size)


def test_the_search_does_not_parse_the_form() -> None:
    """The search builds no form, with or without a token; the view parses it when needed."""
    for body in ("a=1&b=2", "access_token=abc&a=1", "a=%20", "access%5Ftoken=abc"):
        made = form(body)
        FormTokenExtractor().extract(made)
        assert "form" not in vars(made)


@pytest.mark.parametrize("kept", [False, True], ids=["form", "get_data and form"])
def test_a_form_that_was_parsed_before_is_searched(kept: bool) -> None:
    """If the application has already parsed the form, its token is found as usual."""

    def parsed(body: bytes) -> Request:
        made = form(body)
        if kept:
            made.get_data()
        assert made.form is not None
        return made

    assert FormTokenExtractor().extract(parsed(b"access_token=abc&a=1")) == BearerToken(
        "abc", source="form"
    )
    assert FormTokenExtractor().extract(parsed(b"a=1")) is None
    for wrong in (b"access_token=", b"access_token=a&access_token=b", b"access_token=a&b=%C3%B6"):
        with pytest.raises(InvalidRequestError):
            FormTokenExtractor().extract(parsed(wrong))


@pytest.mark.parametrize(
    "name",
    [
        "access%5Ftoken",
        "%61ccess_token",
        "access%5ftoke%6E",
        "%61%63%63%65%73%73%5f%74%6f%6b%65%6e",
    ],
)
def test_2_2_the_parameters_name_may_be_percent_encoded(name: str) -> None:
    """An encoded name in a form is the same name, so it can't hide a second token."""
    assert FormTokenExtractor().extract(form(f"a=1&{name}=%61bc")) == BearerToken(
        "abc", source="form"
    )
    with pytest.raises(InvalidRequestError):
        FormTokenExtractor().extract(form(f"access_token=abc&{name}=abc"))
    with pytest.raises(InvalidRequestError):
        BearerTokenExtractor().extract(form(f"{name}=abc", headers={"Authorization": "Bearer abc"}))


@pytest.mark.parametrize(
    "body",
    [
        "Access_Token=abc",
        "access_token2=abc",
        "xaccess_token=abc",
        "a=access_token",
        "a=1;access_token=abc",
        "access%255Ftoken=abc",
        "access+token=abc",
        "access_token[]=abc",
        " access_token=abc",
    ],
)
def test_2_2_other_parameters_are_not_tokens(body: str) -> None:
    """RFC 6750 §2.2: the parameter's name is access_token, exactly."""
    assert FormTokenExtractor().extract(form(body)) is None
