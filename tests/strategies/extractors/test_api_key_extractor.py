"""``APIKeyExtractor``: an API key in a header."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Request

from flask_jwtlib import BearerToken, ConfigurationError, TokenExtractor
from flask_jwtlib.challenges import Challenge
from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import bearer, make_request
from flask_jwtlib.testing.contracts import TokenExtractorContract
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from tests.kit import raises


class TestAPIKeyExtractorContract(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return APIKeyExtractor()

    def request_with(self, token: str) -> Request:
        return make_request(headers={"X-API-Key": token})

    def ambiguous_requests(self) -> Iterable[Request]:
        yield make_request(headers=[("X-API-Key", "a"), ("X-API-Key", "b")])
        yield make_request(headers=[("X-API-Key", "a"), ("X-API-Key", "a")])

    def malformed_requests(self) -> Iterable[Request]:
        for sent in MALFORMED.values():
            yield make_request(environ_overrides={"HTTP_X_API_KEY": sent})


class TestAPIKeyExtractorContractOnAuthorization(TokenExtractorContract):
    def make_extractor(self) -> TokenExtractor:
        return APIKeyExtractor("Authorization")

    def request_with(self, token: str) -> Request:
        return make_request(headers={"Authorization": f"ApiKey {token}"})

    def malformed_requests(self) -> Iterable[Request]:
        for name, sent in MALFORMED.items():
            if name != "space before":
                yield make_request(environ_overrides={"HTTP_AUTHORIZATION": f"ApiKey {sent}"})


MALFORMED: dict[str, str] = {
    "two": "a, b",
    "two without a space": "a,b",
    "comma": "a,",
    "space": "a b",
    "space before": " a",
    "space alone": " ",
    "tab": "a\tb",
    "line feed": "a\n",
    "injected header": "a\r\nX-Admin: 1",
    "quotes": '"a"',
    "Latin-1": "\xe9",
    "UTF-8 as Latin-1": "\xc3\xa9",
    "zero": "a\x00",
    "equals sign alone": "=",
    "long": "a" * 100_000 + ",",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_header_is_refused(sent: str) -> None:
    """What isn't one key is refused, and the error doesn't repeat it."""
    with raises(InvalidRequestError, match="the X-API-Key header must be one token") as refused:
        APIKeyExtractor().extract(make_request(environ_overrides={"HTTP_X_API_KEY": sent}))
    assert error_text(refused.value) == "the X-API-Key header must be one token"
    assert str(refused.value) == "The X-API-Key header is malformed"


def test_the_key_is_that_of_a_program() -> None:
    """The key has the scheme ``ApiKey``. It isn't ambient, since no browser adds it by itself."""
    found = APIKeyExtractor().extract(make_request(headers={"x-api-key": "k-1"}))

    assert found == BearerToken("k-1", source="X-API-Key", scheme="ApiKey")
    assert not found.ambient
    assert APIKeyExtractor.challenges == (Challenge("ApiKey"),)
    assert APIKeyExtractor().vary == ("X-API-Key",)


@pytest.mark.parametrize(
    "how",
    [
        {"path": "/?X-API-Key=a&api_key=a&access_token=a"},
        {"method": "POST", "data": {"X-API-Key": "a"}},
        {"method": "POST", "json": {"X-API-Key": "a"}},
        {"headers": {"Cookie": "X-API-Key=a"}},
        {"headers": {"X-API-Key": ""}},
        {"headers": {"X-API-Keys": "a", "API-Key": "a", "X-Api": "a"}},
        {"headers": {"Authorization": "ApiKey a"}},
        {"headers": bearer("a")},
    ],
    ids=["query", "form", "json", "cookie", "empty", "other names", "Authorization", "Bearer"],
)
def test_it_reads_its_header_only(how: dict[str, Any]) -> None:
    """A key in another place isn't found, above all not in a URL."""
    assert APIKeyExtractor().extract(make_request(**how)) is None


def test_another_header_may_have_the_key() -> None:
    """The header's name is a choice of the application's."""
    extractor = APIKeyExtractor("X-Acme-Key")

    assert extractor.vary == ("X-Acme-Key",)
    found = extractor.extract(make_request(headers={"X-Acme-Key": "a", "X-API-Key": "b"}))
    assert found == BearerToken("a", source="X-Acme-Key", scheme="ApiKey")


@pytest.mark.parametrize(
    ("sent", "found"),
    [("ApiKey a", "a"), ("apikey a", "a"), ("APIKEY  a", "a"), ("Bearer a", None), ("a", None)],
    ids=["ApiKey", "lower case", "upper case and spaces", "Bearer", "bare"],
)
def test_a_key_may_be_sent_by_authorization(sent: str, found: str | None) -> None:
    """``Authorization: ApiKey …`` is read by the extractor of that header. Other schemes are ignored."""
    extractor = APIKeyExtractor("authorization")
    extracted = extractor.extract(make_request(headers={"Authorization": sent}))

    assert extractor.vary == ("authorization",)
    assert extracted == (None if found is None else BearerToken(found, scheme="ApiKey"))


def test_both_headers_may_have_the_key() -> None:
    """A composite of both reads either, has one challenge, and refuses both at once."""
    both = CompositeTokenExtractor(APIKeyExtractor(), APIKeyExtractor("Authorization"))
    headers = {"X-API-Key": "a", "Authorization": "ApiKey a"}

    assert both.challenges == (Challenge("ApiKey"),)
    assert both.vary == ("X-API-Key", "Authorization")
    for name, value in headers.items():
        assert both.extract(make_request(headers={name: value})).value == "a"  # type: ignore[union-attr]
    with raises(InvalidRequestError, match="two places have a token: X-API-Key and header"):
        both.extract(make_request(headers=headers))


@pytest.mark.parametrize(
    "name", ["Cookie", "cookie", "Host", "X API Key", "X-API-Key:", "", None, 5], ids=repr
)
def test_a_wrong_name_is_refused(name: Any) -> None:
    """A name that no header of a key can have is refused when the extractor is made."""
    with pytest.raises(ConfigurationError, match=re.escape(str(name)) or "is '', expected a name"):
        APIKeyExtractor(name)
