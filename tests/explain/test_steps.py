"""The steps of strategies that an application writes itself, and of those that pass tokens on."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    Claims,
    HeaderTokenExtractor,
    InvalidTokenError,
    JWTValidator,
    KeyProvider,
    TokenValidator,
    UnauthorizedHandler,
    VerificationUnavailable,
)
from flask_jwtlib.claim_rules import Audience, Expiry
from flask_jwtlib.explain import Explanation, Step, explain
from flask_jwtlib.policies import Call, Scope, policy
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.csrf.double_submit import DoubleSubmit
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .kit import check_steps


def step_of(explanation: Explanation, **fields: str) -> Step:
    """Return the only step with these fields."""
    (found,) = [
        step
        for step in explanation.steps
        if all(getattr(step, name) == value for name, value in fields.items())
    ]
    return found


class Opaque(TokenValidator):
    """A validator of an application, for tokens of another form."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        if token.value == "down":
            raise VerificationUnavailable("the service is down")
        if token.value != "sesame":
            raise InvalidTokenError("it isn't the word")
        return Claims({"sub": "ali", "cnf": {"x5t#S256": "abc"}}, checked_at=0)


class Described(Opaque):
    """A validator that describes itself."""

    def __str__(self) -> str:
        return "the word at the cave"


class Wrapping(TokenValidator):
    """A validator of an application around another one, which says so or doesn't."""

    def __init__(self, inner: TokenValidator, *, refuses: bool = False) -> None:
        self.inner = inner
        self.refuses = refuses

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        if self.refuses:
            raise InvalidTokenError("we are closed")
        return self.inner.validate(token, keys)


class Telling(Wrapping):
    """One that says so."""

    def passes_to(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self.inner, keys


class Endless(Opaque):
    """A validator that passes tokens to itself."""

    def passes_to(self, token: BearerToken, keys: KeyProvider) -> Any:
        return self, keys


class Lenient(JWTValidator):
    """A subclass that accepts what its base refuses."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return Claims({"sub": "anybody"}, checked_at=0)


class Strict(JWTValidator):
    """A subclass that refuses what its base accepts."""

    def verify_signature(self, token: BearerToken, keys: KeyProvider) -> Claims:
        claims = super().verify_signature(token, keys)
        if "bug" in claims:
            raise RuntimeError("a bug")
        raise InvalidTokenError("the moon is full")


@pytest.mark.parametrize(
    ("text", "outcome", "found", "note"),
    [
        ("sesame", "passed", "2 claims: sub, cnf", ""),
        ("abc", "refused", "", "it isn't the word"),
        ("down", "refused", "", "the service is down"),
    ],
    ids=["accepted", "refused", "unavailable"],
)
def test_a_validator_of_the_application(text: str, outcome: str, found: str, note: str) -> None:
    """It appears by what goes in, and by what comes out."""
    auth = Authenticator(
        validator=Opaque(),
        extractor=HeaderTokenExtractor("X-Word"),
        confirmed_elsewhere=("x5t#S256",),
    )
    explanation = explain(auth, text)
    step = step_of(explanation, subject="Opaque", stage="validator")
    assert (step.outcome, step.found, step.note) == (outcome, found, note)
    assert step.expected == "a token from the X-Word, scheme X-Word, CrossSiteCheck"
    check_steps(explanation)
    if explanation:
        assert step_of(explanation, stage="binding").found == "confirmed: x5t#S256"


def test_a_strategy_can_describe_itself() -> None:
    """By its class's own ``__str__``."""
    auth = Authenticator(validator=Described())
    assert step_of(explain(auth, "abc"), stage="validator").subject == "the word at the cave"


@pytest.mark.parametrize(
    "kind", [Wrapping, Telling, CachingValidator], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("refuses", [False, True], ids=["accepting", "refusing"])
def test_validators_around_another_one(issuer: TokenIssuer, kind: Any, *, refuses: bool) -> None:
    """The steps within are shown if it says to whom it passes tokens, and its own refusal comes first."""
    inner = JWTValidator(rules=[Audience("api")])
    validator = kind(inner) if kind is CachingValidator else kind(inner, refuses=refuses)
    auth = Authenticator(keys=issuer.verification_key, validator=validator)
    for aud in ("api", "other"):
        explanation = explain(auth, issuer.token(aud=aud))
        check_steps(explanation)
        is_refused = aud == "other" or (refuses and kind is not CachingValidator)
        assert bool(explanation) is not is_refused
        rules = [step for step in explanation.steps if step.subject == "Audience('api')"]
        assert len(rules) == (0 if kind is Wrapping and refuses else 1)
        assert any(step.stage == "signature" for step in explanation.steps) is (
            kind is not Wrapping
        )


class Raising(Opaque):
    """A validator whose description has a bug."""

    def passes_to(self, token: BearerToken, keys: KeyProvider) -> Any:
        raise LookupError


class NoPair(Opaque):
    """A validator that passes a token to something else than a validator and keys."""

    def passes_to(self, token: BearerToken, keys: KeyProvider) -> Any:
        return keys


@pytest.mark.parametrize("validator", [Raising(), NoPair()], ids=["raising", "no pair"])
def test_a_validator_that_describes_itself_wrongly(validator: TokenValidator) -> None:
    """Its description is left out, and its decision is explained."""
    explanation = explain(Authenticator(validator=validator), "opaque")

    assert step_of(explanation, stage="validator").note == "it isn't the word"


def test_a_validator_that_passes_tokens_to_itself() -> None:
    """The chain has an end."""
    explanation = explain(Authenticator(validator=Endless()), "abc")
    assert len(explanation.steps) < 30
    check_steps(explanation)


def test_an_issuer_that_isnt_trusted(issuer: TokenIssuer) -> None:
    """The router's refusal is a step, and the claims are shown as unverified."""
    trusted = TrustedIssuer("https://other.example", keys=issuer.verification_key, audience="api")
    explanation = explain(Authenticator(validator=IssuerRouter(trusted)), issuer.token(aud="api"))
    assert "expected one of 1 trusted" in step_of(explanation, subject="IssuerRouter").note
    assert explanation.claims["aud"] == "api"
    assert not explanation.verified
    check_steps(explanation)


def test_a_scheme_without_a_validator(issuer: TokenIssuer) -> None:
    """The refusal names the schemes."""
    validator = PerSchemeValidator({"ApiKey": JWTValidator()})
    explanation = explain(
        Authenticator(keys=issuer.verification_key, validator=validator), issuer.token()
    )
    assert "PerSchemeValidator has validators for" in explanation.steps[1].note
    check_steps(explanation)


def test_a_subclass_that_accepts_more(issuer: TokenIssuer) -> None:
    """What the base would refuse is shown, but not as a refusal."""
    auth = Authenticator(keys=issuer.verification_key, validator=Lenient())
    explanation = explain(auth, issuer.token(exp=1))
    assert explanation
    check_steps(explanation)
    assert step_of(explanation, subject="Expiry(leeway=0, required=False)").note.endswith(
        "the token is accepted in spite of it"
    )


@pytest.mark.parametrize(
    ("claims", "note"),
    [({}, "the moon is full"), ({"bug": 1}, "it raised RuntimeError: a bug")],
    ids=["refusing", "raising"],
)
def test_a_subclass_that_accepts_less(issuer: TokenIssuer, claims: Any, note: str) -> None:
    """Its own refusal is a step."""
    auth = Authenticator(keys=issuer.verification_key, validator=Strict())
    explanation = explain(auth, issuer.token(**claims))
    assert not explanation
    refused = [step for step in explanation.steps if step.outcome == "refused"]
    assert refused[0].note == note


def test_all_rules_after_a_refused_request(issuer: TokenIssuer) -> None:
    """A token that was refused because of the request has its rules shown, too: its signature is valid."""
    auth = Authenticator(
        keys=issuer.verification_key,
        extractor=HeaderTokenExtractor("X-Token", ambient=True),
        validator=JWTValidator(rules=[Audience("api")]),
    )
    # The header's own check passes in a request of the same origin; the token is refused as bound.
    explanation = explain(auth, issuer.token(aud="other", cnf={"jkt": "x"}))
    assert step_of(explanation, subject="Audience('api')").outcome == "refused"
    check_steps(explanation)


class Unchecked(HeaderTokenExtractor):
    """An extractor of ambient tokens that doesn't check where requests come from."""

    def extract(self, request: Any) -> Any:
        return BearerToken(request.headers["Authorization"][7:], source="header", ambient=True)


def test_an_ambient_token_without_a_check(issuer: TokenIssuer) -> None:
    """It is refused before it is validated, and its rules are applied to show what else is wrong."""
    calls: list[str] = []

    def rule(claims: Claims) -> None:
        calls.append(claims["sub"])

    auth = Authenticator(
        keys=issuer.verification_key, extractor=Unchecked(), validator=JWTValidator(rules=[rule])
    )
    explanation = explain(auth, issuer.token("ada", exp=1))
    assert calls == ["ada"]
    assert explanation.error is not None
    assert explanation.error.status == 403
    assert [step.outcome for step in explanation.steps if step.stage == "claims"].count(
        "refused"
    ) == 1
    check_steps(explanation)


def raising(claims: Claims) -> None:
    """A rule with a bug."""
    raise RuntimeError("the rule has a bug")


def test_a_rule_with_a_bug_after_the_first_refusal(issuer: TokenIssuer) -> None:
    """A request doesn't come to it, so the response stays a 401."""
    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[raising]))
    explanation = explain(auth, issuer.token(exp=1))
    assert explanation.response is not None
    assert explanation.response.status == 401
    assert (
        step_of(explanation, note="it raised RuntimeError: the rule has a bug").outcome == "refused"
    )


def test_a_rule_of_the_application_sees_only_verified_claims(issuer: TokenIssuer) -> None:
    """After an invalid signature, it is skipped, and the rules of this package are marked."""
    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[raising]))
    token = issuer.token()
    explanation = explain(auth, f"{token[:-9]}AAAAAAAAA")
    claims = [step for step in explanation.steps if step.stage == "claims"]
    assert all(step.unverified for step in claims)
    assert [step.outcome for step in claims] == [*["passed"] * (len(claims) - 1), "skipped"]
    check_steps(explanation)


@policy
def down(claims: Claims, call: Call) -> bool:
    """A policy whose database is down."""
    raise VerificationUnavailable("the database is down")


def test_a_policy_that_cant_decide(issuer: TokenIssuer) -> None:
    """The response is a 503."""
    auth = Authenticator(keys=issuer.verification_key, policies=[Scope("read"), down])
    explanation = explain(auth, issuer.token(scope="read"))
    assert explanation.response is not None
    assert explanation.response.status == 503
    assert step_of(explanation, outcome="refused").note == "the database is down"
    check_steps(explanation)


class Teapot(UnauthorizedHandler):
    """A handler that raises what isn't a refusal."""

    def deny(self, error: Any) -> Any:
        abort(418)


def test_error_handlers_may_fail(app: Flask, issuer: TokenIssuer) -> None:
    """Then the response is a bare 500."""
    auth = Authenticator(keys=issuer.verification_key, failure_handler=Teapot())
    assert explain(auth, "x", app=app).response.status == 418  # type: ignore[union-attr]
    app.register_error_handler(418, lambda _: 1 / 0)
    app.register_error_handler(500, lambda _: 1 / 0)
    explanation = explain(auth, "x", app=app)
    assert explanation.response is not None
    assert (explanation.response.status, explanation.response.body) == (500, "")


def test_a_composition_that_never_gets_to_a_token(app: Flask, issuer: TokenIssuer) -> None:
    """A guard may raise before anything is decided; a view of the app's own wrapper isn't called."""
    late = AppAuthenticator(lambda _: Authenticator(keys=issuer.verification_key))
    explanation = explain(late, issuer.token(), app=app)
    assert explanation.error is not None
    assert "call auth.init_app(app)" in explanation.error.log_message
    check_steps(explanation)


def test_other_authenticators_are_mentioned(app: Flask, issuer: TokenIssuer) -> None:
    """What they decide isn't explained."""
    auth, other = (Authenticator(keys=issuer.verification_key) for _ in range(2))
    view = auth.requires_authentication(other.requires_authentication(lambda: ""))
    app.add_url_rule("/", "it", view)
    app.add_url_rule("/open", "open", lambda: "")
    note = "guards or decorators of other Authenticators aren't explained here"
    assert (
        step_of(explain(auth, issuer.token(), app=app, endpoint="it"), note=note).outcome == "info"
    )
    unguarded = explain(auth, issuer.token(), app=app, endpoint="open")
    assert unguarded.outcome == "guest"
    assert unguarded.error is None
    assert explain(auth, "x", app=app, endpoint="open").error is not None


def test_double_submit_tokens_are_made_for_the_token(app: Flask, issuer: TokenIssuer) -> None:
    """A request that changes something has the one of its caller; without a secret key, it can't."""
    csrf = DoubleSubmit()
    auth = csrf.added_to(
        Authenticator(keys=issuer.verification_key, extractor=CookieTokenExtractor())
    )
    assert explain(auth, issuer.token(), app=app).outcome == "accepted"
    unsigned = explain(auth, issuer.token(), app=app, method="POST")
    app.secret_key = "secret"
    assert unsigned.error is not None
    assert unsigned.error.status == 503
    assert explain(auth, issuer.token(), app=app, method="POST")
    assert not explain(auth, "abc", app=app, method="POST")


def test_the_scheme_of_a_header(issuer: TokenIssuer) -> None:
    """A whole header is accepted, of any scheme that the extractor accepts."""
    auth = Authenticator(keys=issuer.verification_key)
    for text in (f"Bearer {issuer.token()}", f"authorization:  bearer {issuer.token()}"):
        explanation = explain(auth, text)
        assert explanation
        assert explanation.steps[0].note.startswith("the text begins with a scheme")
    keyed = Authenticator(keys=issuer.verification_key, extractor=APIKeyExtractor())
    assert explain(keyed, f"ApiKey {issuer.token()}")


def test_expiry_says_what_was_there(issuer: TokenIssuer) -> None:
    """A rule's step has what it expects, and the claims that it read."""
    auth = Authenticator(
        keys=issuer.verification_key, validator=JWTValidator(rules=[Expiry(30, required=True)])
    )
    step = step_of(explain(auth, issuer.token(exp=None)), outcome="refused")
    assert (step.subject, step.found) == ("Expiry(leeway=30, required=True)", "no exp")
