"""Credentials that a program sends: a bearer token, also with a policy about it, and an API key."""

from __future__ import annotations

import time

from flask_jwtlib import Authenticator
from flask_jwtlib.policies import AnyScope, Role, Scope
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.validators.api_keys import (
    APIKeyRecord,
    APIKeyValidator,
    api_key_digest,
    generate_api_key,
)

from ..contenders import COMPOSED, FLOOR
from ..floor import hand_written
from ..scenarios import Service, issue_token
from .by_hand import (
    api_key_by_hand,
    policy_by_hand,
)
from .rows import Attempt, Row, guard_of, tokens_of

BEARER, API_KEY, POLICY = "bearer", "API key", "policy"
"""The names of the rows."""


def bearer_row(service: Service) -> Row:
    """A bearer token: what the other rows are compared with."""
    good, expired = tokens_of(service)
    return Row(
        BEARER,
        {FLOOR: lambda _app: hand_written(service), COMPOSED: guard_of(service)},
        {
            "good": Attempt({"Authorization": f"Bearer {good}"}, 200),
            "no credential": Attempt({}, 401),
            "expired": Attempt({"Authorization": f"Bearer {expired}"}, 401),
        },
    )


def api_key_row() -> Row:
    """An API key of which the digest is on record."""
    key, expired, unknown = (generate_api_key("acme") for _ in range(3))
    now = time.time()
    records = {
        record.digest: record
        for record in (
            APIKeyRecord(
                "nightly-build", digest=api_key_digest(key), scopes="read", expires_at=now + 3600
            ),
            APIKeyRecord("old", digest=api_key_digest(expired), expires_at=now - 60),
        )
    }
    authenticator = Authenticator(
        extractor=APIKeyExtractor(), validator=APIKeyValidator(records, prefix="acme")
    )
    others = {
        "expired": expired,
        "unknown": unknown,
        "wrong checksum": key[:-1] + ("a" if key[-1] != "a" else "b"),
        "other prefix": generate_api_key("other"),
    }
    return Row(
        API_KEY,
        {
            FLOOR: lambda _app: api_key_by_hand(records, "acme"),
            COMPOSED: lambda _app: authenticator.requires_authentication,
        },
        {
            "good": Attempt({"X-API-Key": key}, 200),
            "no credential": Attempt({}, 401),
            **{name: Attempt({"X-API-Key": each}, 401) for name, each in others.items()},
        },
    )


def policy_row(service: Service) -> Row:
    """A bearer token of a caller whom a policy permits by a scope and a role."""
    headers = {
        name: {"Authorization": f"Bearer {issue_token(service.signer, int(time.time()), **claims)}"}
        for name, claims in {
            "role": {"scope": "profile reports:read", "roles": ["staff", "editor"]},
            "scope": {"scope": "reports:read reports:write"},
            "neither": {"scope": "reports:read", "roles": ["staff"]},
            "needed scope missing": {"scope": "admin", "roles": ["editor"]},
            "expired": {"roles": ["editor"], "exp": 1},
        }.items()
    }
    rule = Scope("reports:read") & (AnyScope("admin reports:write") | Role("editor"))
    one_of = frozenset({"admin", "reports:write"})
    return Row(
        POLICY,
        {
            FLOOR: lambda _app: policy_by_hand(service, "reports:read", one_of, "editor"),
            COMPOSED: guard_of(service, rule),
        },
        {
            "good": Attempt(headers["role"], 200),
            "good, by scope": Attempt(headers["scope"], 200),
            "no credential": Attempt({}, 401),
            "expired": Attempt(headers["expired"], 401),
            "neither scope nor role": Attempt(headers["neither"], 403),
            "needed scope missing": Attempt(headers["needed scope missing"], 403),
        },
    )
