"""What the settings are called in the app that is explained, for the cures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from flask_jwtlib.explain import Facts

__all__ = ["Setting", "setting"]

Setting = Literal["issuer", "audience", "algorithms", "leeway", "max_size", "keys"]

_MODULE: Mapping[Setting, str] = {
    "issuer": "flask_jwtlib.JWT_ISSUER",
    "audience": "flask_jwtlib.JWT_AUDIENCE",
    "algorithms": "flask_jwtlib.JWT_ALGO",
    "leeway": "flask_jwtlib.JWT_LEEWAY",
    "max_size": "flask_jwtlib.JWT_MAX_SIZE",
    "keys": "what verification_key returns",
}
_CONFIGURED: Mapping[Setting, str] = {
    "issuer": "JWTLIB_ISSUER",
    "audience": "JWTLIB_AUDIENCE",
    "algorithms": "JWTLIB_ALGORITHMS",
    "leeway": "JWTLIB_LEEWAY",
    "max_size": "JWTLIB_MAX_SIZE",
    "keys": "JWTLIB_ISSUER or JWTLIB_JWKS_URL",
}
_ROUTED: Mapping[Setting, str] = {
    "issuer": "issuer of TrustedIssuer",
    "audience": "audience= of TrustedIssuer",
    "algorithms": "algorithms= of TrustedIssuer",
    "leeway": "leeway= of TrustedIssuer",
    "max_size": "max_size= of TrustedIssuer",
    "keys": "keys= of TrustedIssuer",
}
_DISCOVERED: Mapping[Setting, str] = {
    "issuer": "issuer of oidc_authenticator",
    "audience": "audience of oidc_authenticator",
    "algorithms": "algorithms= of oidc_authenticator",
    "leeway": "leeway= of oidc_authenticator",
    "max_size": "max_size= of oidc_authenticator",
    "keys": "issuer of oidc_authenticator",
}
_COMPOSED: Mapping[Setting, str] = {
    "issuer": "Issuer(…) in the validator's rules",
    "audience": "Audience(…) in the validator's rules",
    "algorithms": "algorithms= of JWTValidator",
    "leeway": "leeway= of JWTValidator",
    "max_size": "max_size= of JWTValidator",
    "keys": "keys= of the Authenticator",
}


def setting(facts: Facts, name: Setting) -> str:
    """Return what a setting is called in the app: a setting, or an argument of the function that it calls."""
    return _names(facts)[name]


def _names(facts: Facts) -> Mapping[Setting, str]:
    if facts.is_module_api:
        return _MODULE
    if isinstance(getattr(facts.authenticator.validator, "issuers", None), Mapping):
        return _ROUTED
    configured = (facts.config.get("JWTLIB_ISSUER"), facts.config.get("JWTLIB_TOKEN_ISSUER"))
    if any(issuer in configured for issuer in facts.issuers):
        return _CONFIGURED
    # An OIDCKeyProvider.
    return _DISCOVERED if isinstance(getattr(facts.provider, "issuer", None), str) else _COMPOSED
