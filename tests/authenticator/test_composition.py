from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    BearerTokenExtractor,
    Claims,
    ConfigurationError,
    FailureHandler,
    HeaderTokenExtractor,
    Issuer,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TokenExtractor,
    TokenValidator,
    TTLKeyProvider,
    UnauthorizedHandler,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.testing import TokenIssuer, bearer


class Shapeless:
    """Has no strategy's method."""


class ShapedExtractor:
    def extract(self, request: Any) -> BearerToken | None:
        return None


class ShapedProvider:
    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


class ShapedValidator:
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return Claims({}, checked_at=0)


class ShapedHandler:
    def deny(self, error: Exception) -> str:
        return "no"

    def anonymous(self, error: Exception) -> None:
        pass


class DenyOnly:
    def deny(self, error: Exception) -> str:
        return "no"


class ExtractsFromNothing:
    def extract(self) -> BearerToken | None:
        return None


class ProvidesForNothing:
    def keys_for(self) -> Sequence[VerificationKey]:
        return ()


class ValidatesWithoutKeys:
    def validate(self, token: BearerToken) -> Claims:
        return Claims({}, checked_at=0)


class DeniesByTwo:
    def deny(self, error: Exception, request: Any) -> str:
        return "no"

    def anonymous(self, error: Exception) -> None:
        pass


class NotesByNone:
    def deny(self, error: Exception) -> str:
        return "no"

    def anonymous(self) -> None:
        pass


class AsyncExtractor:
    async def extract(self, request: Any) -> BearerToken | None:
        return None


class AsyncProvider:
    async def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


class AsyncValidator:
    async def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return Claims({}, checked_at=0)


class AsyncHandler:
    async def deny(self, error: Exception) -> str:
        return "no"

    def anonymous(self, error: Exception) -> None:
        pass


class MethodIsNoFunction:
    extract = "a string"


class BuiltinExtractor:
    """Its method is a builtin without a signature, so its arity can't be checked."""

    extract = staticmethod(min)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        pytest.param("extractor", ShapedExtractor(), id="extractor"),
        pytest.param("keys", ShapedProvider(), id="keys"),
        pytest.param("validator", ShapedValidator(), id="validator"),
        pytest.param("failure_handler", ShapedHandler(), id="failure handler"),
    ],
)
def test_any_class_of_the_right_shape_is_a_strategy(
    issuer: TokenIssuer, name: str, strategy: Any
) -> None:
    """A strategy needs only the right methods, without inheriting, and is kept as given."""
    auth = Authenticator(**{"keys": issuer.verification_key, name: strategy})

    assert getattr(auth, name) is strategy


@pytest.mark.parametrize(
    ("name", "strategy", "says"),
    [
        pytest.param("extractor", Shapeless(), "no method extract", id="extractor"),
        pytest.param("validator", Shapeless(), "no method validate", id="validator"),
        pytest.param("failure_handler", Shapeless(), "no method deny", id="failure handler"),
        pytest.param("failure_handler", DenyOnly(), "no method anonymous", id="half a handler"),
        pytest.param("extractor", None, "NoneType", id="None"),
        pytest.param("validator", "RS256", "str", id="string"),
        pytest.param("extractor", MethodIsNoFunction(), "no method extract", id="no function"),
        pytest.param("validator", lambda token, keys: {}, "no method validate", id="function"),
    ],
)
def test_a_strategy_without_its_method_is_refused_when_composing(
    issuer: TokenIssuer, name: str, strategy: Any, says: str
) -> None:
    """An object without the interface's method is refused; the message names argument and method."""
    with pytest.raises(ConfigurationError, match=says) as refusal:
        Authenticator(**{"keys": issuer.verification_key, name: strategy})

    assert str(refusal.value).startswith(name)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        pytest.param("extractor", ExtractsFromNothing(), id="extract()"),
        pytest.param("keys", ProvidesForNothing(), id="keys_for()"),
        pytest.param("validator", ValidatesWithoutKeys(), id="validate(token)"),
        pytest.param("failure_handler", DeniesByTwo(), id="deny(error, request)"),
        pytest.param("failure_handler", NotesByNone(), id="anonymous()"),
    ],
)
def test_a_method_with_other_parameters_is_refused_when_composing(
    issuer: TokenIssuer, name: str, strategy: Any
) -> None:
    """A method of the wrong arity is refused when composing, before it can fail in a request."""
    with pytest.raises(ConfigurationError, match=r"must take \d argument"):
        Authenticator(**{"keys": issuer.verification_key, name: strategy})


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        pytest.param("extractor", AsyncExtractor(), id="extractor"),
        pytest.param("keys", AsyncProvider(), id="keys"),
        pytest.param("validator", AsyncValidator(), id="validator"),
        pytest.param("failure_handler", AsyncHandler(), id="failure handler"),
    ],
)
def test_an_async_strategy_is_refused_when_composing(
    issuer: TokenIssuer, name: str, strategy: Any
) -> None:
    """A coroutine is truthy, so an async strategy is refused before it can serve a request."""
    with pytest.raises(ConfigurationError, match="is async"):
        Authenticator(**{"keys": issuer.verification_key, name: strategy})


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        pytest.param("extractor", BearerTokenExtractor, id="extractor"),
        pytest.param("keys", StaticKeyProvider, id="keys"),
        pytest.param("validator", JWTValidator, id="validator"),
        pytest.param("failure_handler", UnauthorizedHandler, id="failure handler"),
    ],
)
def test_a_class_instead_of_an_instance_is_refused_when_composing(
    issuer: TokenIssuer, name: str, cls: type
) -> None:
    """The message for a class shows the missing parentheses."""
    with pytest.raises(ConfigurationError, match=re.escape(f"{cls.__name__}()")):
        Authenticator(**{"keys": issuer.verification_key, name: cls})


def test_a_builtin_without_a_signature_is_accepted(
    issuer: TokenIssuer,
) -> None:
    """A callable whose parameters Python can't tell is not refused when composing."""
    assert Authenticator(keys=issuer.verification_key, extractor=BuiltinExtractor())


@pytest.mark.parametrize(
    "interface",
    [TokenExtractor, KeyProvider, TokenValidator, FailureHandler],
    ids=lambda interface: interface.__name__,
)
def test_a_subclass_of_an_interface_without_its_method_cannot_be_made(interface: type) -> None:
    """A subclass without its interface's method can't be instantiated."""
    incomplete = type("Incomplete", (interface,), {})

    with pytest.raises(TypeError, match="abstract"):
        incomplete()


@pytest.mark.parametrize(
    "material",
    [
        pytest.param(lambda issuer: issuer.verification_key, id="VerificationKey"),
        pytest.param(lambda issuer: issuer.public_pem, id="PEM"),
        pytest.param(lambda issuer: issuer.public_pem.encode(), id="PEM bytes"),
        pytest.param(lambda issuer: issuer.jwk, id="JWK"),
        pytest.param(lambda issuer: issuer.jwks, id="JWK set"),
        pytest.param(lambda issuer: issuer.private_key.public_key(), id="key object"),
        pytest.param(lambda issuer: KeySet.of(issuer.jwks), id="KeySet"),
        pytest.param(lambda issuer: [issuer.public_pem], id="list"),
    ],
)
def test_a_key_becomes_a_static_provider(
    issuer: TokenIssuer, app: Flask, token: str, material: Callable[[TokenIssuer], object]
) -> None:
    """A key in any form that KeySet.of takes never expires, and verifies tokens."""
    auth = Authenticator(keys=material(issuer))
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"), endpoint="in")

    assert isinstance(auth.keys, StaticKeyProvider)
    assert app.test_client().get("/", headers=bearer(token)).status_code == 200


def test_a_function_becomes_a_ttl_provider(issuer: TokenIssuer, app: Flask, token: str) -> None:
    """A callable that returns keys is called when they are first needed, and its keys last 300 seconds."""
    fetches: list[int] = []

    def fetch() -> object:
        fetches.append(1)
        return issuer.jwks

    auth = Authenticator(keys=fetch)
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"), endpoint="in")
    client = app.test_client()

    assert isinstance(auth.keys, TTLKeyProvider)
    assert auth.keys.ttl == 300
    assert fetches == []
    assert [client.get("/", headers=bearer(token)).status_code for _ in range(3)] == [200] * 3
    assert fetches == [1]


async def _fetch_asynchronously() -> object:
    return None


@pytest.mark.parametrize(
    "fetch",
    [
        pytest.param(_fetch_asynchronously, id="async"),
        pytest.param(functools.partial(_fetch_asynchronously), id="partial of async"),
        pytest.param(lambda header: None, id="wants an argument"),
    ],
)
def test_a_function_that_cannot_fetch_keys_is_refused_when_composing(fetch: Any) -> None:
    """A fetch function that is async or requires arguments is refused when composing."""
    with pytest.raises(ConfigurationError):
        Authenticator(keys=fetch)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(None, id="None"),
        pytest.param(42, id="number"),
        pytest.param("a bare secret", id="bare secret"),
        pytest.param("", id="empty text"),
        pytest.param([], id="no keys"),
        pytest.param({"keys": []}, id="empty JWK set"),
        pytest.param({"error": "unavailable"}, id="error body"),
        pytest.param(Shapeless(), id="object"),
    ],
)
def test_an_invalid_key_is_refused_when_composing(keys: Any) -> None:
    """An Authenticator can't be made without a key that can verify something."""
    with pytest.raises(ConfigurationError):
        Authenticator(keys=keys)


def test_a_private_key_is_refused_when_composing(issuer: TokenIssuer) -> None:
    """A resource server that is given the issuer's private key doesn't start."""
    with pytest.raises(ConfigurationError):
        Authenticator(keys=issuer.private_key)


def test_an_hmac_secret_that_is_a_public_key_is_refused(issuer: TokenIssuer) -> None:
    """A published key as an HMAC secret would let anyone sign tokens (RFC 8725 §2.1)."""
    with pytest.raises(ConfigurationError, match="is a public key"):
        Authenticator(
            keys=VerificationKey.from_secret(issuer.public_pem),
            validator=JWTValidator(algorithms="HS256"),
        )


def test_a_weak_rsa_key_is_refused_when_composing() -> None:
    """RFC 7518 §3.3: an RSA key must have at least 2048 bits."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()

    with pytest.raises(ConfigurationError, match="1024 bits"):
        Authenticator(keys=weak)


def test_a_short_secret_is_refused_when_composing() -> None:
    """RFC 7518 §3.2: an HMAC secret must be at least as long as the hash."""
    with pytest.raises(ConfigurationError, match="too short"):
        Authenticator(
            keys=VerificationKey.from_secret("short"), validator=JWTValidator(algorithms="HS256")
        )


def test_keys_that_do_not_fit_the_algorithms_are_refused_when_composing() -> None:
    """Keys that fit none of the validator's algorithms are refused; the message names both sides."""
    elliptic = TokenIssuer(algorithm="ES256")

    with pytest.raises(ConfigurationError, match=r"ES256.*RS256"):
        Authenticator(keys=elliptic.verification_key)


def test_one_key_that_fits_is_enough(issuer: TokenIssuer) -> None:
    """A set may hold keys for other algorithms, as long as one key fits the validator."""
    elliptic = TokenIssuer(algorithm="ES256", kid="other")

    assert Authenticator(keys=[issuer.verification_key, elliptic.verification_key])


def test_unknown_keys_are_not_checked_against_the_algorithms() -> None:
    """Keys that a function will fetch, or a custom validator accepts, can't be checked when composing."""
    elliptic = TokenIssuer(algorithm="ES256")

    assert Authenticator(keys=lambda: elliptic.jwks)
    assert Authenticator(keys=elliptic.jwks, validator=ShapedValidator())


class AsksForKeys:
    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        keys.keys_for(UnverifiedHeader("RS256"))
        return Claims({}, checked_at=0)


def test_a_jwt_validator_needs_keys() -> None:
    """A JWTValidator without keys is refused: ``keys`` has no default."""
    with pytest.raises(ConfigurationError, match="keys="):
        Authenticator()
    with pytest.raises(ConfigurationError, match="keys="):
        Authenticator(keys=None, validator=JWTValidator())


def test_a_custom_validator_may_do_without_keys(app: Flask) -> None:
    """A validator with its own keys, or one that calls an authority, needs no ``keys``."""
    auth = Authenticator(validator=ShapedValidator())

    with app.test_request_context(headers=bearer("opaque")):
        assert auth.authenticate().claims == {}


def test_a_validator_that_asks_for_missing_keys_causes_503(app: Flask) -> None:
    """A custom validator that asks for keys that weren't configured is a 503."""
    auth = Authenticator(validator=AsksForKeys())

    @app.get("/")
    @auth.optional_authentication
    def view() -> str:
        return "seen"

    assert app.test_client().get("/", headers=bearer("opaque")).status_code == 503


def test_arguments_are_keyword_only() -> None:
    """Strategies are passed by keyword, so they can't be confused."""
    with pytest.raises(TypeError):
        Authenticator(ShapedProvider())  # type: ignore[misc]


def test_an_authenticator_is_immutable(auth: Authenticator) -> None:
    """An Authenticator's strategies can't be changed."""
    with pytest.raises(FrozenInstanceError):
        auth.validator = JWTValidator()  # type: ignore[misc]


def test_defaults_belong_to_each_authenticator(issuer: TokenIssuer) -> None:
    """Two Authenticators share no default strategy object."""
    one = Authenticator(keys=issuer.verification_key)
    other = Authenticator(keys=issuer.verification_key)

    assert one.extractor is not other.extractor
    assert one.validator is not other.validator
    assert one.failure_handler is not other.failure_handler
    assert one != other


def test_repr_shows_the_composition_and_no_key(issuer: TokenIssuer) -> None:
    """The repr names the strategies and holds no key material."""
    secret = "x" * 64
    auth = Authenticator(
        keys=VerificationKey.from_secret(secret), validator=JWTValidator(algorithms="HS256")
    )

    assert "BearerTokenExtractor" in repr(auth)
    assert "JWTValidator" in repr(auth)
    assert secret not in repr(auth)


def test_evolve_makes_a_variant_and_leaves_the_original(
    issuer: TokenIssuer, app: Flask, token: str
) -> None:
    """A variant has the same strategies, except those given, and uses them."""
    auth = Authenticator(keys=issuer.verification_key, extractor=HeaderTokenExtractor())
    strict = auth.evolve(validator=JWTValidator(rules=[Issuer("https://another.example")]))
    app.add_url_rule("/", "loose", auth.requires_authentication(lambda: "in"))
    app.add_url_rule("/strict", "strict", strict.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert strict is not auth
    assert strict.keys is auth.keys
    assert strict.extractor is auth.extractor
    assert auth.validator is not strict.validator
    assert client.get("/", headers=bearer(token)).status_code == 200
    assert client.get("/strict", headers=bearer(token)).status_code == 401


def test_evolve_verifies_with_the_new_keys(
    issuer: TokenIssuer, other_issuer: TokenIssuer, app: Flask, token: str
) -> None:
    """A variant with other keys trusts only those."""
    auth = Authenticator(keys=issuer.verification_key).evolve(keys=other_issuer.public_pem)
    app.add_url_rule("/", "in", auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    assert client.get("/", headers=bearer(token)).status_code == 401
    assert client.get("/", headers=bearer(other_issuer.token())).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"validator": Shapeless()}, ConfigurationError, id="shapeless"),
        pytest.param({"keys": "no key"}, ConfigurationError, id="no key"),
        pytest.param(
            {"validator": JWTValidator(algorithms="ES256")}, ConfigurationError, id="unfit"
        ),
        pytest.param({"realm": "api"}, TypeError, id="no such argument"),
    ],
)
def test_evolve_is_checked_as_composing_is(
    auth: Authenticator, changes: dict[str, Any], error: type[Exception]
) -> None:
    """``evolve`` refuses what composing refuses."""
    with pytest.raises(error):
        auth.evolve(**changes)


def test_several_authenticators_live_in_one_app(app: Flask) -> None:
    """Each route is guarded only by the Authenticator that decorates it."""
    issuers = {name: TokenIssuer(f"https://{name}.example", kid=name) for name in ("one", "two")}
    for name, issuer in issuers.items():
        auth = Authenticator(keys=issuer.verification_key)
        app.add_url_rule(f"/{name}", name, auth.requires_authentication(lambda: "in"))
    client = app.test_client()

    for path in issuers:
        for name, issuer in issuers.items():
            response = client.get(f"/{path}", headers=bearer(issuer.token()))
            assert response.status_code == (200 if name == path else 401)


@pytest.mark.parametrize("decorator", ["requires_authentication", "optional_authentication"])
@pytest.mark.parametrize(
    "view",
    [
        pytest.param("a string", id="string"),
        pytest.param([], id="list of rules"),
        pytest.param(Shapeless, id="class"),
    ],
)
def test_only_functions_are_decorated(auth: Authenticator, decorator: str, view: Any) -> None:
    """A class, or rules without their keyword, in place of a view are refused at once."""
    with pytest.raises(ConfigurationError, match="expected a view function"):
        getattr(auth, decorator)(view)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([Issuer], id="class"),
        pytest.param(["reports:read"], id="string"),
        pytest.param(Issuer("https://issuer.example"), id="rule without a list"),
    ],
)
@pytest.mark.parametrize("place", ["requires_authentication", "optional_authentication", "guard"])
def test_rules_are_checked_when_decorating(auth: Authenticator, place: str, rules: Any) -> None:
    """An invalid claim rule raises when decorating, not in the first request."""
    with pytest.raises(ConfigurationError):
        getattr(auth, place)(rules=rules)


def test_an_authenticator_is_not_subclassed() -> None:
    """``Authenticator`` can't be subclassed, since the decorators would not call an overridden method."""
    with pytest.raises(TypeError, match="can't be subclassed"):

        class Stricter(Authenticator):  # type: ignore[misc]
            """A subclass."""
