"""Each named bad token and request finds a fault that apps have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_jwtlib import Audience, BearerTokenExtractor, Issuer
from flask_jwtlib.testing import BAD_CREDENTIALS, TokenIssuer

from . import faulty
from .faulty import make_issuer, serve

_ISSUER = make_issuer()
_AUDIENCE = faulty.AUDIENCE
_VALIDATORS: dict[str, Any] = {
    "no exp": faulty.validator_of(faulty.NoExpiry()),
    "exp if a number": faulty.validator_of(faulty.NumericExpiry()),
    "no nbf": faulty.validator_of(faulty.NoStart()),
    "no types": faulty.validator_of(faulty.AnyTypes()),
    "no aud": faulty.without(Audience, faulty.AnyAudience(), faulty.AnyTypes()),
    "aud contains": faulty.without(
        Audience, faulty.ContainedAudience(_AUDIENCE), faulty.AnyTypes()
    ),
    "aud if any": faulty.without(Audience, faulty.OptionalAudience(_AUDIENCE), faulty.AnyTypes()),
    "any kind": faulty.validator_of(faulty.AnyKind()),
    "no iss": faulty.without(Issuer),
    "iss starts": faulty.without(Issuer, faulty.starts_like_ours),
    "iss among": faulty.without(Issuer, faulty.among_ours, faulty.AnyTypes()),
    "iss if any": faulty.without(Issuer, faulty.issuer_if_any),
    **{
        name: faulty.Validation(validate)
        for name, validate in {
            "reads leniently": faulty.reads_leniently,
            "reads numbers leniently": faulty.reads_numbers_leniently,
            "unpacks": faulty.unpacks,
            "skips signatures": faulty.skips_signatures,
            "skips missing signatures": faulty.skips_missing_signatures,
            "skips unknown keys": faulty.skips_unknown_keys,
            "skips missing key IDs": faulty.skips_missing_key_ids,
            "skips none": faulty.skips_alg_none,
            "skips other algorithms": faulty.skips_other_algorithms,
            "compares what is there": faulty.compares_what_is_there,
            "accepts zeros": faulty.accepts_zeros,
            "takes jwk": faulty.takes_key_in_header,
            "file as secret": faulty.uses_secret(b""),
            "PEM as secret": faulty.uses_secret(_ISSUER.public_pem.encode()),
            "fetches jku": faulty.trusts_url("jku"),
            "fetches x5u": faulty.trusts_url("x5u"),
        }.items()
    },
}
_EXTRACTORS: dict[str, Callable[..., Any]] = {
    "by words": faulty.by_words,
    "by last word": faulty.by_last_word,
    "by index": faulty.by_index,
    "by password": faulty.by_password,
    "query": BearerTokenExtractor().extract,
}
APPS: dict[str, dict[str, Any]] = {
    **{name: {"validator": validator} for name, validator in _VALIDATORS.items()},
    **{name: {"extractor": faulty.Extraction(each)} for name, each in _EXTRACTORS.items()},
    "no cnf": {"confirmed_elsewhere": ("jkt", "x5t#S256")},
}
"""The options of faulty apps."""

MISSED = {
    "no exp": "expired expiry-as-text no-expiry",
    "exp if a number": "expiry-as-text no-expiry",
    "no nbf": "not-yet-valid",
    "no types": "subject-in-a-list subject-as-number",
    "no aud": """
        other-audience audience-of-attacker empty-audience audience-in-an-object no-audience
        subject-in-a-list subject-as-number
    """,
    "aud contains": "audience-of-attacker audience-in-an-object subject-in-a-list subject-as-number",
    "aud if any": "empty-audience no-audience subject-in-a-list subject-as-number",
    "any kind": "id-token id-token-with-at-hash refresh-token logout-token",
    "no iss": "other-issuer issuer-with-other-slash issuer-of-attacker no-issuer",
    "iss starts": "issuer-with-other-slash issuer-of-attacker",
    "iss among": "issuer-in-a-list subject-in-a-list subject-as-number",
    "iss if any": "no-issuer",
    "no cnf": "bound-to-key bound-to-certificate",
    "reads leniently": """
        no-alg alg-in-a-list four-parts padded foreign-characters spare-bits too-large deep
        header-in-a-list claims-in-a-list repeated-header-parameter repeated-claim utf-16
        not-utf-8 critical-extension unencoded-payload compressed
    """,
    "reads numbers leniently": """
        no-alg alg-in-a-list four-parts padded foreign-characters spare-bits too-large deep
        header-in-a-list claims-in-a-list repeated-header-parameter repeated-claim utf-16
        not-utf-8 critical-extension unencoded-payload compressed expiry-not-a-number
        expiry-too-large expiry-as-text no-expiry
    """,
    "unpacks": "two-parts four-parts encrypted",
    "skips signatures": """
        other-key other-key-id no-key-id changed-claims signature-of-zeros signature-cut-off
        key-in-header key-set-url certificate-url alg-none alg-none-in-other-letters
        alg-none-with-signature hmac-with-public-key key-id-is-a-path other-algorithm no-alg
        alg-in-a-list two-parts empty-signature four-parts padded foreign-characters spare-bits
        too-large deep header-in-a-list claims-in-a-list repeated-header-parameter
        repeated-claim utf-16 not-utf-8 critical-extension unencoded-payload compressed
    """,
    "skips missing signatures": "alg-none alg-none-in-other-letters two-parts empty-signature",
    "skips unknown keys": "other-key-id key-id-is-a-path",
    "skips missing key IDs": "no-key-id",
    "skips none": "alg-none alg-none-in-other-letters alg-none-with-signature no-alg",
    "skips other algorithms": """
        alg-none alg-none-in-other-letters alg-none-with-signature hmac-with-public-key
        key-id-is-a-path other-algorithm no-alg alg-in-a-list
    """,
    "compares what is there": "signature-cut-off hmac-with-public-key key-id-is-a-path",
    "accepts zeros": "signature-of-zeros alg-none alg-none-in-other-letters two-parts empty-signature",
    "takes jwk": "key-in-header",
    "PEM as secret": "hmac-with-public-key",
    "file as secret": "key-id-is-a-path",
    "fetches jku": "key-set-url",
    "fetches x5u": "certificate-url",
    "by words": "two-words comma-joined two-headers",
    "by last word": """
        no-scheme scheme-twice quoted two-words letter-outside-ascii comma-joined two-headers
    """,
    "by index": "no-credentials no-scheme in-the-query scheme-only two-words",
    "by password": "other-scheme",
    "query": "in-the-query",
}
"""What each of them fails to refuse."""


def missed_by(issuer: TokenIssuer, **options: Any) -> set[str]:
    """Return the names of what an app doesn't refuse with 400 or 401."""
    client = serve(issuer, **options)
    # A fault may also be an exception, which a server turns into the status 500.
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    return {
        bad.name
        for bad in BAD_CREDENTIALS
        if client.get("/", **bad.request(issuer)).status_code not in (400, 401)
    }


@pytest.mark.parametrize("fault", APPS)
def test_a_fault_is_found(fault: str) -> None:
    """Exactly the bad tokens and requests that concern a fault find it."""
    assert missed_by(_ISSUER, **APPS[fault]) == set(MISSED[fault].split())


def test_each_finds_a_fault() -> None:
    """No bad token or request is refused by every app, so that each test with one can fail."""
    assert {bad.name for bad in BAD_CREDENTIALS} == set(" ".join(MISSED.values()).split())
