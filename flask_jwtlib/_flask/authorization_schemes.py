"""The schemes that clients send in ``Authorization`` where no token was found, for the log."""

from __future__ import annotations

__all__ = ["missing_token_text"]

# From IANA's registry and from widely used APIs. Only these names are logged, in this spelling: if a client
# sends its secret without a scheme, what looks like one is part of the secret.
_SCHEMES = """
    AccessKey API-Key ApiKey Api-Token ApiToken AWS AWS4-HMAC-SHA256 Basic Bot Concealed Digest DPoP GNAP
    GoogleLogin Hawk HMAC HOBA HTTP-Signature JWE JWT Kerberos Key MAC Mutual Negotiate NTLM OAuth OAuth2 PoP
    PrivateToken SAML SCRAM-SHA-1 SCRAM-SHA-256 Session SharedKey Signature Splunk SSWS Token vapid WSSE
    X-API-Key
"""
_NAMES = {name.lower(): name for name in _SCHEMES.split()}


def missing_token_text(authorization: str) -> str:
    """Say for the log that a request has no token, and which scheme its ``Authorization`` header has.

    Args:
        authorization: The header, of which no part is repeated.
    """
    scheme, space, _ = authorization.partition(" ")
    name = _NAMES.get(scheme.lower()) if space else None
    if name is not None:
        detail = f"the scheme of its Authorization header is {name}, not Bearer"
    elif space and scheme.lower() == "bearer":
        detail = "its Authorization header is not where the token is expected"
    else:
        detail = (
            "its Authorization header doesn't begin with 'Bearer ' or another well-known scheme"
        )
    return f"no bearer token in the request; {detail}"
