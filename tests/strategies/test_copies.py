"""Copying Authenticators and their parts."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import flask_jwtlib
from flask_jwtlib import (
    Audience,
    Authenticator,
    BearerTokenExtractor,
    HeaderTokenExtractor,
    JWTValidator,
    KeyProvider,
    KeySet,
    StaticKeyProvider,
    TTLKeyProvider,
    UnauthorizedHandler,
    VerificationKey,
)
from flask_jwtlib.extractors import FormTokenExtractor, QueryTokenExtractor
from flask_jwtlib.key_providers import CheckedKeyProvider, NoKeyProvider
from flask_jwtlib.testing import IdentityProvider, TokenIssuer, bearer
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.json_body import JSONTokenExtractor
from flask_jwtlib_strategies.extractors.websocket import WebSocketTokenExtractor
from flask_jwtlib_strategies.failure_handlers.problem_details import ProblemDetailsHandler
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.api_keys import APIKeyRecord, APIKeyValidator
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

COPIES = [
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
    pytest.param(lambda one: copy.deepcopy({"AUTH": [one]})["AUTH"][0], id="of settings"),
]


class Own(KeyProvider):
    """A custom provider that holds an object which can't be copied."""

    def __init__(self, provider: KeyProvider) -> None:
        self._keys_for = provider.keys_for
        self._frame = (each for each in ())

    def keys_for(self, header: Any) -> Any:
        return self._keys_for(header)


def options(idp: IdentityProvider, issuer: TokenIssuer, folder: Path) -> dict[str, dict[str, Any]]:
    """Ways to compose an Authenticator."""
    jwks = JWKSKeyProvider(idp.jwks_url, allow_http_on_loopback=True)
    files = folder / "k.pem"
    files.write_text(issuer.public_pem)
    static = StaticKeyProvider(issuer.public_pem)
    trusted = TrustedIssuer(idp.issuer_url, audience="api", keys=jwks)
    return {
        "fixed": {"keys": issuer.public_pem},
        "fixed, cached": {"keys": issuer.public_pem, "validator": CachingValidator(JWTValidator())},
        "function": {"keys": lambda: issuer.public_pem},
        "jwks": {"keys": jwks},
        "jwks, cached": {"keys": jwks, "validator": CachingValidator(JWTValidator())},
        "oidc": {"keys": OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True)},
        "files": {"keys": FileKeyProvider(files)},
        "composite": {"keys": CompositeKeyProvider(static, jwks)},
        "own": {"keys": Own(static)},
        "router": {"validator": IssuerRouter(trusted)},
    }


def statuses(auth: Authenticator, *tokens: str) -> list[int]:
    """Return the status that an app with this Authenticator returns for each token."""
    app = Flask("copies")
    app.add_url_rule("/", view_func=auth.requires_authentication(lambda: "in"))
    client = app.test_client()
    return [client.get("/", headers=bearer(token)).status_code for token in tokens]


@pytest.mark.parametrize("make_copy", COPIES)
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_a_copy_of_an_authenticator_works(
    tmp_path: Path, make_copy: Callable[[Any], Any], used: bool
) -> None:
    """A copy accepts and refuses the same tokens, and uses the same keys."""
    with IdentityProvider() as idp:
        issuer = idp.add_key(kid="k")
        audience = {"rules": [Audience("api")]}
        forged = TokenIssuer(idp.issuer_url, kid="k").token(aud="api")
        for name, how in options(idp, issuer, tmp_path).items():
            how.setdefault("validator", JWTValidator(**audience))
            if name.endswith("cached"):
                how["validator"] = CachingValidator(JWTValidator(**audience))
            auth = Authenticator(**how)
            if used:
                assert statuses(auth, issuer.token(aud="api")) == [200], name
            copied = make_copy(auth)
            assert statuses(copied, issuer.token(aud="api"), forged) == [200, 401], name
            assert copied.keys is auth.keys, name


def shared(issuer: TokenIssuer, folder: Path) -> list[Any]:
    """One object of each class whose copies are shared."""
    jwks = JWKSKeyProvider("https://issuer.example/keys")
    trusted = TrustedIssuer("https://issuer.example", audience="api", keys=issuer.public_pem)
    auth = flask_jwtlib.default_authenticator
    return [
        Authenticator(keys=issuer.public_pem),
        Authenticator(keys=lambda: issuer.public_pem),
        auth,
        auth.keys,
        auth.extractor,
        auth.validator,
        auth.failure_handler,
        StaticKeyProvider(issuer.public_pem),
        TTLKeyProvider(lambda: issuer.public_pem),
        jwks,
        OIDCKeyProvider("https://issuer.example"),
        FileKeyProvider(folder),
        CompositeKeyProvider(jwks),
        CheckedKeyProvider(jwks),
        CachingValidator(JWTValidator()),
        IssuerRouter(trusted),
        APIKeyValidator([APIKeyRecord("alice", digest="0" * 64)]),
        PerSchemeValidator({"Bearer": JWTValidator()}),
        trusted,
        issuer.verification_key,
        VerificationKey.from_secret("x" * 64),
        KeySet.of(issuer.jwks),
    ]


@pytest.mark.parametrize("make_copy", COPIES)
def test_objects_with_keys_are_shared(
    issuer: TokenIssuer, tmp_path: Path, make_copy: Callable[[Any], Any]
) -> None:
    """A copy of a provider, a key, or a validator with a cache is the object itself."""
    for one in shared(issuer, tmp_path):
        assert make_copy(one) is one


def test_the_pickling_error_says_why(issuer: TokenIssuer, tmp_path: Path) -> None:
    """The error names the class, the reason and the fix, and shows no key."""
    for one in shared(issuer, tmp_path):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError) as refusal:
                pickle.dumps({"AUTH": one}, protocol)
            assert f"{type(one).__name__} can't be pickled: it holds" in str(refusal.value)
            assert "Make one in each process" in str(refusal.value)


PLAIN = [
    HeaderTokenExtractor(),
    FormTokenExtractor(methods="GET", max_size=99),
    QueryTokenExtractor(),
    BearerTokenExtractor(query=False, max_size=99),
    CompositeTokenExtractor(HeaderTokenExtractor(), QueryTokenExtractor(), exclusive=False),
    UnauthorizedHandler(realm="reports"),
    ProblemDetailsHandler(realm="reports", type_base="https://api.example/"),
    JWTValidator(rules=[Audience("api")], max_size=99),
    APIKeyExtractor("X-Acme-Key"),
    JSONTokenExtractor("token", methods="POST"),
    WebSocketTokenExtractor(parameter="access_token"),
    APIKeyRecord("alice", digest="0" * 64, scopes="read"),
    NoKeyProvider(),
]


@pytest.mark.parametrize("one", PLAIN, ids=lambda one: type(one).__name__)
def test_objects_without_keys_can_be_copied_and_pickled(one: Any) -> None:
    """A copy is an equal value with the same options."""
    for copied in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert type(copied) is type(one)
        if not isinstance(one, JWTValidator | NoKeyProvider):
            assert copied == one
        if not isinstance(one, NoKeyProvider):
            assert repr(copied) == repr(one)
