"""Test keys that are lent to an app's ``Authenticator``."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    AppAuthenticator,
    Audience,
    Authenticator,
    ConfigurationError,
    Issuer,
    JWTValidator,
    KeyProvider,
    Scope,
    TokenValidator,
    TTLKeyProvider,
    VerificationUnavailable,
    current_principal,
)
from flask_jwtlib.testing import TokenIssuer, base64url, bearer, lend_keys
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import PATIENCE

URL = "https://login.example"
RULES = [Issuer(URL), Audience("api")]


@pytest.fixture
def own() -> TokenIssuer:
    """The issuer that the app trusts."""
    return TokenIssuer(URL)


@pytest.fixture
def lender() -> TokenIssuer:
    """An issuer with other keys, for tests."""
    return TokenIssuer(URL)


class NeverFetching(KeyProvider):
    """Fails the test if its keys are looked up."""

    def keys_for(self, header: Any) -> Any:
        pytest.fail("the Authenticator's own keys were looked up")


class Keyless(TokenValidator):
    """Needs no keys."""

    def validate(self, token: Any, keys: Any) -> Any:
        """Accept nothing."""


def serve(app: Flask, auth: Authenticator | AppAuthenticator) -> Callable[..., int]:
    """Protect a view by an authenticator. Return a function that sends it a token, and returns the status."""
    app.add_url_rule(
        "/", "view", auth.requires_authentication(lambda: str(current_principal.subject))
    )
    client = app.test_client()
    return lambda token: client.get("/", headers=bearer(token)).status_code


@pytest.mark.parametrize(
    "wrap", [lambda validator: validator, CachingValidator], ids=["plain", "cached"]
)
def test_lent_keys_replace_the_own_ones(
    app: Flask, own: TokenIssuer, lender: TokenIssuer, wrap: Callable[[Any], TokenValidator]
) -> None:
    """In the block only the lent keys verify tokens; before and after it, only the Authenticator's own do."""
    auth = Authenticator(keys=own.verification_key, validator=wrap(JWTValidator(rules=RULES)))
    status_of = serve(app, auth)
    own_token, lent_token = own.token(aud="api"), lender.token(aud="api")

    for _ in range(2):
        assert (status_of(own_token), status_of(lent_token)) == (200, 401)
        with lend_keys(auth, lender):
            for _ in range(2):
                assert (status_of(own_token), status_of(lent_token)) == (401, 200)
    assert (status_of(own_token), status_of(lent_token)) == (200, 401)


def test_all_rules_stay_on(app: Flask, own: TokenIssuer, lender: TokenIssuer) -> None:
    """A token that the lent keys verify is checked as any other: its issuer, audience, times and scopes."""
    auth = Authenticator(
        keys=own.verification_key, validator=JWTValidator(rules=RULES), policies=[Scope("read")]
    )
    status_of = serve(app, auth)
    with lend_keys(auth, lender):
        good = {"aud": "api", "scope": "read"}
        assert status_of(lender.token(**good)) == 200
        assert status_of(lender.token(**{**good, "scope": "write"})) == 403
        for wrong in ({"aud": "other"}, {"iss": "https://evil.example"}, {"exp": 1}, {"nbf": 1e11}):
            assert status_of(lender.token(**{**good, **wrong})) == 401
        assert status_of(lender.token(**good, cnf={"jkt": "x"})) == 401
        assert status_of(TokenIssuer(URL).token(**good)) == 401
        head, payload, signature = lender.token(**good).split(".")
        unsigned = base64url(b'{"alg":"none"}')
        assert status_of(f"{unsigned}.{payload}.") == 401
        assert status_of(f"{unsigned}.{payload}.{signature}") == 401
        assert status_of(f"{head}.{payload}.{signature[::-1]}") == 401


@pytest.mark.parametrize("make", ["oidc", "function", "provider"])
def test_nothing_is_fetched(app: Flask, lender: TokenIssuer, make: str) -> None:
    """An Authenticator whose keys come from elsewhere needs no network in the block."""
    validator = JWTValidator(rules=RULES)
    made: dict[str, Callable[[], Authenticator]] = {
        "oidc": lambda: oidc_authenticator("https://login.invalid", "api"),
        "function": lambda: Authenticator(
            keys=TTLKeyProvider(lambda: pytest.fail("fetched")), validator=validator
        ),
        "provider": lambda: Authenticator(keys=NeverFetching(), validator=validator),
    }
    auth = made[make]()
    issuer = TokenIssuer("https://login.invalid") if make == "oidc" else lender
    status_of = serve(app, auth)

    with lend_keys(auth, issuer):
        assert status_of(issuer.token(aud="api")) == 200
        assert status_of(TokenIssuer(issuer.issuer).token(aud="api")) == 401
        assert auth.verify(issuer.token(aud="api")).subject == "alice"


def test_the_own_keys_come_back_after_an_exception(
    app: Flask, own: TokenIssuer, lender: TokenIssuer
) -> None:
    """A test that fails in the block leaves the Authenticator as it was."""
    auth = Authenticator(keys=own.verification_key, validator=JWTValidator(rules=RULES))
    status_of = serve(app, auth)

    with pytest.raises(LookupError), lend_keys(auth, lender):
        raise LookupError
    assert status_of(own.token(aud="api")) == 200
    assert status_of(lender.token(aud="api")) == 401


def test_nested_blocks(app: Flask, own: TokenIssuer) -> None:
    """In a nested block only the inner keys verify tokens; after it, the outer ones do again."""
    auth = Authenticator(keys=own.verification_key, validator=JWTValidator(rules=RULES))
    issuers = [own, TokenIssuer(URL, kid="1"), TokenIssuer(URL, kid="2")]
    tokens = [issuer.token(aud="api") for issuer in issuers]
    status_of = serve(app, auth)

    def accepted() -> list[int]:
        return [number for number, token in enumerate(tokens) if status_of(token) == 200]

    with lend_keys(auth, issuers[1]):
        with lend_keys(auth, issuers[2]):
            assert accepted() == [2]
        assert accepted() == [1]
        with lend_keys(auth, issuers[1], issuers[2]):
            assert accepted() == [1, 2]
    assert accepted() == [0]


def test_blocks_that_end_in_another_order(app: Flask, own: TokenIssuer) -> None:
    """Two tests' threads may lend keys at the same time: the own keys come back when both have ended."""
    auth = Authenticator(keys=own.verification_key, validator=JWTValidator(rules=RULES))
    status_of = serve(app, auth)
    first, second = TokenIssuer(URL, kid="1"), TokenIssuer(URL, kid="2")
    both = lend_keys(auth, first), lend_keys(auth, second)
    both[0].__enter__()
    both[1].__enter__()
    both[0].__exit__(None, None, None)
    assert status_of(second.token(aud="api")) == 200
    both[1].__exit__(None, None, None)

    assert status_of(own.token(aud="api")) == 200
    for issuer in first, second:
        assert status_of(issuer.token(aud="api")) == 401


def test_all_threads_have_the_lent_keys(app: Flask, own: TokenIssuer, lender: TokenIssuer) -> None:
    """A server's threads accept the lent keys, too, also one that was started before."""
    auth = Authenticator(keys=own.verification_key, validator=JWTValidator(rules=RULES))
    status_of = serve(app, auth)
    lent, seen = Event(), list[int]()

    def work() -> None:
        assert lent.wait(PATIENCE)
        seen.append(status_of(lender.token(aud="api")))

    thread = Thread(target=work)
    thread.start()
    with lend_keys(auth, lender):
        lent.set()
        thread.join(PATIENCE)
    assert seen == [200]


def test_the_module_api(app: Flask, own: TokenIssuer, lender: TokenIssuer) -> None:
    """``default_authenticator`` accepts the lent keys, in its decorators and in ``get_json_token()``."""
    flask_jwtlib.set_permanent_verification_key(own.public_pem)
    flask_jwtlib.JWT_AUDIENCE = "api"

    @app.get("/")
    @flask_jwtlib.requires_authentication
    def view() -> str:
        return str(flask_jwtlib.get_json_token()["sub"])

    app.add_url_rule("/plain", "plain", lambda: flask_jwtlib.get_json_token()["sub"])
    client = app.test_client()
    own_token, lent_token = bearer(own.token(aud="api")), bearer(lender.token(aud="api"))

    with lend_keys(flask_jwtlib.default_authenticator, lender):
        for path in "/", "/plain":
            assert client.get(path, headers=lent_token).text == "alice"
            assert client.get(path, headers=own_token).status_code == 401
            wrong = bearer(lender.token(aud="other"))
            assert client.get(path, headers=wrong).status_code == 401
    for path in "/", "/plain":
        assert client.get(path, headers=own_token).text == "alice"
        assert client.get(path, headers=lent_token).status_code == 401


def test_an_app_authenticator(app: Flask, own: TokenIssuer, lender: TokenIssuer) -> None:
    """The keys are lent to the Authenticator of one app, the given or the current one."""
    auth = AppAuthenticator(
        lambda _: Authenticator(keys=own.verification_key, validator=JWTValidator(rules=RULES))
    )
    other = Flask("other", root_path=".")
    for each in app, other:
        auth.init_app(each)
    status_of, status_in_other = serve(app, auth), serve(other, auth)
    token = lender.token(aud="api")

    with lend_keys(auth, lender, app=app):
        assert (status_of(token), status_in_other(token)) == (200, 401)
        assert auth.verify(token, app=app).subject == "alice"
    with other.app_context(), lend_keys(auth, lender):
        assert (status_of(token), status_in_other(token)) == (401, 200)
    assert (status_of(token), status_in_other(token)) == (401, 401)


def test_an_app_authenticator_needs_its_app(app: Flask, lender: TokenIssuer) -> None:
    """Without a current app, or before ``init_app``, the error says what is missing."""
    auth = AppAuthenticator(lambda _: pytest.fail("made"))

    with pytest.raises(RuntimeError, match="pass app="), lend_keys(auth, lender):
        pytest.fail("lent")
    with pytest.raises(VerificationUnavailable) as error, lend_keys(auth, lender, app=app):
        pytest.fail("lent")
    assert "init_app" in error.value.log_message


def test_one_issuer_of_a_router(app: Flask, lender: TokenIssuer) -> None:
    """The keys are lent to one issuer of an ``IssuerRouter``; the others keep theirs."""
    a, b = TokenIssuer("https://a.example"), TokenIssuer("https://b.example")
    router = IssuerRouter(
        *(TrustedIssuer(each.issuer, keys=each.public_pem, audience="api") for each in (a, b))
    )
    status_of = serve(app, Authenticator(validator=router))
    lent_to_a, lent_to_b = (lender.token(iss=each.issuer, aud="api") for each in (a, b))

    with lend_keys(router.issuers["https://a.example"], lender):
        assert [status_of(token) for token in (lent_to_a, lent_to_b)] == [200, 401]
        assert [status_of(each.token(aud="api")) for each in (a, b)] == [401, 200]
    assert [status_of(token) for token in (lent_to_a, lent_to_b)] == [401, 401]
    assert [status_of(each.token(aud="api")) for each in (a, b)] == [200, 200]


def test_what_cannot_be_lent(own: TokenIssuer, lender: TokenIssuer) -> None:
    """The error says what is wrong: a key, another algorithm, several issuers, or no keys of its own."""
    router = IssuerRouter(
        TrustedIssuer(URL, keys=own.public_pem, audience="api"),
        TrustedIssuer("https://other.example", keys=own.public_pem, audience="api"),
    )
    ec = TokenIssuer(URL, algorithm="ES256")
    plain = Authenticator(keys=own.verification_key)
    wrong: list[tuple[Any, list[Any], str]] = [
        (plain, [ec], "verify ES256, but the validator accepts only RS256"),
        (router.issuers[URL], [ec], "verify ES256, but the validator accepts only RS256"),
        (Authenticator(validator=router), [lender], "trusts 2 issuers.*router.issuers"),
        (Authenticator(validator=Keyless()), [lender], "has no keys to replace: its Keyless"),
        (plain, [lender.public_pem], "was given a str, expected a TokenIssuer"),
    ]
    for to, issuers, message in wrong:
        with pytest.raises(ConfigurationError, match=message), lend_keys(to, *issuers):
            pytest.fail("lent")


def test_a_secret_can_be_lent(app: Flask) -> None:
    """An HMAC issuer lends its secret."""
    auth = Authenticator(
        keys=TokenIssuer(algorithm="HS256").verification_key,
        validator=JWTValidator(algorithms=["HS256"]),
    )
    status_of = serve(app, auth)
    issuer = TokenIssuer(algorithm="HS256")

    with lend_keys(auth, issuer):
        assert status_of(issuer.token()) == 200
    assert status_of(issuer.token()) == 401
