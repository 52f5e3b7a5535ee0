"""The tests that every token extractor must pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from flask import Request, g

from ...authenticator import Authenticator
from ...errors import AuthenticationError, InvalidRequestError
from ...interfaces import TokenExtractor, challenges_of, request_arguments_of, vary_of
from ...values import BearerToken
from ..request import make_request
from ._checking import in_threads, in_throwaway_app, nothing_raised, require, unchecked
from ._hostile_requests import hostile_requests
from ._repeated import repeated
from ._stand_ins import NoKeys

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

    def other_places(self) -> Iterable[Request]:
        """Make requests with a token in places that the extractor must not read. None by default."""
        return ()

    def malformed_requests(self) -> Iterable[Request]:
        """Make requests whose credentials are malformed. None by default."""
        return ()

    def test_it_composes(self) -> None:
        """An ``Authenticator`` accepts the extractor."""
        Authenticator(keys=NoKeys(), extractor=self.make_extractor())

    def test_it_returns_the_token_unchanged(self) -> None:
        """It returns the token exactly as it was sent, and names its source."""
        for sent in ("a.b.c", "Token-1", "-.a.-", "0" * 4000):
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

    def test_its_request_with_is_true(self) -> None:
        """If it has ``request_with``, it finds the token in such a request: ``explain`` makes one."""
        extractor = self.make_extractor()
        with nothing_raised("request_with"):
            arguments = request_arguments_of(extractor, "token-1")
            if arguments is None or "session" in arguments:
                return
            found = self._extract(make_request(**arguments))
        require(
            getattr(found, "value", None) == "token-1",
            f"request_with returned {arguments!r}, in which it finds {found!r}",
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

    def test_it_uses_neither_of_two_tokens(self) -> None:
        """From a header or query with two tokens it returns neither of them (RFC 6750 §2)."""
        tokens = ("token-1", "token-2")
        for name, request in repeated(*map(self.request_with, tokens)):
            found = None
            with suppress(AuthenticationError):
                found = self._extract(request)
            require(
                getattr(found, "value", None) not in tokens,
                f"{name} has two tokens: expected InvalidRequestError, not {found!r}",
            )

    def test_it_refuses_malformed_credentials(self) -> None:
        """It refuses malformed credentials instead of ignoring them (RFC 6750 §3.1)."""
        for request in self.malformed_requests():
            self._require_refusal(request, "malformed credentials")
        sent = self.request_with("token-1").headers.get("Authorization", "")
        if sent.lower().startswith("bearer "):
            for value in ("Bearer", "Bearer a b", 'Bearer "a"'):
                self._require_refusal(make_request(headers={"Authorization": value}), value)

    def test_it_ignores_other_places(self) -> None:
        """It returns None for a token in a place that it must not read, such as a query that is off."""
        for request in self.other_places():
            found = self._extract(request)
            require(found is None, f"expected None for a token in another place, not {found!r}")

    def test_it_marks_what_browsers_send(self) -> None:
        """A token that a browser sends by itself is ``ambient``: from a cookie, or kept credentials."""
        request = self.request_with("token-1")
        found = self._extract(request)
        scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
        is_ambient = scheme in {"basic", "digest", "negotiate", "ntlm"} or (
            "Cookie" in request.headers and not self._finds_without(lambda name: name == "COOKIE")
        )
        require(
            not is_ambient or found is None or getattr(found, "ambient", True),
            "a browser sends the token by itself: expected BearerToken(…, ambient=True)",
        )

    def test_it_handles_hostile_requests(self) -> None:
        """For hostile requests it returns a token or None, or raises only ``AuthenticationError``."""
        for what, request in hostile_requests():
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
