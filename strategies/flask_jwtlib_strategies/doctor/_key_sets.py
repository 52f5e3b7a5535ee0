"""Checks of a set of keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from flask_jwtlib import ConfigurationError, KeySet, VerificationKey
from flask_jwtlib.log_text import one_line, quoted

from ._asking import Reply
from ._context import Context

__all__ = ["check_key_set", "check_published_keys"]

# What is skipped on purpose, such as Keycloak's key for encryption.
_ORDINARY = ("not for signatures", "not for verifying")
_MOST_SHOWN = 5
_ID_TOKENS = "id_token_signing_alg_values_supported"
_SECRET = "a published secret (kty oct), which can't be trusted"  # noqa: S105 - a text


def check_published_keys(context: Context, reply: Reply, metadata: Reply | None = None) -> None:
    """Check a fetched key set, with what the issuer's metadata says of its algorithms, if there is any."""
    report, words = context.report, context.source.words
    limits = context.source.keys.fetch.limits
    content = reply.content
    members: Any = content.get("keys")
    if not isinstance(members, list) and "jwks_uri" in content:
        report.fail(
            "keys",
            "this document is an issuer's metadata, not a key set",
            f"Use oidc_authenticator or OIDCKeyProvider with its issuer; {words.name('url')} is for the URL "
            "of the keys.",
        )
        return
    try:
        key_set = _read(content, members, limits.uses)
    except ConfigurationError as error:
        report.fail(
            "keys",
            "the document is neither a JWK set nor a map of key IDs to PEM: "
            f"{one_line(str(error), 300)}",
            f"Correct {words.name('url')}: it must be the jwks_uri of the provider's metadata.",
        )
        return
    count = len(cast("Sequence[Any]", members)) if isinstance(members, list) else len(content)
    if count > limits.max_keys:
        report.fail(
            "keys",
            f"the set has {count} members, and at most {limits.max_keys} are accepted",
            f"Pass max_keys={count} to the key provider (1,000 at most).",
        )
        return
    named: Any = {} if metadata is None else metadata.content.get(_ID_TOKENS)
    said = cast("Sequence[Any]", named if isinstance(named, list) else ())
    check_key_set(context, key_set, (*_signing_algorithms(content), *_texts(said)))
    if said:
        report.ok("ID tokens", f"the provider signs them with {quoted(said)}")


def check_key_set(context: Context, key_set: KeySet, named: Iterable[str] = ()) -> None:
    """Check a set of keys, and whether the validators accept what they sign.

    Args:
        context: The examination.
        key_set: The keys.
        named: The algorithms that the provider names for its keys, if a key fits several.
    """
    _check_members(context, key_set)
    if key_set.keys and key_set.exact:
        _check_kids(context, key_set)
    if key_set.keys:
        _check_algorithms(context, key_set, tuple(named))


def _read(content: Mapping[str, Any], members: Any, uses: Any) -> KeySet:
    if not isinstance(members, list):
        return KeySet.from_pem_map(content)
    jwks = cast("Sequence[Any]", members)
    public = [jwk for jwk in jwks if _member(jwk, "kty") != "oct"]
    key_set = KeySet.from_jwks({"keys": public}, uses=uses)
    secrets = (_SECRET,) * (len(jwks) - len(public))
    return KeySet(key_set.keys, skipped=(*key_set.skipped, *secrets), exact=key_set.exact)


def _member(jwk: Any, name: str) -> object:
    return cast("dict[str, Any]", jwk).get(name) if isinstance(jwk, dict) else None


def _signing_algorithms(content: Mapping[str, Any]) -> list[str]:
    members: Any = content.get("keys")
    jwks = cast("Sequence[Any]", members if isinstance(members, list) else ())
    return _texts(_member(jwk, "alg") for jwk in jwks)


def _texts(values: Iterable[object]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _check_members(context: Context, key_set: KeySet) -> None:
    report = context.report
    count = len(key_set.keys)
    odd = [why for why in key_set.skipped if not any(text in why for text in _ORDINARY)]
    skipped = Counter(key_set.skipped)
    reasons = "; ".join(
        f"{number} x {one_line(why, 200)}" for why, number in skipped.most_common(_MOST_SHOWN)
    )
    text = f"{count} {'key' if count == 1 else 'keys'}"
    if reasons:
        text += f", {len(key_set.skipped)} skipped: {reasons}"
    if not count:
        report.fail(
            "keys",
            text,
            "Have the provider publish a key for signatures that can be used, for example RSA of 2048 bits.",
        )
    elif odd:
        report.warn(
            "keys",
            text,
            "If tokens are signed with a skipped key, have the provider replace that key.",
        )
    else:
        report.ok("keys", text)


def _check_kids(context: Context, key_set: KeySet) -> None:
    report = context.report
    kids = Counter(key.kid for key in _distinct(key_set.keys))
    nameless = kids.pop(None, 0)
    twice = [quoted(kid) for kid, number in kids.items() if number > 1]
    if twice:
        report.warn(
            "kids",
            f"several keys have the same kid: {', '.join(twice[:_MOST_SHOWN])}",
            "Have the provider give each key its own kid.",
        )
    elif nameless and (nameless > 1 or kids):
        report.warn(
            "kids",
            f"{nameless} of {nameless + len(kids)} keys have no kid, so tokens may match none or several",
            "Have the provider give each key a kid, and name it in its tokens.",
        )
    elif nameless:
        report.ok("kids", "the key has no kid: it verifies tokens without one")
    else:
        shown = ", ".join(map(quoted, sorted(filter(None, kids))[:_MOST_SHOWN]))
        more = len(kids) - _MOST_SHOWN
        report.ok("kids", f"{shown} and {more} more" if more > 0 else shown)


def _distinct(keys: Iterable[VerificationKey]) -> Iterable[VerificationKey]:
    """Return keys without those that equal an earlier one."""
    seen: list[VerificationKey] = []
    for key in keys:
        if not any(key.kid == other.kid and key.material == other.material for other in seen):
            seen.append(key)
    return seen


def _check_algorithms(context: Context, key_set: KeySet, named: tuple[str, ...]) -> None:
    report, words = context.report, context.source.words
    usable = key_set.algorithms
    for validator in context.validators:
        accepted = validator.algorithms
        common = [name for name in accepted if name in usable]
        fixed = [
            name for key in key_set.keys for name in key.algorithms if len(key.algorithms) == 1
        ]
        if not common:
            wanted = [name for name in dict.fromkeys((*fixed, *named)) if name in usable]
            report.fail(
                "algorithms",
                f"accepted are {_listed(accepted)}, and the keys are for {_listed(sorted(usable))}",
                f"Set {words.set('algorithms', wanted or sorted(usable)[:1])}.",
            )
            continue
        text = f"accepted and supported by a key: {_listed(common)}"
        if lacking := [name for name in accepted if name not in usable]:
            text += f"; accepted, but no key is for it: {_listed(lacking)}"
        if other := [name for name in dict.fromkeys(fixed) if name not in accepted]:
            text += f"; not accepted, although a key is for it: {_listed(other)}"
        report.ok("algorithms", text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
