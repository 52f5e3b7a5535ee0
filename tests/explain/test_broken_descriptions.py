"""Strategies of an application whose optional members have bugs."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Request

from flask_jwtlib import (
    Authenticator,
    BearerToken,
    Claims,
    ConfigurationError,
    JWTValidator,
    KeyProvider,
)
from flask_jwtlib.explain import explain
from flask_jwtlib.testing import TokenIssuer


class Extractor:
    """Reads ``X-Token``, and describes the request by a function."""

    challenges = vary = None

    def __init__(self, describe: Any) -> None:
        self._describe = describe

    def extract(self, request: Request) -> BearerToken | None:
        return None

    @property
    def request_with(self) -> Any:
        return self._describe


@pytest.mark.parametrize(
    ("describe", "fault"),
    [
        (lambda token: {}[token], "failed: KeyError"),
        (lambda: None, "failed: TypeError"),
        (lambda token: {"header": token}, "returned what no request takes: TypeError"),
        (lambda token: {"json": {"token": object()}}, "returned what no request takes: TypeError"),
    ],
    ids=["it raises", "no argument", "unknown argument", "no JSON"],
)
def test_an_extractor_that_misdescribes_the_request_is_named(
    issuer: TokenIssuer, describe: Any, fault: str
) -> None:
    """The error is one sentence without the token."""
    auth = Authenticator(keys=issuer.public_pem, extractor=Extractor(describe))
    token = issuer.token()
    with pytest.raises(ConfigurationError) as raised:
        explain(auth, token)
    assert str(raised.value) == f"Extractor.request_with {fault}"
    assert token not in repr(raised.value)


def test_a_validator_whose_attribute_raises_decides_itself(issuer: TokenIssuer) -> None:
    """The explanation has fewer steps, and the right outcome."""

    class Validator:
        def __init__(self) -> None:
            self._inner = JWTValidator()

        @property
        def passes_to(self) -> Any:
            raise ZeroDivisionError

        def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
            return self._inner.validate(token, keys)

    auth = Authenticator(keys=issuer.public_pem, validator=Validator())
    assert explain(auth, issuer.token())
    assert not explain(auth, issuer.token(exp=1))
