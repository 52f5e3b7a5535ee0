"""The schemes of ``Authorization`` headers without a token, for the log."""

from __future__ import annotations

__all__ = ["missing_token_text"]

# From IANA's registry and from widely used APIs. No other name is logged: if a client sends its secret
# without a scheme, the first word of the header is a part of the secret.
_SCHEMES = """
    AccessKey API-Key ApiKey Api-Token ApiToken AWS AWS4-HMAC-SHA256 Basic Bot Concealed Digest DPoP GNAP
    GoogleLogin Hawk HMAC HOBA HTTP-Signature JWE JWT Kerberos Key MAC Mutual Negotiate NTLM OAuth OAuth2 PoP
    PrivateToken SAML SCRAM-SHA-1 SCRAM-SHA-256 Session SharedKey Signature Splunk SSWS Token vapid WSSE
    X-API-Key
"""
_NAMES = {name.lower(): name for name in _SCHEMES.split()}


def missing_token_text(authorization: str) -> str:
    """Return a text for the log: the request has no token, and its ``Authorization`` header has this scheme.

    Args:
        authorization: The header. The text repeats no part of it.
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
