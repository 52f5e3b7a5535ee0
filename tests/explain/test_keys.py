"""Which keys were considered, and why each was used or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
import pytest

from flask_jwtlib import (
    Authenticator,
    Claims,
    JWTValidator,
    KeyProvider,
    KeySet,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer

from .kit import check_steps


def without_kid(issuer: TokenIssuer) -> VerificationKey:
    """Return an issuer's key without its ID."""
    return attrs.evolve(issuer.verification_key, kid=None)


def key_steps(auth: Authenticator, token: str) -> list[tuple[str, str, str]]:
    """Explain a token, and return the steps about single keys."""
    explanation = explain(auth, token)
    check_steps(explanation)
    return [
        (step.outcome, step.subject, step.found or step.note)
        for step in explanation.steps
        if step.subject.startswith("key ")
    ]


@pytest.mark.parametrize("first", [True, False], ids=["the first verifies", "the second verifies"])
def test_keys_that_are_tried_in_turn(
    issuer: TokenIssuer, other_issuer: TokenIssuer, *, first: bool
) -> None:
    """A key that doesn't verify is no refusal if the next one does."""
    issuers = (issuer, other_issuer) if first else (other_issuer, issuer)
    auth = Authenticator(keys=KeySet(map(without_kid, issuers)))
    steps = key_steps(auth, issuer.token())
    name = "key without a kid (RSA, RS256)"
    passed = ("passed", name, "verifies")
    assert passed in steps
    assert steps in (
        [("skipped", name, "does not verify"), passed],
        [passed],
    )


def test_none_of_the_keys_verifies(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """Each that was tried is a refusal."""
    keys = KeySet(map(without_kid, (issuer, other_issuer)))
    token = TokenIssuer().token()
    assert [outcome for outcome, _, _ in key_steps(Authenticator(keys=keys), token)] == [
        "refused"
    ] * 2


def test_another_algorithm(issuer: TokenIssuer) -> None:
    """No keys are looked up, and each is for another algorithm."""
    token = TokenIssuer(algorithm="HS256").token()
    ((outcome, _, note),) = key_steps(Authenticator(keys=issuer.verification_key), token)
    assert (outcome, note) == ("skipped", "it is for RS256, the token's alg is 'HS256'")


def test_a_token_without_a_kid(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """Several keys fit, so none is used."""
    other = attrs.evolve(other_issuer.verification_key, kid="key-2")
    auth = Authenticator(keys=KeySet([issuer.verification_key, other]))
    notes = [note for _, _, note in key_steps(auth, issuer.token(header={"kid": None}))]
    assert notes == ["the token has no kid, and several keys fit its alg"] * 2


def test_a_key_without_a_kid_beside_others(issuer: TokenIssuer, other_issuer: TokenIssuer) -> None:
    """It isn't used for a token with another kid."""
    auth = Authenticator(keys=KeySet([issuer.verification_key, without_kid(other_issuer)]))
    notes = {note for _, _, note in key_steps(auth, issuer.token(header={"kid": "key-9"}))}
    assert any("its kid is another one" in note for note in notes)


class Picky(KeyProvider):
    """A provider of an application that returns no key."""

    def __init__(self, key: VerificationKey) -> None:
        self.key = key

    def current_keys(self) -> Sequence[VerificationKey]:
        return (self.key,)

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


def test_a_provider_with_reasons_of_its_own(issuer: TokenIssuer) -> None:
    """All that is known is that it didn't select the key."""
    ((_, _, note),) = key_steps(Authenticator(keys=Picky(issuer.verification_key)), issuer.token())
    assert note == "the provider did not select it"


class Moody(JWTValidator):
    """A validator with a bug that shows only sometimes."""

    calls: list[int] = []  # noqa: RUF012 - of one test

    def verify_signature(self, *arguments: Any) -> Claims:
        self.calls.append(1)
        if len(self.calls) == 2:
            raise RuntimeError
        return super().verify_signature(*arguments)


def test_a_validator_that_fails_only_later(issuer: TokenIssuer) -> None:
    """The decision counts, which was made before."""
    auth = Authenticator(keys=issuer.verification_key, validator=Moody())
    explanation = explain(auth, issuer.token())
    assert explanation
    check_steps(explanation)


def told(claims: Claims, text: str) -> None:
    """A rule that repeats a text."""
    raise RuntimeError(text)


def test_a_rule_that_raises_with_the_token(issuer: TokenIssuer) -> None:
    """The token isn't shown, though the text is cut within it."""
    text = issuer.token(pad="x" * 500)
    rule = partial(told, text=f"{'.' * 200} {text}")
    auth = Authenticator(keys=issuer.verification_key, validator=JWTValidator(rules=[rule]))
    explanation = explain(auth, text)
    step = explanation.steps[-1]
    assert step.subject == "told: A rule that repeats a text."
    assert text[:30] not in step.note
    assert "<token>" in step.note
    assert explanation.response is not None
    assert explanation.response.status == 500
