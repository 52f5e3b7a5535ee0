"""Explanations, and strategies that describe themselves: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from flask import Flask, Request
from typing_extensions import assert_type

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    BearerToken,
    Claims,
    KeyProvider,
    TokenExtractor,
    TokenValidator,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.dry_run import is_dry_run, may_fetch
from flask_jwtlib.errors import Refusal
from flask_jwtlib.explain import Cause, Explanation, Response, Step, as_dict, explain
from flask_jwtlib.interfaces import request_arguments_of


class Extractor(TokenExtractor):
    def __init__(self, inner: TokenExtractor) -> None:
        self.inner = inner

    def extract(self, request: Request) -> BearerToken | None:
        return self.inner.extract(request)

    def request_with(self, token: str) -> Mapping[str, Any] | None:
        return request_arguments_of(self.inner, token)


class Validator(TokenValidator):
    def __init__(self, inner: TokenValidator) -> None:
        self.inner = inner

    def passes_to(
        self, token: BearerToken, keys: KeyProvider
    ) -> tuple[TokenValidator, KeyProvider] | None:
        return None if token.ambient else (self.inner, keys)

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        assert_type(is_dry_run(), bool)
        return self.inner.validate(token, keys)


class Provider(KeyProvider):
    def current_keys(self) -> Sequence[VerificationKey]:
        return ()

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        assert_type(may_fetch(), bool)
        return ()


def why(auth: Authenticator | AppAuthenticator, token: str, app: Flask) -> dict[str, Any]:
    """Explain a token."""
    explanation = explain(
        auth, token, app=app, endpoint="it", method="POST", view_args={"user": 7}, fetch_keys=True
    )
    assert_type(explanation, Explanation)
    assert_type(explanation.outcome, Literal["accepted", "guest", "refused"])
    assert_type(explanation.steps, tuple[Step, ...])
    assert_type(explanation.error, Refusal | None)
    assert_type(explanation.response, Response | None)
    assert_type(explanation.cause, Cause | None)
    explain(auth, b"token")  # type: ignore[arg-type]
    return as_dict(explanation)
