"""Checks of the key that is given to the documented module API."""

from __future__ import annotations

import re
from typing import Any

import flask_jwtlib
from flask_jwtlib import ConfigurationError, VerificationKey

from ._context import Context

__all__ = ["check_secret"]

_PLACE = re.compile(
    r"\s*(?:https?://|file:|/|\./|[A-Za-z]:\\)|.*\.(?:pem|pub|crt|cer|key|jwks?|json)\s*\Z"
)


def check_secret(context: Context) -> None:
    """Check the text that is used as an HMAC secret."""
    algorithms = [
        name
        for validator in context.validators
        for name in validator.algorithms
        if name.startswith("HS")
    ]
    if not algorithms:
        return
    material: Any = flask_jwtlib.verification_key()
    if not isinstance(material, str | bytes):
        return
    report = context.report
    text = material if isinstance(material, str) else material.decode("utf-8", "replace")
    if _PLACE.match(text):
        report.fail(
            "secret",
            f"JWT_ALGO is {', '.join(algorithms)}, and the secret is a URL or a path, which others know",
            "For an issuer with public keys, use oidc_authenticator(issuer, audience) or set "
            "flask_jwtlib.JWT_ALGO and retrieve_verification_key; otherwise pass the secret itself.",
        )
        return
    try:
        VerificationKey.from_secret(material, algorithms=algorithms)
    except ConfigurationError as error:
        report.warn("secret", error.fault, "Use a secret of random bytes that is long enough.")
