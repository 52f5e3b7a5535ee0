"""Chooses the checks for a source of keys."""

from __future__ import annotations

from flask_jwtlib import KeySet, StaticKeyProvider, TTLKeyProvider

from .._http.urls import without_secrets
from ..key_providers.files import FileKeyProvider
from ..key_providers.jwks import JWKSKeyProvider
from ..key_providers.oidc import OIDCKeyProvider
from ..key_providers.per_kid import PerKidKeyProvider
from ._connection import check_caching, check_clock, check_connection
from ._context import Context
from ._key_sets import check_key_set, check_published_keys
from ._metadata import check_metadata, key_set_reply
from ._readiness import check_readiness
from ._response_faults import fault_of
from ._rules import check_rules
from ._secrets import check_secret
from ._words import MODULE_API

__all__ = ["check_source"]

# A key ID that no provider has.
_NO_KID = "flask-jwtlib-doctor"


def check_source(context: Context) -> None:
    """Examine a source of keys."""
    keys = context.source.keys
    if isinstance(keys, OIDCKeyProvider):
        _check_issuers_keys(context)
    elif isinstance(keys, JWKSKeyProvider):
        _check_key_url(context)
    elif isinstance(keys, PerKidKeyProvider):
        _check_key_template(context)
    elif isinstance(keys, StaticKeyProvider):
        check_key_set(context, keys.key_set)
    else:
        _check_other(context)


def _check_issuers_keys(context: Context) -> None:
    metadata = check_metadata(context)
    if metadata is not None:
        keys = key_set_reply(context, metadata)
        if keys is not None:
            check_published_keys(context, keys, metadata)
            check_caching(context, keys)
        check_clock(context, metadata)
    check_rules(context, metadata)
    if not context.report.failed:
        check_readiness(context)


def _check_key_url(context: Context) -> None:
    url: str = context.source.keys.url
    reply = context.ask(url)
    fault = fault_of(reply, context.source.words, "url")
    if fault is None:
        check_connection(context, reply)
        check_published_keys(context, reply)
        check_caching(context, reply)
        check_clock(context, reply)
    else:
        check = "connection" if reply.status is None else "keys"
        context.report.fail(check, f"GET {without_secrets(url)}: {fault.text}", fault.cure)
    check_rules(context)
    if not context.report.failed:
        check_readiness(context)


def _check_key_template(context: Context) -> None:
    provider: PerKidKeyProvider = context.source.keys
    reply = context.ask(provider.template.url_of(_NO_KID))
    # Such sources return one of these for keys that don't exist.
    if reply.status in (200, 403, 404, 410):
        check_connection(context, reply)
        check_clock(context, reply)
        context.report.ok("keys", "each is fetched when the first token names it")
    else:
        fault = fault_of(reply, context.source.words, "url")
        text, cure = ("", "") if fault is None else (fault.text, fault.cure)
        check = "connection" if reply.status is None else "keys"
        context.report.fail(check, f"GET {provider.template.shown()}: {text}", cure)
    check_rules(context)


def _check_other(context: Context) -> None:
    keys = context.source.keys
    if isinstance(keys, FileKeyProvider):
        for path in keys.paths:
            if not path.exists():
                context.report.warn(
                    "files", f"{path} doesn't exist", "Correct the path, or deploy the file."
                )
    if not check_readiness(context):
        return
    if isinstance(keys, TTLKeyProvider):
        key_set: KeySet = keys.key_set()
        check_key_set(context, key_set)
    if context.source.words is MODULE_API:
        check_secret(context)
    if hasattr(keys, "keys_for"):
        check_rules(context)
