"""Tokens of a real OpenID provider: access tokens, rotations and outages."""

from __future__ import annotations

import json
import random
import threading
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, jsonify

import flask_jwtlib
from flask_jwtlib import Authenticator, Scope, VerificationUnavailable, current_principal
from flask_jwtlib.claim_rules import TokenType
from flask_jwtlib.testing import TokenIssuer, base64url, bearer
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import PROCESS_PATIENCE

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
CALLERS = 8
# Default lifetime of keys, in seconds.
TTL = 300

each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def keys_of(provider: Any, **options: Any) -> OIDCKeyProvider:
    """Return a provider of the keys that the metadata point to, with long timeouts."""
    return OIDCKeyProvider(
        provider.issuer,
        allow_http_on_loopback=True,
        max_wait=PROCESS_PATIENCE,
        fetch_timeout=PROCESS_PATIENCE,
        **options,
    )


def authenticator_for(
    provider: Any, *audience: str, algorithms: Any, rules: Any = ()
) -> Authenticator:
    """Return an authenticator for tokens of the provider with one of these audiences."""
    return oidc_authenticator(
        provider.issuer,
        audience,
        algorithms=algorithms,
        rules=rules,
        allow_http_on_loopback=True,
    )


def guarded_app(authenticator: Authenticator) -> Flask:
    """Return an app whose views need authentication."""
    app = Flask("resource_server")
    app.testing = True

    @app.get("/")
    @authenticator.requires_authentication
    def caller() -> Any:
        return jsonify(current_principal.claims)

    @app.get("/written")
    @authenticator.requires_authentication(rules=[Scope("reports:write")])
    def written() -> str:
        return "written"

    return app


def status(app: Flask, token: str, path: str = "/") -> int:
    """Return the status of an app's response to a request with a token."""
    return app.test_client().get(path, headers=bearer(token)).status_code


def header_of(token: str) -> dict[str, Any]:
    """Return a token's header."""
    header: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))
    return header


@each_algorithm
def test_an_access_token_is_accepted(openid_provider: Any, algorithm: str) -> None:
    """A token of RFC 9068's profile is accepted, and its claims and scope are available."""
    resource = openid_provider.resource(algorithm)
    auth = authenticator_for(
        openid_provider, resource, algorithms=algorithm, rules=[TokenType("at+jwt")]
    )
    app = guarded_app(auth)
    token = openid_provider.token(algorithm)

    response = app.test_client().get("/", headers=bearer(token))

    assert header_of(token)["alg"] == algorithm
    assert response.status_code == 200
    assert response.json["client_id"] == response.json["sub"] == openid_provider.client(algorithm)
    assert response.json["aud"] == resource
    assert response.json["scope"] == "reports:read"
    assert status(app, token, "/written") == 403


def test_one_resource_server_can_accept_all_algorithms(openid_provider: Any) -> None:
    """Each token is verified by the key of its algorithm, and the keys are fetched once."""
    keys = keys_of(openid_provider)
    resources = [openid_provider.resource(algorithm) for algorithm in ALGORITHMS]
    auth = authenticator_for(openid_provider, *resources, algorithms=ALGORITHMS)
    app = guarded_app(auth.evolve(keys=keys))

    statuses = [status(app, openid_provider.token(algorithm)) for algorithm in ALGORITHMS]

    assert statuses == [200] * len(ALGORITHMS)
    assert keys.status()["fetches"] == {"cold": {"succeeded": 1, "failed": 0}}
    assert keys.status()["skipped"] == {}


def test_keys_are_fetched_from_a_jwks_url(openid_provider: Any) -> None:
    """Without discovery, the URL of the JWK set is enough."""
    resource = openid_provider.resource("ES256")
    keys = JWKSKeyProvider(openid_provider.metadata["jwks_uri"], allow_http_on_loopback=True)
    auth = authenticator_for(openid_provider, resource, algorithms="ES256")

    assert status(guarded_app(auth.evolve(keys=keys)), openid_provider.token("ES256")) == 200
    assert keys.status()["kids"] == sorted(jwk["kid"] for jwk in openid_provider.jwks()["keys"])


def test_the_issuer_must_match_exactly(openid_provider: Any) -> None:
    """If the configured issuer differs from the metadata's by a slash, no keys are fetched."""
    keys = keys_of(openid_provider)
    keys.warm_up()
    slashed = OIDCKeyProvider(f"{openid_provider.issuer}/", allow_http_on_loopback=True)

    assert keys.status()["kids"] == sorted(jwk["kid"] for jwk in openid_provider.jwks()["keys"])
    with pytest.raises(VerificationUnavailable):
        slashed.warm_up()


def test_an_app_can_be_configured_by_its_settings(openid_provider: Any, app: Flask) -> None:
    """``app.config`` needs only issuer, audience and algorithms."""
    app.config["JWTLIB_ISSUER"] = openid_provider.issuer
    app.config["JWTLIB_AUDIENCE"] = openid_provider.resource("ES256")
    app.config["JWTLIB_ALGORITHMS"] = "ES256"
    app.config["JWTLIB_ALLOW_HTTP_ON_LOOPBACK"] = True
    configured_authenticator(app).protect(app)
    app.add_url_rule("/", view_func=lambda: "in")

    assert status(app, openid_provider.token("ES256")) == 200
    assert status(app, openid_provider.token("ES256", "billing")) == 401


@each_algorithm
def test_a_token_for_another_resource_is_refused(openid_provider: Any, algorithm: str) -> None:
    """A token for one resource server is refused by another (RFC 9068 §4)."""
    billing = openid_provider.resource(algorithm, "billing")
    app = guarded_app(authenticator_for(openid_provider, billing, algorithms=algorithm))

    assert status(app, openid_provider.token(algorithm, "reports")) == 401
    assert status(app, openid_provider.token(algorithm, "billing")) == 200


@each_algorithm
def test_an_id_token_is_refused(openid_provider: Any, algorithm: str) -> None:
    """It has the issuer's signature, but neither the audience nor the type of an access token."""
    resource, client = openid_provider.resource(algorithm), openid_provider.client(algorithm)
    strict = authenticator_for(openid_provider, resource, algorithms=algorithm)
    lax = authenticator_for(openid_provider, client, algorithms=algorithm)
    typed = authenticator_for(
        openid_provider, client, algorithms=algorithm, rules=[TokenType("at+jwt")]
    )
    token = openid_provider.id_token(algorithm)

    assert status(guarded_app(strict), token) == 401
    # If a client's ID is accepted as an audience, only the type tells them apart.
    assert status(guarded_app(lax), token) == 200
    assert status(guarded_app(typed), token) == 401


def test_an_opaque_token_is_refused(openid_provider: Any) -> None:
    """Without a resource, the provider issues tokens that only it can read."""
    resource = openid_provider.resource("RS256")
    app = guarded_app(authenticator_for(openid_provider, resource, algorithms="RS256"))
    token = openid_provider.token("RS256", None)

    assert "." not in token
    assert status(app, token) == 401


@each_algorithm
def test_a_tampered_token_is_refused(openid_provider: Any, algorithm: str) -> None:
    """A valid token with another header, claims or signature is refused."""
    audience = [openid_provider.resource(algorithm, name) for name in ("reports", "billing")]
    app = guarded_app(authenticator_for(openid_provider, *audience, algorithms=algorithm))
    genuine, other = (openid_provider.token(algorithm, name) for name in ("reports", "billing"))
    header, claims, signature = genuine.split(".")
    _, other_claims, other_signature = other.split(".")
    unsigned = base64url(json.dumps({**header_of(genuine), "alg": "none"}).encode())

    assert status(app, genuine) == status(app, other) == 200
    for tampered in (
        f"{header}.{other_claims}.{signature}",
        f"{header}.{claims}.{other_signature}",
        f"{unsigned}.{claims}.",
        f"{unsigned}.{claims}.{signature}",
    ):
        assert status(app, tampered) == 401


@each_algorithm
def test_a_forged_token_is_refused(openid_provider: Any, algorithm: str) -> None:
    """A token with the right issuer, audience and key ID, signed with another key, is refused."""
    resource = openid_provider.resource(algorithm)
    app = guarded_app(authenticator_for(openid_provider, resource, algorithms=algorithm))
    kid = header_of(openid_provider.token(algorithm))["kid"]
    forger = TokenIssuer(openid_provider.issuer, algorithm=algorithm, kid=kid)

    assert status(app, forger.token(aud=resource, header={"typ": "at+jwt"})) == 401


@each_algorithm
def test_a_disallowed_algorithm_is_refused(openid_provider: Any, algorithm: str) -> None:
    """A valid token of another algorithm is refused, and no key is fetched for it."""
    keys = keys_of(openid_provider)
    resource = openid_provider.resource(algorithm)
    others = [name for name in ALGORITHMS if name != algorithm]
    auth = authenticator_for(openid_provider, resource, algorithms=others)

    assert status(guarded_app(auth.evolve(keys=keys)), openid_provider.token(algorithm)) == 401
    assert keys.status()["state"] == "cold"


def test_two_providers_verify_only_their_own_tokens(
    openid_provider: Any, own_provider: Any
) -> None:
    """Though their key IDs are the same, neither provider's keys verify a token that names the other."""
    resource = openid_provider.resource("ES256")
    router = IssuerRouter(
        *(
            TrustedIssuer(one.issuer, keys=keys_of(one), audience=resource, algorithms="ES256")
            for one in (openid_provider, own_provider)
        )
    )
    app = guarded_app(Authenticator(validator=router))
    ours, theirs = openid_provider.token("ES256"), own_provider.token("ES256")
    header, claims, _ = ours.split(".")
    _, _, their_signature = theirs.split(".")

    assert header_of(ours) == header_of(theirs)
    assert status(app, ours) == status(app, theirs) == 200
    assert status(app, f"{header}.{claims}.{their_signature}") == 401
    other = guarded_app(authenticator_for(openid_provider, resource, algorithms="ES256"))
    assert status(other, theirs) == 401


def test_a_token_of_a_new_key_is_accepted_at_once(own_provider: Any) -> None:
    """After a rotation new and old tokens are accepted."""
    keys = keys_of(own_provider)
    resources = [own_provider.resource(algorithm) for algorithm in ALGORITHMS]
    auth = authenticator_for(own_provider, *resources, algorithms=ALGORITHMS)
    app = guarded_app(auth.evolve(keys=keys))
    old = [own_provider.token(algorithm) for algorithm in ALGORITHMS]
    before = [status(app, token) for token in old]

    own_provider.rotate()
    new = [own_provider.token(algorithm) for algorithm in ALGORITHMS]
    after = [status(app, token) for token in [*new, *old]]

    assert {*before, *after} == {200}
    assert not {header_of(token)["kid"] for token in new} & {
        header_of(token)["kid"] for token in old
    }
    assert keys.status()["fetches"]["unknown_kid"] == {"succeeded": 1, "failed": 0}


class Callers:
    """Threads that get tokens from a provider, and send them and older ones to an app, in a loop.

    Attributes:
        refused: The statuses of all refused requests.
        accepted: The number of accepted requests, by key ID.
    """

    def __init__(self, provider: Any, app: Flask) -> None:
        self.refused: list[int] = []
        self.accepted: Counter[str] = Counter()
        self._provider = provider
        self._app = app
        self._tokens: list[str] = []
        self._ending = False
        self._changed = threading.Condition()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Send requests until the block ends."""
        threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending = True
            for thread in threads:
                thread.join(PROCESS_PATIENCE)
        assert not any(thread.is_alive() for thread in threads)

    def wait_for(self, generation: int) -> None:
        """Wait until more tokens of each key of a generation are accepted."""
        with self._changed:
            wanted = Counter({f"{name}-{generation}": 5 for name in ALGORITHMS}) + self.accepted
            assert self._changed.wait_for(
                lambda: self.refused or self.accepted >= wanted, PROCESS_PATIENCE
            ), f"accepted were {self.accepted}"

    def _call(self, number: int) -> None:
        choice = random.Random(number)
        client = self._app.test_client()
        while not self._ending:
            self._tokens.append(self._provider.token(choice.choice(ALGORITHMS)))
            for token in (self._tokens[-1], *choice.choices(self._tokens, k=5)):
                status_code = client.get("/", headers=bearer(token)).status_code
                with self._changed:
                    if status_code == 200:
                        self.accepted[header_of(token)["kid"]] += 1
                    else:
                        self.refused.append(status_code)
                    self._changed.notify_all()


def test_rotations_under_load_refuse_no_valid_token(own_provider: Any) -> None:
    """While keys are rotated twice under load, each valid token is accepted at all times, old or new."""
    keys = keys_of(own_provider)
    resources = [own_provider.resource(algorithm) for algorithm in ALGORITHMS]
    auth = authenticator_for(own_provider, *resources, algorithms=ALGORITHMS)
    callers = Callers(own_provider, guarded_app(auth.evolve(keys=keys)))

    with callers.at_work():
        callers.wait_for(generation=1)
        own_provider.rotate()
        callers.wait_for(generation=2)
        own_provider.rotate()
        callers.wait_for(generation=3)
        callers.wait_for(generation=1)

    assert callers.refused == []
    assert keys.status()["fetches"] == {
        "cold": {"succeeded": 1, "failed": 0},
        "unknown_kid": {"succeeded": 2, "failed": 0},
    }


def test_a_removed_key_is_refused_after_the_refresh(own_provider: Any, clock: Any) -> None:
    """Tokens of a key are refused once the keys were fetched without it."""
    keys = keys_of(own_provider, clock=clock)
    resources = [own_provider.resource(algorithm) for algorithm in ALGORITHMS]
    auth = authenticator_for(own_provider, *resources, algorithms=ALGORITHMS)
    app = guarded_app(auth.evolve(keys=keys))
    old = [own_provider.token(algorithm) for algorithm in ALGORITHMS]
    known = [status(app, token) for token in old]

    own_provider.rotate()
    own_provider.drop_old()
    clock.move(TTL + 1)
    removed = [status(app, token) for token in old]
    new = [status(app, own_provider.token(algorithm)) for algorithm in ALGORITHMS]

    assert {*known} == {*new} == {200}
    assert {*removed} == {401}
    assert keys.status()["kids"] == sorted(jwk["kid"] for jwk in own_provider.jwks()["keys"])


def test_known_keys_verify_while_the_provider_is_down(own_provider: Any, clock: Any) -> None:
    """While the provider is down, tokens of known keys are accepted, and an unknown key gets 503."""
    keys = keys_of(own_provider, clock=clock)
    resource = own_provider.resource("ES256")
    auth = authenticator_for(own_provider, resource, algorithms="ES256")
    app = guarded_app(auth.evolve(keys=keys))
    stranger = TokenIssuer(own_provider.issuer, algorithm="ES256", kid="ES256-2")
    token = own_provider.token("ES256")
    up = [status(app, token), status(app, stranger.token(aud=resource))]

    own_provider.stop()
    clock.move(TTL + 1)
    down = [status(app, token), status(app, stranger.token(aud=resource))]

    assert up == [200, 401]
    assert down == [200, 503]
    assert keys.status()["state"] == "stale"


def test_the_documented_callback_can_fetch_the_key_set(own_provider: Any, app: Flask) -> None:
    """``retrieve_verification_key`` may return the provider's JWK set, and follows its rotations."""
    names = ("ES256", "EdDSA")
    flask_jwtlib.retrieve_verification_key = own_provider.jwks
    flask_jwtlib.JWT_ALGO = names
    flask_jwtlib.JWT_ISSUER = own_provider.issuer
    flask_jwtlib.JWT_AUDIENCE = [own_provider.resource(name) for name in ALGORITHMS]

    @app.get("/")
    @flask_jwtlib.requires_authentication
    def caller() -> str:
        return "in"

    old = [own_provider.token(name) for name in names]
    before = [status(app, token) for token in old]
    own_provider.rotate()
    new = [own_provider.token(name) for name in names]
    after = [status(app, token) for token in [*new, *old]]

    assert {*before, *after} == {200}
    assert status(app, own_provider.token("RS256")) == 401
    assert status(app, own_provider.token("ES256", "billing")) == 401
    assert status(app, own_provider.id_token("ES256")) == 401
