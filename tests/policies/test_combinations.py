"""What a refusal by several policies says, and claim rules and step-up errors within combinations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import Unauthorized

from flask_jwtlib import AuthenticationError, Authenticator, ConfigurationError, Role, Scope, policy
from flask_jwtlib.claim_rules import Issuer, apply_rules
from flask_jwtlib.errors import (
    ForbiddenError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingClaimError,
    VerificationUnavailable,
)
from flask_jwtlib.policies import Call, ClaimEquals, Policy, refusal_by
from flask_jwtlib.testing import TokenIssuer, bearer

from .kit import SATISFIED, claims, verdict


class StepUp(AuthenticationError, Unauthorized):
    """The caller must log in again, with a second factor (RFC 9470)."""

    error_code = "insufficient_user_authentication"
    description = "A second factor is required"
    allows_anonymous = False


@policy
def two_factors(claims: Any, call: Call) -> bool:
    """Require a login with two factors."""
    if claims.get("acr") != "2fa":
        raise StepUp(headers=[("X-Step-Up", "2fa")])
    return True


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator without policies of its own."""
    return Authenticator(keys=issuer.verification_key)


def refusal(*required: Policy, **members: Any) -> AuthenticationError:
    """Return the refusal of some claims."""
    error = refusal_by(required, claims(**members))
    assert error is not None
    return error


def test_everything_that_is_missing_is_collected() -> None:
    """The client is told all missing scopes at once, and the log all that was required."""
    error = refusal(Scope("a", "b"), Scope("c") & Scope("d"), Scope("b", "e"), scope="c")

    assert isinstance(error, InsufficientScopeError)
    assert error.scope == "a b d e"
    assert error.log_message == (
        "required: (scope a and scope b); required: scope d; required: (scope b and scope e)"
    )


@pytest.mark.parametrize(
    "build", [lambda *it: it, lambda a, b, c: (a & b & c,)], ids=["list", "and"]
)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
@pytest.mark.parametrize(
    ("satisfied", "kind", "status"),
    [
        ({}, ForbiddenError, 403),
        ({"roles": "editor"}, InsufficientScopeError, 403),
        ({"roles": "editor", "scope": "a"}, StepUp, 401),
        ({"scope": "a"}, ForbiddenError, 403),
        ({"acr": "2fa"}, ForbiddenError, 403),
        ({"acr": "2fa", "roles": "editor"}, InsufficientScopeError, 403),
    ],
    ids=["all", "scope and login", "login", "role and login", "role and scope", "scope"],
)
def test_what_nothing_cures_outranks_what_the_client_can_do(
    build: Callable[..., Any], order: tuple[int, ...], satisfied: Any, kind: type, status: int
) -> None:
    """A 403 that no scope cures is told first, then a missing scope, then a 401, in any order of policies."""
    parts = [two_factors, Scope("a"), Role("editor")]
    error = refusal(*build(*(parts[place] for place in order)), **satisfied)

    assert type(error) is kind
    assert error.status == status
    missing = [each for each in parts if verdict(each, claims(**satisfied)) is not SATISFIED]
    assert error.log_message.count(";") == len(missing) - 1


@pytest.mark.parametrize(
    ("required", "kind"),
    [
        (Role("editor") | Scope("a"), InsufficientScopeError),
        (two_factors | Scope("a"), InsufficientScopeError),
        (two_factors | Role("editor"), ForbiddenError),
        (two_factors | ~ClaimEquals("x", 1), ForbiddenError),
        ((Role("editor") & Scope("a")) | Scope("b"), InsufficientScopeError),
        ((two_factors & Scope("a")) | Role("editor"), InsufficientScopeError),
    ],
    ids=str,
)
def test_an_alternative_tells_what_the_client_can_do(required: Policy, kind: type) -> None:
    """If a scope would cure a refusal, it is told. A 403 outranks a step-up 401."""
    assert type(refusal(required)) is kind
    assert type(refusal(Scope("z") & required, scope="z")) is kind


def test_no_error_is_made_for_an_alternative_that_is_not_needed() -> None:
    """Where another alternative lets the caller in, the error of the unmet one is never made."""
    made: list[str] = []

    class Blocked(Policy):
        def verdict(self, claims: Any, call: Call) -> bool:
            return False

        def refusal(self, claims: Any) -> AuthenticationError:
            made.append("error")
            return ForbiddenError("blocked")

    assert refusal_by([Blocked() | Scope("a"), ~Blocked()], claims(scope="a")) is None
    assert made == []
    assert refusal(Blocked() | Scope("b")).status == 403
    assert made == ["error"]


def test_the_error_of_a_policy_is_not_changed() -> None:
    """A shared error, as a policy may raise it again and again, collects nothing."""
    shared = ForbiddenError("blocked")

    @policy
    def blocked(claims: Any, call: Call) -> bool:
        raise shared

    for _ in range(2):
        assert (
            refusal(blocked, Role("editor")).log_message
            == "blocked; required: role editor in roles"
        )
    assert shared.log_message == "blocked"
    assert shared.__traceback__ is None


def test_an_own_kind_of_missing_scope_stays_what_it_is() -> None:
    """A subclass of the error keeps its class, text and headers, and names all missing scopes."""

    class Unpaid(InsufficientScopeError):
        description = "Pay first"

    @policy
    def paid(claims: Any, call: Call) -> bool:
        raise Unpaid("paid", "unpaid")

    error = refusal(paid, Scope("a"))
    assert type(error) is Unpaid
    assert (error.scope, str(error)) == ("paid a", "Pay first")
    assert error.log_message == "unpaid; required: scope a"


@pytest.mark.parametrize("kind", ["requires_authentication", "optional_authentication"])
def test_a_step_up_is_required_on_every_route(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, kind: str
) -> None:
    """A policy's 401 is refused on optional routes, too, with its own error code and headers."""
    decorate = getattr(auth, kind)(rules=[two_factors & Scope("a")])
    app.add_url_rule("/", "it", decorate(lambda: "in"))

    def get(**members: Any) -> Any:
        return app.test_client().get("/", headers=bearer(issuer.token(scope="a", **members)))

    assert get(acr="2fa").text == "in"
    response = get()
    assert response.status_code == 401
    assert response.headers["X-Step-Up"] == "2fa"
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="A second factor is required", scope="a"'
    )


@pytest.mark.parametrize("error", [StepUp, InvalidTokenError], ids=["step-up", "invalid token"])
def test_no_refusal_by_a_policy_makes_a_guest(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, error: Any
) -> None:
    """A policy may raise any error, even one that optional routes tolerate elsewhere."""

    @policy
    def raising(claims: Any, call: Call) -> bool:
        raise error("no")

    app.add_url_rule("/", "it", auth.optional_authentication(rules=[raising])(lambda: "in"))
    client = app.test_client()

    assert client.get("/").text == "in"
    assert client.get("/", headers=bearer(issuer.token())).status_code == 401


def test_a_policy_may_need_a_service_that_is_down(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """``VerificationUnavailable`` is a 503 on every route, and under ``|`` nobody is let in meanwhile."""

    @policy
    def down(claims: Any, call: Call) -> bool:
        raise VerificationUnavailable("the directory is down")

    app.add_url_rule(
        "/", "it", auth.optional_authentication(rules=[Scope("a") | down])(lambda: "in")
    )
    response = app.test_client().get("/", headers=bearer(issuer.token(scope="a")))

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def long_name(claims: Any) -> bool:
    """Accept names with more than three letters."""
    return len(claims["name"]) > 3


@pytest.mark.parametrize(
    "required",
    [
        Scope("a") & long_name,
        long_name & Scope("a"),
        Scope("b") | (Scope("a") & long_name),
        (long_name & Scope("a")) | Scope("b"),
        ~Scope("b") & long_name & Scope("a"),
    ],
    ids=["after", "before", "within", "within, first", "three"],
)
def test_a_claim_rule_is_a_part_of_a_combination(required: Policy) -> None:
    """A claim rule in ``&`` and ``|`` applies as it does alone."""
    assert verdict(required, claims(scope="a", name="alice")) is SATISFIED
    for members in ({"scope": "a", "name": "al"}, {"scope": "a"}, {"name": "alice"}):
        assert verdict(required, claims(**members)) is not SATISFIED


def test_a_rule_refuses_with_its_own_error() -> None:
    """What a rule raises or returns is told as it is without a combination."""
    found = claims(scope="a", name="al", iss="https://other.example")

    for rule in (long_name, Issuer("https://issuer.example"), lambda claims: claims["absent"]):
        with pytest.raises(AuthenticationError) as alone:
            apply_rules(found, [rule])
        error = refusal(Scope("a") & rule, **found)
        assert (type(error), error.log_message) == (type(alone.value), alone.value.log_message)
    assert isinstance(refusal(Scope("a") & long_name, scope="a"), MissingClaimError)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ~(Scope("a") & long_name),
        lambda: ~(long_name | Scope("a")),
        lambda: ~(Scope("b") & (Scope("c") | (Scope("a") & long_name))),
        lambda: ~(Scope("b") | (Scope("c") & (Scope("a") | long_name))),
        lambda: Scope("c") & ~(Scope("a") & long_name),
    ],
    ids=["and", "or", "nested and", "nested or", "within"],
)
def test_a_combination_with_a_rule_cannot_be_negated(build: Callable[[], Policy]) -> None:
    """A rule that raises has no verdict to negate, at any depth. The error says what to write."""
    with pytest.raises(ConfigurationError, match="Write it as a policy that returns True or False"):
        build()


async def async_rule(claims: Any) -> bool:
    """Refuse, but later."""
    return False


@pytest.mark.parametrize(
    "combine", [Policy.__and__, Policy.__or__, Policy.__rand__, Policy.__ror__]
)
@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("a", "must be a callable"),
        (None, "must be a callable"),
        (Scope, "is the class Scope, expected an instance"),
        (async_rule, "is async"),
        ([Scope("a")], "must be a callable"),
    ],
    ids=["string", "None", "class", "async", "list"],
)
def test_other_parts_are_refused(combine: Any, part: Any, text: str) -> None:
    """A part is a policy or a claim rule."""
    with pytest.raises(ConfigurationError, match=text):
        combine(Scope("a"), part)
