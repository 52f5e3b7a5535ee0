"""The claims that a rule reads are noted, and it notices nothing of it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.explain import explain
from flask_jwtlib.policies import Scope
from flask_jwtlib.testing import TokenIssuer


class Opaque(TokenValidator):
    """A validator of an application, for tokens of another form."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        if token.value == "down":
            raise VerificationUnavailable("the service is down")
        if token.value != "open sesame":
            raise InvalidTokenError("it isn't the word")
        return Claims({"sub": "ali", "cnf": {"x5t#S256": "abc"}}, checked_at=0)


class TestWatchedClaims:
    """A rule sees the claims as in a request."""

    def test_everything_works(self, issuer: TokenIssuer) -> None:
        """Unpacking, copies, pickles, comparisons and merging, with the same types."""
        seen: list[Any] = []

        def rule(claims: Claims) -> None:
            merged = dict(**claims)
            seen.extend(
                [
                    isinstance(claims, Claims),
                    merged == dict(claims) == {**claims} == dict(claims.items()) == claims | {},
                    "sub" in claims and "x" not in claims,
                    type(copy.copy(claims)) is Claims and copy.deepcopy(claims) == claims,
                    type(pickle.loads(pickle.dumps(claims))) is Claims,
                    claims.get("x", 5) == 5 and claims.pop("x", 6) == 6,
                    type(claims.implying({})) is Claims and claims.subject == "ada",
                    list(claims) == list(merged),
                ]
            )

        auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))
        explanation = explain(auth, issuer.token("ada"))
        assert explanation
        assert seen == [True] * 8
        assert "sub = 'ada', no x" in explanation.steps[-1].found

    def test_claims_of_another_class_arent_watched(self) -> None:
        """A validator of the application may return a subclass."""

        class Own(Claims):
            __slots__ = ()

        class Owner(Opaque):
            def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
                return Own({"scope": "read"}, checked_at=0)

        explanation = explain(Authenticator(validator=Owner(), policies=[Scope("read")]), "x")
        assert explanation
        assert explanation.steps[-1].found == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_767_225_600, "1767225600 (2026-01-01 00:00:00 UTC)"),
        (1.5, "1.5 (1970-01-01 00:00:01 UTC)"),
        (-1, "-1 (1969-12-31 23:59:59 UTC)"),
        (10**30, str(10**30)),
        (1e300, "1e+300"),
        (True, "True"),
        ("soon", "'soon'"),
    ],
    ids=["int", "fraction", "before 1970", "after the last year", "a large float", "bool", "text"],
)
def test_times_are_shown_for_people(issuer: TokenIssuer, value: object, shown: str) -> None:
    """A time in seconds is followed by its date, if it has one."""

    def rule(claims: Claims) -> None:
        claims.get("auth_time")

    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))

    explanation = explain(auth, issuer.token(auth_time=value))

    assert explanation.steps[-1].found == f"auth_time = {shown}"
