"""Where policies are accepted, and what the errors say elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    ConfigurationError,
    Issuer,
    JWTValidator,
    Role,
    Scope,
)
from flask_jwtlib.claim_rules import Client
from flask_jwtlib.errors import InsufficientScopeError
from flask_jwtlib.policies import Policy, split_rules
from flask_jwtlib.testing import TokenIssuer, bearer
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator
from flask_jwtlib_strategies.validators.issuers import TrustedIssuer

A, B = Scope("a"), Scope("b")
ISSUER = "https://issuer.example"


def first_letter(claims: Any) -> bool:
    """Accept subjects with an initial a, as a claim rule."""
    return bool(claims["sub"].startswith("a"))


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An Authenticator without policies of its own."""
    return Authenticator(keys=issuer.verification_key)


def decorated(app: Flask, auth: Any, **options: Any) -> None:
    """Protect the view by a decorator."""
    app.add_url_rule("/", "it", auth.requires_authentication(**options)(lambda: "in"))


def optional(app: Flask, auth: Any, **options: Any) -> None:
    """Protect the view by an optional decorator."""
    app.add_url_rule("/", "it", auth.optional_authentication(**options)(lambda: "in"))


def strict(app: Flask, auth: Any, **options: Any) -> None:
    """Protect the view by a strict optional decorator."""
    app.add_url_rule("/", "it", auth.optional_authentication(strict=True, **options)(lambda: "in"))


def guarded(app: Flask, auth: Any, **options: Any) -> None:
    """Protect the view by the guard of its blueprint."""
    blueprint = Blueprint("api", "api")
    blueprint.before_request(auth.guard(**options))
    blueprint.add_url_rule("/", "it", lambda: "in")
    app.register_blueprint(blueprint)


def protected(app: Flask, auth: Any, **options: Any) -> None:
    """Protect the view by default."""
    app.add_url_rule("/", "it", lambda: "in")
    auth.protect(app, **options)


DOORS = [decorated, optional, strict, guarded, protected]


@pytest.mark.parametrize("late", [False, True], ids=["Authenticator", "AppAuthenticator"])
@pytest.mark.parametrize("door", DOORS)
def test_a_policy_goes_wherever_a_rule_does(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, door: Callable[..., None], late: bool
) -> None:
    """Each door takes claim rules and policies in one list."""
    used: Any = AppAuthenticator(lambda _: auth) if late else auth
    if late:
        used.init_app(app)
    door(app, used, rules=[A, first_letter, B | Role("editor")])
    client = app.test_client()

    def status(subject: str, **members: Any) -> int:
        return client.get("/", headers=bearer(issuer.token(subject, **members))).status_code

    assert status("alice", scope="a b") == status("alice", scope="a", roles="editor") == 200
    assert status("alice", scope="a") == status("alice", scope="b") == status("alice") == 403
    # The plain rule's 401 makes a guest, but not on a strict route.
    assert status("bob", scope="a b") == (200 if door is optional else 401)


@pytest.mark.parametrize("door", DOORS)
def test_the_authenticators_policies_apply_at_every_door(
    app: Flask, auth: Authenticator, issuer: TokenIssuer, door: Callable[..., None]
) -> None:
    """``policies=[…]`` apply to every caller, together with those of the door."""
    strict_auth = auth.evolve(policies=[A])
    door(app, strict_auth, rules=[B])
    client = app.test_client()

    for scope, status in (("a b", 200), ("a", 403), ("b", 403)):
        response = client.get("/", headers=bearer(issuer.token(scope=scope)))
        assert response.status_code == status
        assert status == 200 or 'scope="a b"' in response.headers["WWW-Authenticate"]
    assert strict_auth.verify(issuer.token(scope="a"))
    with pytest.raises(InsufficientScopeError):
        strict_auth.verify(issuer.token(scope="b"))


def test_authenticate_judges_the_authenticators_policies(
    app: Flask, auth: Authenticator, issuer: TokenIssuer
) -> None:
    """``authenticate`` does so for the current request and for one that is given."""
    strict_auth = auth.evolve(policies=[A])

    for scope, status in (("a", 200), ("b", 403)):
        headers = bearer(issuer.token(scope=scope))
        for given in (False, True):
            with app.test_request_context(headers=headers) as context:
                if status == 200:
                    assert strict_auth.authenticate(context.request if given else None)
                else:
                    with pytest.raises(InsufficientScopeError):
                        strict_auth.authenticate(context.request if given else None)


@pytest.mark.parametrize(
    "required", [A, ~A, A & first_letter, A | Role("editor")], ids=["scope", "not", "and", "or"]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda rules: JWTValidator(rules=rules),
        lambda rules: access_token_validator(ISSUER, "api", rules=rules),
        lambda rules: TrustedIssuer(ISSUER, keys=TokenIssuer().jwks, audience="api", rules=rules),
    ],
    ids=["JWTValidator", "access_token_validator", "TrustedIssuer"],
)
def test_a_validator_takes_no_policies(make: Callable[[Any], Any], required: Policy) -> None:
    """A validator's rules see no route, and no challenge could name them. The error says what to write."""
    with pytest.raises(ConfigurationError) as error:
        make([Issuer(ISSUER), required])

    assert str(required) in str(error.value)
    assert "pass policies=[…] to the Authenticator, or rules=[…] to a decorator" in str(error.value)


def test_compositions_lift_policies_out_of_their_rules(app: Flask) -> None:
    """Ready compositions give the claim rules to the validator, and the policies to the Authenticator."""
    rules = [A, Client("web"), B | Role("editor")]
    app.config.update(JWTLIB_ISSUER=ISSUER)
    made = [oidc_authenticator(ISSUER, rules=rules), configured_authenticator(app, rules=rules)]

    for auth in made:
        assert auth.policies == (A, B | Role("editor"))
        assert Client("web") in auth.validator.rules  # type: ignore[attr-defined]
        assert not any(isinstance(rule, Policy) for rule in auth.validator.rules)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["requires_authentication", "optional_authentication"])
@pytest.mark.parametrize("given", [A, ~A, [A], (A, B)], ids=["policy", "not", "list", "tuple"])
def test_a_decorator_takes_policies_only_as_rules(
    auth: Authenticator, name: str, given: Any
) -> None:
    """A policy in place of the view is an error that says what to write."""
    for owner in (auth, AppAuthenticator(lambda _: auth)):
        with pytest.raises(ConfigurationError, match=r"pass rules and policies as rules=\[…\]"):
            getattr(owner, name)(given)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("rules", "text"),
    [
        (A, r"rules must be a list, rules=\[…\], not Scope"),
        ([Scope], "is the class Scope, expected an instance"),
        (["a"], "must be a callable that takes the claims, not 'a'"),
        (None, "rules must be a list"),
    ],
    ids=["policy", "class", "string", "None"],
)
def test_wrong_rules_are_refused(
    app: Flask, auth: Authenticator, door: Callable[..., None], rules: Any, text: str
) -> None:
    """A policy that isn't in a list, and what is neither a policy nor a rule, are errors at once."""
    with pytest.raises(ConfigurationError, match=text):
        door(app, auth, rules=rules)


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        (A, r"policies must be a list, policies=\[…\], not Scope"),
        (None, "policies must be a list"),
        ([A, first_letter], r"first_letter.* is a claim rule: pass rules=\[…\] to the validator"),
        ([Scope], "is the class Scope, expected an instance"),
    ],
    ids=["policy", "None", "rule", "class"],
)
def test_wrong_policies_are_refused(issuer: TokenIssuer, policies: Any, text: str) -> None:
    """An Authenticator takes a list of policies. For claim rules, the error says where they go."""
    with pytest.raises(ConfigurationError, match=text):
        Authenticator(keys=issuer.verification_key, policies=policies)


def test_rules_and_policies_are_separated_in_order() -> None:
    """Authors of compositions of their own separate them by ``split_rules``."""
    rules, policies = split_rules([A, first_letter, B, Client("web")])

    assert rules == (first_letter, Client("web"))
    assert policies == (A, B)
