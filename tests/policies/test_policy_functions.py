"""Policies that are functions, and the call that they see."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask, request

from flask_jwtlib import Authenticator, ConfigurationError, Scope, policy
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.policies import NO_CALL, Call, Policy, Verdict, judge
from flask_jwtlib.testing import TokenIssuer, bearer

from .kit import REFUSED, SATISFIED, UNKNOWN, claims, verdict


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator without policies of its own."""
    return Authenticator(keys=issuer.verification_key)


@policy
def owner(claims: Any, call: Call) -> bool:
    """Whether the URL names the caller."""
    return bool(claims["sub"] == call.view_args["user_id"])


@pytest.mark.parametrize("kind", ["requires_authentication", "optional_authentication"])
def test_the_owner_of_a_user_id(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, kind: str
) -> None:
    """A policy of three lines lets only the user in whom the URL names."""
    decorate = getattr(auth, kind)(rules=[owner])
    app.add_url_rule("/users/<user_id>", "it", decorate(lambda user_id: f"data of {user_id}"))
    headers = bearer(issuer.token("alice"))
    client = app.test_client()

    assert client.get("/users/alice", headers=headers).text == "data of alice"
    assert client.get("/users/%61lice", headers=headers).text == "data of alice"
    for user_id in ("bob", "Alice", "alice%20", "alice%00", "alice,bob", "%E1lice"):
        response = client.get(f"/users/{user_id}", headers=headers)
        assert response.status_code == 403
        assert "WWW-Authenticate" not in response.headers


def test_a_token_without_a_subject_owns_nothing(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """An absent claim refuses, also if the URL has no such argument."""
    decorated = auth.requires_authentication(rules=[owner])(lambda **_: "in")
    app.add_url_rule("/users/<user_id>", "it", decorated)
    app.add_url_rule("/users", "it", decorated)
    client = app.test_client()

    for subject in ("alice", None):
        assert client.get("/users", headers=bearer(issuer.token(subject))).status_code == 403
    assert client.get("/users/None", headers=bearer(issuer.token(None))).status_code == 403


def test_a_policy_sees_what_the_view_sees(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """The call has the endpoint, the method and the arguments, converted and preprocessed."""
    seen: list[Call] = []

    @policy
    def record(claims: Any, call: Call) -> bool:
        seen.append(call)
        return True

    @app.url_value_preprocessor
    def take_language(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values is not None:
            values.pop("language", None)

    decorated = auth.requires_authentication(rules=[record])(lambda **_: "in")
    app.add_url_rule("/<language>/texts/<int:number>", "text", decorated, methods=["GET", "POST"])
    app.test_client().post("/en/texts/7?number=8", headers=bearer(issuer.token()))
    app.test_client().head("/en/texts/7", headers=bearer(issuer.token()))

    assert seen == [Call("text", "POST", {"number": 7}), Call("text", "HEAD", {"number": 7})]
    with pytest.raises(TypeError):
        seen[0].view_args["number"] = 8  # type: ignore[index]


@pytest.mark.parametrize("method", ["get", "GET", "PaTcH"])
def test_a_method_is_in_upper_case(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, method: str
) -> None:
    """The client can't pass a policy about methods by writing the method otherwise."""

    @policy
    def reading(claims: Any, call: Call) -> bool:
        return call.method == "GET"

    decorated = auth.requires_authentication(rules=[reading])(lambda: request.method)
    app.add_url_rule("/", "it", decorated, methods=["GET", "PATCH"])
    response = app.test_client().open("/", method=method, headers=bearer(issuer.token()))

    assert response.status_code == (200 if method.upper() == "GET" else 403)


def test_a_guard_calls_policies_for_unknown_paths(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Where no view is found, the call has no endpoint and no arguments: a policy that needs them refuses."""

    @policy
    def only_text(claims: Any, call: Call) -> bool:
        return call.endpoint == "text"

    auth.protect(app, rules=[only_text | owner])
    app.add_url_rule("/text", "text", lambda: "in")
    client = app.test_client()

    for path, status in (("/text", 200), ("/unknown", 403)):
        assert client.get(path, headers=bearer(issuer.token())).status_code == status


@pytest.mark.parametrize("negated", [False, True], ids=["", "not"])
def test_without_a_call_a_policy_that_needs_one_refuses(
    auth: Authenticator, issuer: TokenIssuer, negated: bool
) -> None:
    """``verify`` calls no view, so a policy about the view is unknown, and so is its negation."""
    required = ~owner if negated else owner

    assert verdict(required, claims(sub="alice")) is UNKNOWN
    with pytest.raises(ForbiddenError):
        auth.evolve(policies=[required]).verify(issuer.token())
    with pytest.raises(ForbiddenError):
        required(claims(sub="alice"))
    assert auth.evolve(policies=[Scope("a") | required]).verify(issuer.token(scope="a"))


def test_a_policy_can_be_called_with_a_call() -> None:
    """A view or a test passes the call itself."""
    call = Call("it", "GET", {"user_id": "alice"})

    owner(claims(sub="alice"), call)
    with pytest.raises(ForbiddenError):
        owner(claims(sub="bob"), call)
    with pytest.raises(ForbiddenError):
        (~owner)(claims(sub="alice"), call)
    (~owner)(claims(sub="bob"), call)


@pytest.mark.parametrize("name", ["endpoint", "method", "view_args", "unknown"])
def test_no_call_has_no_attribute(name: str) -> None:
    """``getattr`` with a default and ``hasattr`` don't hide that there is no call."""

    @policy
    def by_default(claims: Any, call: Call) -> bool:
        return hasattr(call, name) or getattr(call, name, None) is None

    assert verdict(by_default, claims()) is UNKNOWN
    assert repr(NO_CALL) == "<no call>"


def _index(claims: Any, call: Call) -> bool:
    return bool(claims["groups"][0] == "editors")


def _member(claims: Any, call: Call) -> bool:
    return bool(claims["realm"]["editor"])


def _unknown_argument(claims: Any, call: Call) -> bool:
    return bool(call.view_args["user_id"])


@pytest.mark.parametrize("function", [_index, _member, _unknown_argument])
def test_reading_what_is_absent_is_unknown(function: Any) -> None:
    """A claim, a member, an item or a URL argument that isn't there refuses, also under ``~``."""
    found = claims(groups=[], realm={})
    call = Call("it", "GET")

    for required in (policy(function), ~policy(function)):
        assert verdict(required, found, call) is UNKNOWN
        assert verdict(required, claims(), call) is UNKNOWN


def test_a_policy_that_refuses_by_an_error_cannot_be_passed_by_its_negation() -> None:
    """Raising says why the caller is refused. It is not a verdict, so the negation refuses as well."""

    @policy
    def raising(claims: Any, call: Call) -> bool:
        raise ForbiddenError("not in the office", description="Come to the office")

    judgement = judge(raising, claims())
    assert judgement.verdict is UNKNOWN
    assert [str(error) for error in judgement.refusals] == ["Come to the office"]
    assert verdict(~raising, claims()) is UNKNOWN


def test_a_bug_in_a_policy_is_not_a_refusal(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """Another error of a policy propagates, and nobody is let in."""

    @policy
    def broken(claims: Any, call: Call) -> bool:
        return bool(claims["sub"].unknown)

    view = auth.requires_authentication(rules=[Scope("a") | ~broken])(lambda: "in")
    app.add_url_rule("/", "it", view)

    with pytest.raises(AttributeError):
        app.test_client().get("/", headers=bearer(issuer.token(scope="a")))


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (True, SATISFIED),
        (False, REFUSED),
        (Verdict.SATISFIED, SATISFIED),
        ("yes", UNKNOWN),
        (None, UNKNOWN),
    ],
    ids=str,
)
def test_what_a_function_may_return(returned: Any, expected: Verdict) -> None:
    """A truthy value isn't True: a function that forgets to compare lets nobody in."""
    assert verdict(policy(lambda claims, call: returned), claims()) is expected


async def _async(claims: Any, call: Any) -> bool:
    return True


class _AsyncObject:
    async def __call__(self, claims: Any, call: Any) -> bool:
        return True


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (_async, "is async, expected a plain function"),
        (partial(_async), "is async"),
        (_AsyncObject(), "is async"),
        (lambda claims: True, "must take two arguments: the claims and the call"),
        (lambda: True, "must take two arguments"),
        (lambda claims, call, more: True, "must take two arguments"),
        ("owner", "policy takes a function of the claims and the call, not 'owner'"),
        (None, "policy takes a function"),
        (dict, "policy takes a function"),
        (owner, "policy takes a function of the claims and the call, not owner"),
    ],
    ids=["async", "partial", "object", "one", "none", "three", "str", "None", "class", "policy"],
)
def test_a_wrong_function_is_refused(given: Any, text: str) -> None:
    """An async function, a wrong number of arguments, or something else is an error when decorating."""
    with pytest.raises(ConfigurationError, match=text):
        policy(given)


@pytest.mark.parametrize(
    "given",
    [lambda claims, call=None: True, lambda *_: True, partial(lambda a, claims, call: True, 1)],
    ids=["default", "any", "partial"],
)
def test_other_callables_are_accepted(given: Callable[..., bool]) -> None:
    """Whatever can be called with the claims and the call is a policy."""
    assert verdict(policy(given), claims()) is SATISFIED


def test_an_async_verdict_is_refused() -> None:
    """A subclass whose verdict is async would never let anybody in. It is an error when it is defined."""
    with pytest.raises(
        ConfigurationError, match=r"Slow\.verdict is async, expected a plain method"
    ):

        class Slow(Policy):
            async def verdict(self, claims: Any, call: Call) -> bool:  # type: ignore[override]
                return True
