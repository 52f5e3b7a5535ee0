"""Every program in ``docs/extending.rst`` about keys, claims and validators does what its text says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from flask_jwtlib import Audience, Authenticator, ConfigurationError, JWTValidator
from flask_jwtlib.claim_rules import Expiry, RequiredClaims, Subject
from flask_jwtlib.key_health import key_statuses
from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import client_behind, requirement

Run = Callable[[str, str], dict[str, Any]]

API = "https://api.example"


class TestExtending:
    DOCUMENT = "docs/extending.rst"

    def test_keys_come_from_a_function(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """The function's keys are used, for as long as it says."""
        bundle = {"jwks": issuer.jwks, "refresh_after": 20}
        (workplace / "bundle.json").write_text(json.dumps(bundle))
        program = run(self.DOCUMENT, "keys_of_the_bundle")
        client = client_behind(requirement(program))
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        status = program["auth"].keys.status()
        assert status["stale_seconds_left"] == 14_400
        assert program["keys_of_the_bundle"]().ttl == 20

    def test_keys_come_from_a_table(self, run: Run, issuer: TokenIssuer) -> None:
        """The key is chosen by its ID; an unknown ID is refused. Its status is reported."""
        client = client_behind(requirement(run(self.DOCUMENT, "TableKeyProvider(KeyProvider)")))
        assert key_statuses(client.application) == [
            {"provider": "TableKeyProvider", "state": "static", "kids": ["key-1"]}
        ]
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        unknown = issuer.token("alice", header={"kid": "../issuer"})
        assert client.get("/", headers=bearer(unknown)).status_code == 401

    def test_a_rule_is_a_function_or_an_object(self, run: Run, issuer: TokenIssuer) -> None:
        """The function refuses tokens, and so does the object, of the validator and of the decorator."""
        program = run(self.DOCUMENT, "def verified_email")
        everyone = client_behind(requirement(program))
        acme = client_behind(program["only_acme"])
        for claims, statuses in (
            ({"email_verified": True, "tenant": "acme"}, (200, 200)),
            ({"email_verified": True, "tenant": "initech"}, (200, 401)),
            ({"email_verified": True, "tenant": "rivals"}, (401, 401)),
            ({"email_verified": True}, (401, 401)),
            ({"email_verified": "true", "tenant": "acme"}, (401, 401)),
            ({"tenant": "acme"}, (401, 401)),
        ):
            headers = bearer(issuer.token("alice", **claims))
            found = tuple(
                client.get("/", headers=headers).status_code for client in (everyone, acme)
            )
            assert found == statuses, claims

    def test_a_views_audience_is_checked_in_addition(self, issuer: TokenIssuer) -> None:
        """A decorator's rule does not replace the validator's of the same class."""
        auth = Authenticator(
            keys=issuer.public_pem, validator=JWTValidator(rules=[Audience("all", "both")])
        )
        client = client_behind(auth.requires_authentication(rules=[Audience("view", "both")]))
        statuses = {
            audience: client.get("/", headers=bearer(issuer.token(aud=audience))).status_code
            for audience in ("all", "view", "both")
        }
        assert statuses == {"all": 401, "view": 401, "both": 200}

    @pytest.mark.parametrize(
        ("rule", "status"),
        [
            pytest.param(Expiry(required=True), 401, id="its-own-leeway-is-0"),
            pytest.param(Expiry(30, required=True), 200, id="its-own-leeway-given"),
        ],
    )
    def test_a_given_rule_has_its_own_leeway(self, rule: Expiry, status: int) -> None:
        """The validator's leeway applies to its standard rules."""
        issuer = TokenIssuer(lifetime=-5)
        auth = Authenticator(
            keys=issuer.public_pem, validator=JWTValidator(leeway=30, rules=[rule])
        )
        client = client_behind(auth.requires_authentication)
        assert client.get("/", headers=bearer(issuer.token())).status_code == status

    def test_a_subject_can_be_required(self, issuer: TokenIssuer) -> None:
        """``RequiredClaims("sub")`` accepts any subject, ``Subject`` only those it names."""
        with pytest.raises(ConfigurationError):
            Subject()
        auth = Authenticator(
            keys=issuer.public_pem, validator=JWTValidator(rules=[RequiredClaims("sub")])
        )
        client = client_behind(auth.requires_authentication)
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        assert client.get("/", headers=bearer(issuer.token(None))).status_code == 401

    def test_a_rule_uses_a_database(self, run: Run, issuer: TokenIssuer) -> None:
        """The rules refuse revoked tokens, and tenants that are not active or not even strings."""
        client = client_behind(requirement(run(self.DOCUMENT, "class ActiveTenant")))
        statuses: dict[str, int] = {}
        for tenant in ("acme", "rivals", ["acme"], {"acme": 1}, None):
            headers = bearer(issuer.token("alice", jti="1", tenant=tenant))
            statuses[str(tenant)] = client.get("/", headers=headers).status_code
        assert statuses.pop("acme") == 200
        assert set(statuses.values()) == {401}
        for jti in ("the-lost-laptop", None):
            token = issuer.token("alice", jti=jti, tenant="acme")
            assert client.get("/", headers=bearer(token)).status_code == 401

    def test_a_subclass_has_another_field(self, run: Run, issuer: TokenIssuer) -> None:
        """The subclass limits the lifetime of tokens in URLs by its field, and no others."""
        program = run(self.DOCUMENT, "class URLTokenValidator")
        client = client_behind(requirement(program))
        token = issuer.token("alice", exp=int(time.time()) + 90)
        assert client.get("/", headers=bearer(token)).text == "alice"
        assert client.get("/", query_string={"access_token": token}).text == "alice"
        token = issuer.token("alice", exp=int(time.time()) + 200)
        assert client.get("/", headers=bearer(token)).text == "alice"
        assert client.get("/", query_string={"access_token": token}).status_code == 401

    def test_a_plain_attribute_is_frozen(self) -> None:
        """As the text says, assigning in ``__init__`` raises, as does subclassing ``Authenticator``."""

        class Stateful(JWTValidator):
            def __init__(self) -> None:
                super().__init__()
                self.db = object()

        with pytest.raises(FrozenInstanceError):
            Stateful()
        with pytest.raises(TypeError, match="can't be subclassed"):
            type("Mine", (Authenticator,), {})

    def test_tokens_need_not_be_jwts(self, run: Run) -> None:
        """A custom validator accepts only the tokens that were issued."""
        client = client_behind(requirement(run(self.DOCUMENT, "APITokenValidator(TokenValidator)")))
        assert client.get("/", headers=bearer("a-long-random-token")).text == "nightly-build"
        assert client.get("/", headers=bearer("another-token")).status_code == 401

    def test_a_validator_has_its_own_keys(
        self, run: Run, issuer: TokenIssuer, services: TokenIssuer
    ) -> None:
        """A token's own text chooses the keys, and can't bypass them."""
        client = client_behind(requirement(run(self.DOCUMENT, "class ServiceOrUserValidator")))
        of_a_service = {"header": {"typ": "service+jwt"}, "aud": "internal"}
        assert client.get("/", headers=bearer(issuer.token("alice", aud=API))).text == "alice"
        assert client.get("/", headers=bearer(services.token("job", **of_a_service))).text == "job"
        for token in (
            issuer.token(**of_a_service),
            services.token(aud=API),
            services.token(aud="internal"),
            issuer.token(aud="internal"),
        ):
            assert client.get("/", headers=bearer(token)).status_code == 401
