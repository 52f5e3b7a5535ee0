"""Each check of ``TokenExtractorContract`` fails for an extractor that breaks it."""

# ruff: noqa: D103 - each function is named after what it breaks

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Request, g, request

from flask_jwtlib import BearerToken
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.testing import make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract

Failures = Callable[[object], dict[str, Exception]]


class Extraction:
    """An extractor made of a function."""

    def __init__(self, extract: Callable[..., Any]) -> None:
        self.extract = extract


class ExtractorContract(TokenExtractorContract):
    """The contract on an extractor of a custom header, or of a query parameter."""

    def __init__(self, extractor: Any) -> None:
        self.extractor = extractor

    def make_extractor(self) -> Any:
        return self.extractor

    def request_with(self, token: str) -> Request:
        return make_request(f"/?token={token}", headers={"X-Token": token})

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request("/?token=a&token=b")

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(headers={"X-Token": ""})


class BodyContract(ExtractorContract):
    """The contract on an extractor of a token in the body."""

    def request_with(self, token: str) -> Request:
        return make_request(method="POST", data=token)


class HeaderContract(ExtractorContract):
    """The contract on an extractor of a header, and not of the query."""

    def request_with(self, token: str) -> Request:
        return make_request(headers={"X-Token": token})

    def ambiguous_requests(self) -> Iterable[Request]:
        return ()

    def other_places(self) -> Iterable[Request]:
        yield make_request("/?token=a")


class AuthorizationContract(TokenExtractorContract):
    """The contract on an extractor of a scheme."""

    def __init__(self, extractor: Any, scheme: str) -> None:
        self.extractor = extractor
        self.scheme = scheme

    def make_extractor(self) -> Any:
        return self.extractor

    def request_with(self, token: str) -> Request:
        return make_request(headers={"Authorization": f"{self.scheme} {token}"})


class CookieContract(AuthorizationContract):
    """The contract on an extractor of a cookie."""

    def request_with(self, token: str) -> Request:
        return make_request(headers={"Cookie": f"token={token}"})


def from_header(request: Request) -> BearerToken | None:
    """Return the token as a correct extractor does."""
    token = request.headers.get("X-Token")
    return BearerToken(token, source="x-token") if token else None


def text_of_header(request: Request) -> Any:
    return request.headers.get("X-Token")


def stripped(request: Request) -> BearerToken | None:
    found = from_header(request)
    return found and BearerToken(found.value.strip("-."))


def from_query_too(request: Request) -> BearerToken | None:
    value = request.headers.get("X-Token") or request.args.get("token")
    return BearerToken(value) if value else None


def before_comma(request: Request) -> BearerToken | None:
    value = request.headers.get("X-Token", "").partition(",")[0]
    return BearerToken(value) if value else None


def needing_a_header(request: Request) -> BearerToken:
    return BearerToken(request.headers["X-Token"])


def second_word(request: Request) -> BearerToken | None:
    words = request.headers.get("Authorization", "").split(" ")
    return BearerToken(words[1], scheme=words[0]) if len(words) == 2 else None


def from_cookie(request: Request) -> BearerToken | None:
    value = request.cookies.get("token")
    return BearerToken(value, source="cookie") if value else None


def lowered(request: Request) -> BearerToken | None:
    found = from_header(request)
    return found and BearerToken(found.value.lower())


def sourceless(request: Request) -> BearerToken | None:
    found = from_header(request)
    return found and BearerToken(found.value, source="")


def always(request: Request) -> BearerToken:
    return BearerToken(request.headers.get("X-Token", ""))


def first_of_several(request: Request) -> BearerToken | None:
    values = request.args.getlist("token")
    return BearerToken(values[0]) if values else None


def by_splitting(request: Request) -> BearerToken | None:
    credentials = request.headers.get("Authorization")
    return BearerToken(credentials.split(" ")[1]) if credentials else from_header(request)


def as_text(request: Request) -> Any:
    return request.headers.get("Cookie") or from_header(request)


def from_stream(request: Request) -> BearerToken | None:
    value = request.stream.read().decode("latin-1")
    return BearerToken(value) if value else None


def from_current_request(given: Request) -> BearerToken | None:
    return from_header(request)


def remembered_on_g(request: Request) -> BearerToken | None:
    g.token = from_header(request)
    return from_header(request)


class Forgetful:
    """Keeps the current request where other threads overwrite it."""

    def extract(self, request: Request) -> BearerToken | None:
        self.request = request
        time.sleep(0.0001)
        return from_header(self.request)


class OfAnotherScheme(Extraction):
    """States another scheme than its tokens have."""

    challenges = (Challenge("ApiKey"),)


class DescribingAnother(Extraction):
    """Describes a request with another header than the one that it reads."""

    def request_with(self, token: str) -> dict[str, Any]:
        return {"headers": {"X-Other": token}}


class VaryingByAnother(Extraction):
    """States another header than the one that it reads."""

    vary = ("Authorization",)


def broken_extractors() -> Iterator[tuple[str, tuple[object, str]]]:
    def broken(name: str, extract: Callable[..., Any], test: str) -> tuple[str, tuple[object, str]]:
        return name, (ExtractorContract(Extraction(extract)), test)

    yield broken("takes no request", lambda: None, "test_it_composes")
    yield broken("changes the token", lowered, "test_it_returns_the_token_unchanged")
    yield broken("has no source", sourceless, "test_it_returns_the_token_unchanged")
    yield broken("finds nothing", lambda request: None, "test_it_returns_the_token_unchanged")
    yield broken("invents a token", always, "test_it_returns_none_without_credentials")
    unchanged = "test_it_returns_the_token_unchanged"
    yield broken("returns a str", text_of_header, unchanged)
    yield broken("strips", stripped, unchanged)
    yield broken("raises KeyError", needing_a_header, "test_it_returns_none_without_credentials")
    query = HeaderContract(Extraction(from_query_too))
    yield "reads the query, too", (query, "test_it_ignores_other_places")
    first = HeaderContract(Extraction(before_comma))
    yield "takes the first of two headers", (first, "test_it_uses_neither_of_two_tokens")
    words = AuthorizationContract(Extraction(second_word), "Bearer")
    yield "ignores what is malformed", (words, "test_it_refuses_malformed_credentials")
    ambient = "test_it_marks_what_browsers_send"
    yield "hides a password", (AuthorizationContract(Extraction(second_word), "Basic"), ambient)
    yield "hides a cookie", (CookieContract(Extraction(from_cookie), "Cookie"), ambient)
    yield broken("takes the first", first_of_several, "test_it_refuses_two_credentials")
    yield broken("ignores what is empty", from_header, "test_it_refuses_malformed_credentials")
    yield broken("raises IndexError", by_splitting, "test_it_handles_hostile_requests")
    yield broken("returns text", as_text, "test_it_handles_hostile_requests")
    yield broken(
        "reads flask.request",
        from_current_request,
        "test_it_reads_the_request_that_it_is_given",
    )
    yield broken("writes to flask.g", remembered_on_g, "test_it_leaves_flask_g_alone")
    scheme = ExtractorContract(OfAnotherScheme(from_header))
    yield "misnames its scheme", (scheme, "test_its_challenges_name_its_scheme")
    described = ExtractorContract(DescribingAnother(from_header))
    yield "misdescribes its request", (described, "test_its_request_with_is_true")
    vary = ExtractorContract(VaryingByAnother(from_header))
    yield "misnames its header", (vary, "test_its_vary_names_the_header_that_it_reads")
    body = BodyContract(Extraction(from_stream))
    yield "uses up the body", (body, "test_it_returns_the_same_token_again")
    yield "uses up any body", (body, "test_it_leaves_the_body_to_the_view")
    yield "mixes threads", (ExtractorContract(Forgetful()), "test_it_keeps_requests_apart")


BROKEN = dict(broken_extractors())


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_a_broken_extractor_fails(contract: object, check: str) -> None:
    """An extractor that breaks the contract fails the matching check, whose message says so."""
    with pytest.raises(Exception) as error:
        getattr(contract, check)()
    assert str(error.value)


@pytest.mark.parametrize(("contract", "check"), BROKEN.values(), ids=BROKEN)
def test_check_finds_it(contract: object, check: str, found_by_check: Failures) -> None:
    """``check`` finds the broken extractor, too, and names the promise."""
    assert check in found_by_check(contract)


def test_every_check_can_fail() -> None:
    """For each check of the contract, some broken extractor fails it."""
    checks = {name for name in dir(TokenExtractorContract) if name.startswith("test_")}

    assert checks == {check for _, check in BROKEN.values()}


def test_the_base_of_the_broken_extractors_fails_only_one_check(failures: Failures) -> None:
    """An extractor of one location, which ignores malformed credentials, fails only the check for those."""
    contract = HeaderContract(Extraction(from_header))

    assert set(failures(contract)) == {"test_it_refuses_malformed_credentials"}


@pytest.mark.parametrize("vary", [(), ("X-Token",), ("x-token", "Cookie")], ids=str)
def test_a_correct_vary_passes(failures: Failures, vary: tuple[str, ...]) -> None:
    """An extractor of a query parameter needs no header in ``vary``; one of a header needs that one."""

    class Stating(Extraction):
        def __init__(self, extract: Any) -> None:
            super().__init__(extract)
            self.vary = vary

    extract = from_header if vary else first_of_several

    failed = failures(ExtractorContract(Stating(extract)))
    assert "test_its_vary_names_the_header_that_it_reads" not in failed


def test_a_refusal_without_the_header_is_no_token(failures: Failures) -> None:
    """An extractor that refuses a request without its header doesn't find a token elsewhere."""

    def refusing(request: Request) -> BearerToken | None:
        if request.method == "GET" and "X-Token" not in request.headers:
            raise InvalidRequestError("the header is missing")
        return from_header(request)

    extractor = Extraction(refusing)
    extractor.vary = ("X-Token",)  # type: ignore[attr-defined]

    failed = failures(ExtractorContract(extractor))
    assert "test_its_vary_names_the_header_that_it_reads" not in failed


def test_an_incomplete_contract_is_an_error() -> None:
    """A subclass without an extractor can't be instantiated, so it can't pass by checking nothing."""
    contract: Any = TokenExtractorContract

    with pytest.raises(TypeError, match="abstract"):
        contract()
