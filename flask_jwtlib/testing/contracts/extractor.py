"""The tests that every token extractor must pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from flask import Request, g

from ...authenticator import Authenticator
from ...errors import AuthenticationError, InvalidRequestError
from ...interfaces import TokenExtractor, challenges_of, vary_of
from ...values import BearerToken
from ..request import make_request
from ._checking import NoKeys, in_threads, in_throwaway_app, nothing_raised, require, unchecked

__all__ = ["TokenExtractorContract"]


class TokenExtractorContract(ABC):
    """Tests a ``TokenExtractor``. Implement how to make it, and how to make a request with a token for it."""

    @abstractmethod
    def make_extractor(self) -> TokenExtractor:
        """Make the extractor."""

    @abstractmethod
    def request_with(self, token: str) -> Request:
        """Make a request that carries a token where the extractor looks for it.

        Args:
            token: Letters, digits, dots and hyphens.
        """

    def ambiguous_requests(self) -> Iterable[Request]:
        """Make requests with two credentials. None by default, for an extractor that reads one place."""
        return ()

    def malformed_requests(self) -> Iterable[Request]:
        """Make requests whose credentials are malformed. None by default."""
        return ()

    def test_it_composes(self) -> None:
        """An ``Authenticator`` accepts the extractor."""
        Authenticator(keys=NoKeys(), extractor=self.make_extractor())

    def test_it_returns_the_token_unchanged(self) -> None:
        """It returns the token exactly as it was sent, and names its source."""
        for sent in ("a.b.c", "Token-1", "0" * 4000):
            found = self._extract(self.request_with(sent))
            require(isinstance(found, BearerToken), f"expected a BearerToken, not {found!r}")
            require(found.value == sent, f"expected the token {sent!r}, not {found.value!r}")
            require(found.source and isinstance(found.source, str), "the token has no source")

    def test_its_challenges_name_its_scheme(self) -> None:
        """The scheme of its tokens has a challenge: one of its ``challenges``, or else that of Bearer."""
        found = self._extract(self.request_with("token-1"))
        schemes = [challenge.scheme for challenge in challenges_of(self.make_extractor())]
        require(
            found is None or found.scheme.lower() in [scheme.lower() for scheme in schemes],
            f"its token has the scheme {getattr(found, 'scheme', None)!r}, its challenges have {schemes}",
        )

    def test_its_vary_names_the_header_that_it_reads(self) -> None:
        """If it states ``vary``, its token isn't in another header: caches keep the callers apart."""
        vary = vary_of(self.make_extractor())
        if vary is None or self._finds_without(lambda _: True):
            return  # It says nothing, or its token is in the URL or the body.
        stated = [name.upper().replace("-", "_") for name in vary]
        require(
            not self._finds_without(lambda name: name in stated),
            f"it finds the token without the headers of its vary, {vary!r}",
        )

    def test_it_returns_none_without_credentials(self) -> None:
        """For a request without credentials it returns None, with any HTTP method."""
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"):
            found = self._extract(make_request(method=method))
            require(found is None, f"expected None for an empty {method} request, not {found!r}")

    def test_it_refuses_two_credentials(self) -> None:
        """It refuses a request with two credentials and uses neither (RFC 6750 §2)."""
        for request in self.ambiguous_requests():
            self._require_refusal(request, "two credentials")

    def test_it_refuses_malformed_credentials(self) -> None:
        """It refuses malformed credentials instead of ignoring them (RFC 6750 §3.1)."""
        for request in self.malformed_requests():
            self._require_refusal(request, "malformed credentials")

    def test_it_handles_hostile_requests(self) -> None:
        """For hostile requests it returns a token or None, or raises only ``AuthenticationError``."""
        for what, request in _hostile_requests():
            found = None
            with nothing_raised(what), suppress(AuthenticationError):
                found = self._extract(request)
            require(
                found is None
                or (isinstance(found, BearerToken) and isinstance(unchecked(found.value), str)),
                f"{what}: expected a BearerToken or None, not {found!r}",
            )

    def test_it_returns_the_same_token_again(self) -> None:
        """Called twice with one request, it returns the same token."""
        request = self.request_with("again")
        first, second = self._extract(request), self._extract(request)
        require(first == second, f"it returned {first!r}, then {second!r}")

    def test_it_leaves_the_body_to_the_view(self) -> None:
        """The view can still read a body that doesn't concern the extractor."""
        request = make_request(method="POST", json={"for": "the view"})
        self._extract(request)
        require(request.get_data() == b'{"for": "the view"}', "the body was consumed")

    def test_it_reads_the_request_that_it_is_given(self) -> None:
        """It reads the request that is passed to it, not ``flask.request``."""
        with in_throwaway_app(self.request_with("of-the-current-request")):
            found = self.make_extractor().extract(make_request())
        require(found is None, "it returned the token of flask.request for another request")

    def test_it_leaves_flask_g_alone(self) -> None:
        """It doesn't write to ``flask.g``."""
        extractor = self.make_extractor()
        with in_throwaway_app():
            for request in (make_request(), self.request_with("for-g")):
                extractor.extract(request)
                require(not list(g), f"it wrote to flask.g: {', '.join(g)}")

    def test_it_keeps_requests_apart(self) -> None:
        """Threads that share an extractor each get their own request's token."""
        extractor = self.make_extractor()

        def job(token: str) -> Callable[[], str | None]:
            def extract() -> str | None:
                with in_throwaway_app():
                    found = extractor.extract(self.request_with(token))
                return None if found is None else found.value

            return extract

        tokens = [f"token-{number}" for number in range(8)]
        for token, found in zip(tokens, in_threads([job(token) for token in tokens]), strict=True):
            require({token} == set(found), f"requests with {token!r} returned {set(found)!r}")

    def _extract(self, request: Request) -> Any:
        """Extract with a new extractor, while ``flask.request`` is another, empty request."""
        with in_throwaway_app():
            return unchecked(self.make_extractor().extract(request))

    def _finds_without(self, removes: Callable[[str], bool]) -> bool:
        """Whether it finds a token without some of the request's headers."""
        environ = self.request_with("token-1").environ
        kept = {
            name: value
            for name, value in environ.items()
            if not (name.startswith("HTTP_") and removes(name.removeprefix("HTTP_")))
        }
        with suppress(AuthenticationError):
            return self._extract(Request(kept)) is not None
        return False

    def _require_refusal(self, request: Request, what: str) -> None:
        try:
            found = self._extract(request)
        except InvalidRequestError:
            return
        raise AssertionError(f"{what}: expected InvalidRequestError, not {found!r}")


def _hostile_requests() -> Iterator[tuple[str, Request]]:
    """Yield requests that an attacker might send, each with a description."""
    for value in _HOSTILE_VALUES:
        shown = value if len(value) < 40 else f"{value[:40]}…"
        for header in ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_DPOP", "HTTP_X_API_KEY"):
            yield f"{header} {shown!r}", make_request(environ_overrides={header: value})
        yield f"query {shown!r}", make_request(environ_overrides={"QUERY_STRING": value})
        for content_type in _CONTENT_TYPES:
            yield (
                f"{content_type!r} body {shown!r}",
                make_request(
                    method="POST", data=value.encode("latin-1"), content_type=content_type
                ),
            )


_CONTENT_TYPES = (
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-16",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json",
    "\xff; =;",
)

# An application gets header values as Latin-1 text (PEP 3333).
_HOSTILE_VALUES = (
    "",
    " ",
    "Bearer",
    "Bearer ",
    "bearer\t\x0b",
    "Bearer a b",
    "Bearer a, Bearer b",
    "Bearer \xe9",
    "Bearer \x00",
    "Bearer a\r\nX-Injected: b",
    "Bearer " + "a" * 100_000,
    "Basic",
    "Basic \xff",
    "Basic dXNlcg==",
    'Digest username="',
    "DPoP a.b.c",
    "=",
    ";;;",
    'a="; b',
    "access_token",
    "access_token=",
    "access_token=&access_token=",
    "access_token[]=a",
    "access_token=%",
    "access_token=%zz%ff%00",
    "&" * 900,
    "access_token=" + "a" * 100_000,
    '--x\r\nContent-Disposition: form-data; name="access_token"\r\n\r\na',
    '{"access_token": {"a": [',
)
