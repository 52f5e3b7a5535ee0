"""The key providers of an app, each with the validators that use its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

import flask_jwtlib
from flask_jwtlib import Audience, ConfigurationError, Issuer, JWTValidator
from flask_jwtlib.audit import authenticators_of
from flask_jwtlib.key_health import status_of
from flask_jwtlib.key_providers import CheckedKeyProvider, NoKeyProvider
from flask_jwtlib.log_text import quoted

from .._http.urls import without_secrets
from ..key_providers.composite import CompositeKeyProvider
from ..key_providers.files import FileKeyProvider
from ..key_providers.jwks import JWKSKeyProvider
from ..key_providers.oidc import OIDCKeyProvider
from ..key_providers.per_kid import PerKidKeyProvider
from ..validators.issuers import IssuerRouter
from ._words import ARGUMENTS, MODULE_API, SETTINGS, Words

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["Source", "Use", "is_router", "module_validator", "sources_of"]

# More validators than anyone wraps in each other.
_DEEPEST = 20
_MODULE = "flask_jwtlib (the module's settings)"


@frozen(eq=False)
class Use:
    """A validator that verifies tokens with a source's keys.

    Attributes:
        validator: The validator, without others that wrap it.
        issuer: The issuer whose tokens an ``IssuerRouter`` passes to it; None without a router.
    """

    validator: Any
    issuer: str | None = None

    def equals(self, other: Use) -> bool:
        """Whether it is the same validator for the same issuer."""
        return self.validator is other.validator and self.issuer == other.issuer


@frozen(eq=False)
class Source:
    """Where keys come from.

    Attributes:
        keys: The key provider, or a validator that needs none.
        uses: What uses the keys.
        words: The names of its settings.
        label: Its name in the report.
    """

    keys: Any
    uses: tuple[Use, ...]
    words: Words = ARGUMENTS
    label: str = field(kw_only=True)


def sources_of(app: Flask) -> list[Source]:
    """Return the sources of keys of an app's guards and decorators, each once."""
    found: dict[int, tuple[Any, str, list[Use]]] = {}
    for authenticator in authenticators_of(app):
        for keys, use in _uses(authenticator.validator, authenticator.keys, None, _DEEPEST):
            for place, member in _members(keys):
                _, _, uses = found.setdefault(id(member), (member, place, []))
                if not any(use.equals(each) for each in uses):
                    uses.append(use)
    labels = Counter[str]()
    sources: list[Source] = []
    for member, place, uses in found.values():
        label = f"{place}{_name_of(member)}"
        labels[label] += 1
        number = f" ({labels[label]})" if labels[label] > 1 else ""
        words = _words_for(app, member)
        if any(use.validator is flask_jwtlib.default_authenticator.validator for use in uses):
            sources.append(Source(member, _uses_of_module(), MODULE_API, label=_MODULE))
            continue
        sources.append(Source(member, tuple(uses), words, label=label + number))
    return sources


def _uses_of_module() -> tuple[Use, ...]:
    try:
        return (Use(module_validator()),)
    except ConfigurationError:
        # The examination of the app reports it.
        return ()


def is_router(validator: Any) -> bool:
    """Whether a validator is an ``IssuerRouter``, or wraps nothing but one."""
    for _ in range(_DEEPEST):
        inner = _wrapped_by(validator)
        if len(inner) != 1:
            break
        (validator,) = inner
    return isinstance(validator, IssuerRouter)


def module_validator() -> JWTValidator:
    """Return a validator with the settings of the documented module API.

    Raises:
        ConfigurationError: A setting is wrong.
    """
    audience, issuer = _listed("JWT_AUDIENCE"), _listed("JWT_ISSUER")
    return JWTValidator(
        algorithms=flask_jwtlib.JWT_ALGO,
        rules=[Audience(*audience), *([Issuer(*issuer)] if issuer else [])],
        leeway=flask_jwtlib.JWT_LEEWAY,
    )


def _listed(name: str) -> tuple[str, ...]:
    """Return a setting of the module that is None, one string or several."""
    value: Any = getattr(flask_jwtlib, name)
    if isinstance(value, str):
        return (value,)
    if value is not None and not isinstance(value, list | tuple | set | frozenset):
        raise ConfigurationError(
            f"{name} is {quoted(value)}, expected a string or a list of strings"
        )
    return tuple(cast("Iterable[str]", value or ()))


def _uses(validator: Any, keys: Any, issuer: str | None, depth: int) -> Iterator[tuple[Any, Use]]:
    """Yield each validator within a validator, with its keys."""
    if isinstance(validator, IssuerRouter):
        for name, trusted in validator.issuers.items():
            yield from _uses(trusted.validator, trusted.keys, name, depth - 1)
        return
    inner = _wrapped_by(validator) if depth else []
    for each in inner:
        yield from _uses(each, keys, issuer, depth - 1)
    if not inner:
        yield (validator if isinstance(keys, NoKeyProvider) else keys), Use(validator, issuer)


def _wrapped_by(validator: Any) -> list[Any]:
    """Return the validators that a validator such as ``CachingValidator`` or ``PerSchemeValidator`` wraps."""
    inner = _attribute(validator, "validator")
    if callable(_attribute(inner, "validate")):
        return [inner]
    several = _attribute(validator, "validators")
    is_mapping = isinstance(several, Mapping)
    members = cast("Iterable[Any]", several.values() if is_mapping else ())
    return [each for each in members if callable(_attribute(each, "validate"))]


def _attribute(strategy: Any, name: str) -> Any:
    try:
        return getattr(strategy, name, None)
    except Exception:  # noqa: BLE001 - a property of the app's own strategy may raise anything
        return None


def _members(keys: Any) -> Iterator[tuple[str, Any]]:
    """Yield a provider, or those that it consists of, each with the way to it."""
    if isinstance(keys, CheckedKeyProvider):
        yield from _members(keys.provider)
    elif isinstance(keys, CompositeKeyProvider):
        for member in keys.providers:
            for place, each in _members(member):
                yield f"{type(keys).__name__} > {place}", each
    else:
        yield "", keys


def _name_of(keys: Any) -> str:
    places: list[str] = []
    if isinstance(keys, OIDCKeyProvider):
        places = [without_secrets(keys.issuer) if "//" in keys.issuer else keys.issuer]
    elif isinstance(keys, JWKSKeyProvider):
        places = [without_secrets(keys.url)]
    elif isinstance(keys, PerKidKeyProvider):
        places = [keys.template.shown()]
    elif isinstance(keys, FileKeyProvider):
        places = [str(path) for path in keys.paths]
    has_keys = hasattr(keys, "keys_for")
    name = type(keys).__name__ if has_keys else str(status_of(keys)["provider"])
    return " ".join([name, *places])


def _words_for(app: Flask, keys: Any) -> Words:
    config = cast("dict[str, Any]", app.config)
    if isinstance(keys, JWKSKeyProvider):
        return SETTINGS if config.get("JWTLIB_JWKS_URL") == keys.url else ARGUMENTS
    if isinstance(keys, OIDCKeyProvider):
        return SETTINGS if config.get("JWTLIB_ISSUER") == keys.issuer else ARGUMENTS
    return ARGUMENTS
