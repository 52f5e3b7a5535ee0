"""The names of settings and arguments in a cure: what the app's developer would have to change."""

from __future__ import annotations

import json
from collections.abc import Mapping

from attrs import frozen

__all__ = ["ARGUMENTS", "MODULE_API", "SETTINGS", "Words"]

_LONGEST_VALUE = 300


@frozen
class Words:
    """Names what to change.

    Args:
        names: The names by the argument of ``oidc_authenticator`` or of a key provider that they replace.
    """

    names: Mapping[str, str]

    def name(self, argument: str) -> str:
        """Return what to call a setting or argument in a sentence."""
        return self.names.get(argument, f"the argument {argument}")

    def set(self, argument: str, value: object) -> str:
        """Return how to set an argument to a value, as in Python or in an environment file."""
        if isinstance(value, str):
            value = value[:_LONGEST_VALUE]
        return f"{self.names.get(argument, argument)}={json.dumps(value)}"


ARGUMENTS = Words({})
SETTINGS = Words(
    {
        "algorithms": "JWTLIB_ALGORITHMS",
        "allow_http": "JWTLIB_ALLOW_HTTP",
        "audience": "JWTLIB_AUDIENCE",
        "issuer": "JWTLIB_ISSUER",
        "leeway": "JWTLIB_LEEWAY",
        "metadata_url": "JWTLIB_METADATA_URL",
        "token_issuer": "JWTLIB_TOKEN_ISSUER",
        "url": "JWTLIB_JWKS_URL",
    }
)
MODULE_API = Words(
    {
        "algorithms": "flask_jwtlib.JWT_ALGO",
        "audience": "flask_jwtlib.JWT_AUDIENCE",
        "leeway": "flask_jwtlib.JWT_LEEWAY",
        "token_issuer": "flask_jwtlib.JWT_ISSUER",
    }
)
