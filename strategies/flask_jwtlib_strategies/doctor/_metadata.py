"""Checks of an issuer's metadata."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask_jwtlib import ConfigurationError
from flask_jwtlib.log_text import one_line, quoted

from .._http.urls import origin_of, without_secrets
from ..key_providers.oidc import OIDCKeyProvider
from ._asking import Reply
from ._connection import check_connection
from ._context import Context
from ._issuers import issuer_fault
from ._response_faults import fault_of

__all__ = ["check_metadata", "key_set_reply"]


def check_metadata(context: Context) -> Reply | None:
    """Check the metadata of an ``OIDCKeyProvider``, and return the response that has it, if any."""
    provider: OIDCKeyProvider = context.source.keys
    report, words = context.report, context.source.words
    located = len(provider.metadata_urls) == 1
    argument = "metadata_url" if located else "issuer"
    faults: list[str] = []
    cure = ""
    for url in provider.metadata_urls:
        reply = context.ask(url)
        fault = fault_of(reply, words, argument)
        shown = f"GET {without_secrets(url)}"
        if fault is None and isinstance(reply.content.get("issuer"), str):
            check_connection(context, reply)
            report.ok("metadata", shown)
            _check_issuer(context, reply, located=located)
            return reply
        if fault is None:
            faults.append(f"{shown}: the document has no issuer, so it isn't an issuer's metadata")
            cure = cure or f"Correct {words.name(argument)}."
            continue
        faults.append(f"{shown}: {fault.text}")
        if reply.status is None:
            # The other URL is on the same host.
            report.fail("connection", faults[-1], fault.cure)
            return None
        # The first URL is where most providers have it.
        cure = cure or fault.cure
    if not located and "there is nothing" in faults[0]:
        cure += (
            f" If the metadata is elsewhere, set {words.name('metadata_url')}; if there is none, use the URL "
            "of the keys, as JWKSKeyProvider(…) or JWTLIB_JWKS_URL."
        )
    report.fail("metadata", "; ".join(faults), cure)
    return None


def key_set_reply(context: Context, metadata: Reply) -> Reply | None:
    """Fetch the key set that metadata names, and return the response if it has a document."""
    report, words = context.report, context.source.words
    uri: Any = metadata.content.get("jwks_uri")
    if not isinstance(uri, str):
        report.fail(
            "jwks_uri",
            "the metadata has no jwks_uri",
            "Use the URL of the keys, as JWKSKeyProvider(…) or JWTLIB_JWKS_URL, if the provider has one.",
        )
        return None
    try:
        context.client.plain_http.check_named(uri, metadata.url)
    except ConfigurationError as error:
        report.fail(
            "jwks_uri",
            f"the metadata's jwks_uri can't be used: {error}",
            "Have the provider publish its https URL (Keycloak: hostname; behind a proxy also "
            "proxy-headers); if you control the network to it, list the host in "
            f"{words.name('allow_http')}.",
        )
        return None
    same = origin_of(uri) == origin_of(metadata.url)
    shown = one_line(without_secrets(uri), 300)
    reply = context.ask(uri, credentials=same)
    fault = fault_of(reply, words, "issuer")
    if fault is None:
        elsewhere = "" if same else ", another origin than the metadata's: no credentials are sent"
        report.ok("jwks_uri", f"GET {shown}{elsewhere}")
        return reply
    cure = fault.cure
    if reply.status is None and not same:
        host = urlsplit(metadata.url)
        internal = f"{host.scheme}://{host.netloc}{urlsplit(uri).path}"
        cure = (
            "If only the metadata's host can be reached from here, set "
            f"{_key_url(context, internal)} instead of using the metadata. {cure}"
        )
    elif reply.status is not None:
        cure = f"Have the provider correct its jwks_uri. {cure}"
    report.fail("jwks_uri", f"GET {shown}: {fault.text}", cure)
    return None


def _key_url(context: Context, url: str) -> str:
    name = context.source.words.name("url")
    return f"JWKSKeyProvider({quoted(url, 300)})" if "argument" in name else f"{name}={url}"


def _check_issuer(context: Context, reply: Reply, *, located: bool) -> None:
    configured: str = context.source.keys.issuer
    found: str = reply.content["issuer"]
    if found == configured:
        context.report.ok("issuer", f"{quoted(found, 200)}, as configured")
        return
    fault = issuer_fault(configured, found, reply.url, context.source.words, located=located)
    context.report.fail("issuer", fault.text, fault.cure)
