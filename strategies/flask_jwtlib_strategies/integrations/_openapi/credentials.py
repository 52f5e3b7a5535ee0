"""The credentials that an ``Authenticator`` accepts."""

from __future__ import annotations

import re

from attrs import evolve
from flask import Flask

from flask_jwtlib import Authenticator
from flask_jwtlib.interfaces import challenges_of, vary_of

from .extractors import alternatives_of
from .schemes import BEARER, Credential, Credentials

__all__ = ["UNKNOWN", "credentials_of", "is_checked_for_other_sites"]

# OpenID Connect Discovery 1.0 §3: a URL without query and fragment. One with a password isn't named.
_ISSUER = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?")
_DISCOVERY = "/.well-known/openid-configuration"


UNKNOWN: tuple[Credentials, ...] = ((BEARER,),)
"""What is said of a route whose ``Authenticator`` can't be determined."""


def credentials_of(
    authenticator: Authenticator, app: Flask, method: str
) -> tuple[Credentials, ...]:
    """Return the alternatives that an ``Authenticator`` accepts.

    Args:
        authenticator: The ``Authenticator``.
        app: The app.
        method: The request's method, in upper case.
    """
    found: list[Credentials] = []
    for alternative in alternatives_of(authenticator.extractor, app, method):
        together = tuple(_issued_by(each, authenticator) for each in alternative)
        # A security scheme is a dict, which isn't hashable.
        if together not in found:
            found.append(together)
    return tuple(found)


def is_checked_for_other_sites(authenticator: Authenticator) -> bool:
    """Whether a request may be refused because another site made the browser send it."""
    extractor = authenticator.extractor
    read = {name.lower() for name in vary_of(extractor) or ()}
    schemes = {challenge.scheme.lower() for challenge in challenges_of(extractor)}
    return not read.isdisjoint(("origin", "sec-fetch-site")) or "cookie" in schemes


def _issued_by(credential: Credential, authenticator: Authenticator) -> Credential:
    """Return the scheme of a bearer token by the URL of the issuer's metadata, if the issuer is known."""
    # That of OIDCKeyProvider, and of any other that has it. Clients know the issuer, but perhaps no
    # `metadata_url`, which may be within the company's network.
    issuer: object = getattr(authenticator.keys, "issuer", None)
    is_bearer = credential.scheme == BEARER.scheme
    if not is_bearer or not isinstance(issuer, str) or not _ISSUER.fullmatch(issuer):
        return credential
    url = issuer.removesuffix("/") + _DISCOVERY
    return evolve(credential, scheme={"type": "openIdConnect", "openIdConnectUrl": url})
