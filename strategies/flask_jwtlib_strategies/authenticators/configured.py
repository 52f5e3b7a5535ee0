"""An ``Authenticator`` as an app's settings describe it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from flask_jwtlib import Authenticator, Client, ConfigurationError, KeyProvider
from flask_jwtlib.claim_rules import ClaimRule, as_rules
from flask_jwtlib.jws import DEFAULT_MAX_SIZE

from .._http.client import HTTPClient
from ..key_providers.jwks import JWKSKeyProvider
from ..key_providers.oidc import OIDCKeyProvider
from ..validators.access_tokens import issuer_validator, with_public_keys

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["configured_authenticator"]

_PREFIX = "JWTLIB"
# The settings with the URL that is fetched, where it isn't the issuer's.
_URLS = ("JWTLIB_JWKS_URL", "JWTLIB_METADATA_URL")
_ARGUMENTS = {
    "allow_http_on_loopback=True": "JWTLIB_ALLOW_HTTP_ON_LOOPBACK = true",
    "allow_http=": "JWTLIB_ALLOW_HTTP = ",
    "metadata_url=": "JWTLIB_METADATA_URL",
}


def configured_authenticator(app: Flask, *, rules: Iterable[ClaimRule] = ()) -> Authenticator:
    """Make an ``Authenticator`` for the issuer that ``app.config`` names.

    ::

        app.config.from_prefixed_env()
        auth = configured_authenticator(app)
        auth.init_app(app)

    The settings are read once, now. One of None counts as not set. As text, from the environment,
    a list is JSON: ``["RS256", "ES256"]``.

    - ``JWTLIB_ISSUER``: the issuer's URL, letter for letter as in its tokens' ``iss``. Needed.
    - ``JWTLIB_AUDIENCE``: what its tokens call this API in ``aud``, or a list. Needed, unless ``rules`` has
      a ``Client``.
    - ``JWTLIB_ALGORITHMS``: the JWS algorithms that are accepted, one or a list, for public keys
      only. By default RS256.
    - ``JWTLIB_JWKS_URL``: where its keys are, for an issuer that publishes no metadata. By default
      they are found as ``OIDCKeyProvider`` does.
    - ``JWTLIB_METADATA_URL``: where the issuer's metadata are, if that is not below its URL.
    - ``JWTLIB_TOKEN_ISSUER``: the tokens' ``iss``, where it is not the metadata's issuer, as with AD FS.
    - ``JWTLIB_LEEWAY``: seconds of allowance for its clock. By default 0.
    - ``JWTLIB_MAX_SIZE``: the longest accepted token, in characters. By default 8192.
    - ``JWTLIB_ALLOW_HTTP_ON_LOOPBACK``: true accepts plain HTTP from 127.0.0.0/8, ::1 and localhost.
      Neither ``DEBUG`` nor ``TESTING`` does.
    - ``JWTLIB_ALLOW_HTTP``: other hosts to accept plain HTTP from, one or a list, each as ``host`` or
      ``host:port``.

    As in ``oidc_authenticator``, tokens without ``exp`` and tokens that aren't access tokens are refused,
    unless ``rules`` has an ``Expiry`` or an ``AccessToken`` of its own.

    Args:
        app: The app.
        rules: Claim rules after those for ``iss`` and ``aud``.

    Raises:
        ConfigurationError: A setting is needed, unknown, of a wrong kind, or contradicts another. The
            text names it, and shows nothing of it that may be a secret.
    """
    checked_rules = as_rules(rules)
    settings = _read(app.config)
    audience = settings.get("JWTLIB_AUDIENCE")
    if audience is None and not any(isinstance(rule, Client) for rule in checked_rules):
        raise ConfigurationError(
            f"JWTLIB_AUDIENCE is not set: want {_SETTINGS['JWTLIB_AUDIENCE'].want}. If the tokens have no "
            "aud, as Amazon Cognito's, name the clients instead: rules=[Client('…')]"
        )
    with _naming("JWTLIB_ALGORITHMS"):
        validator = with_public_keys(
            issuer_validator(
                settings.get("JWTLIB_TOKEN_ISSUER", settings["JWTLIB_ISSUER"]),
                audience,
                algorithms=settings.get("JWTLIB_ALGORITHMS", "RS256"),
                rules=checked_rules,
                leeway=settings.get("JWTLIB_LEEWAY", 0),
                max_size=settings.get("JWTLIB_MAX_SIZE", DEFAULT_MAX_SIZE),
            )
        )
    return Authenticator(keys=_keys(settings), validator=validator)


def _keys(settings: Mapping[str, Any]) -> KeyProvider:
    issuer = settings["JWTLIB_ISSUER"]
    metadata_url = settings.get("JWTLIB_METADATA_URL")
    jwks_url = settings.get("JWTLIB_JWKS_URL")
    if jwks_url is not None:
        for name in ("JWTLIB_METADATA_URL", "JWTLIB_TOKEN_ISSUER"):
            if name in settings:
                raise ConfigurationError(
                    f"{name} is for an issuer with metadata, JWTLIB_JWKS_URL for one without: "
                    "set one of them"
                )
    options = {
        "allow_http_on_loopback": settings.get("JWTLIB_ALLOW_HTTP_ON_LOOPBACK", False),
        "allow_http": settings.get("JWTLIB_ALLOW_HTTP", ()),
    }
    with _naming("JWTLIB_ALLOW_HTTP"):
        # Checked by themselves, so that an error names the setting.
        HTTPClient(**options)
    with _naming(next((name for name in _URLS if name in settings), "JWTLIB_ISSUER")):
        if jwks_url is not None:
            return JWKSKeyProvider(jwks_url, **options)
        return OIDCKeyProvider(issuer, metadata_url=metadata_url, **options)


@contextmanager
def _naming(setting: str) -> Generator[None, None, None]:
    """Let errors say which setting they are about, and name settings where they name arguments."""
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        for argument, name in _ARGUMENTS.items():
            text = text.replace(argument, name)
        raise ConfigurationError(f"{setting}: {text}") from error


def _read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Read the settings that are set."""
    # However it is spelled, whoever wrote it meant this.
    ours = [name for name in config if name.upper().startswith(_PREFIX)]
    unknown = [name for name in ours if name not in _SETTINGS]
    if unknown:
        raise ConfigurationError("; ".join(map(_describe_unknown, unknown)))
    settings: dict[str, Any] = {}
    for name, setting in _SETTINGS.items():
        value = config.get(name)
        if value is None and not setting.needed:
            continue
        try:
            settings[name] = setting.read(value)
        except _NotWantedError as error:
            raise ConfigurationError(f"{name} is {error}: want {setting.want}") from None
    return settings


def _describe_unknown(name: str) -> str:
    # Without what they all have in common, which would make any two alike.
    names = {known.removeprefix(_PREFIX): known for known in _SETTINGS}
    near = get_close_matches(name.upper().removeprefix(_PREFIX), names, n=1)
    mend = f"want {names[near[0]]}" if near else f"there are {', '.join(_SETTINGS)}"
    return f"{name} is not a setting: {mend}"


class _NotWantedError(Exception):
    """A setting is something else; the text says what, and shows no text of it."""


def _as_text(value: object) -> str:
    if value is None:
        raise _NotWantedError("not set")
    if type(value) is int:
        # Digits in the environment, which are read as JSON.
        return str(value)
    if not isinstance(value, str):
        raise _NotWantedError(
            f"{_kind(value)} (in the environment, text that reads as JSON takes double quotes)"
        )
    if not value:
        raise _NotWantedError("empty")
    if value.strip() != value:
        raise _NotWantedError("text with white space around it")
    return value


def _as_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise _NotWantedError("text that begins like a JSON list, and is none") from None
    if not isinstance(value, list | tuple | set | frozenset):
        return (_as_text(value),)
    if not value:
        raise _NotWantedError("empty")
    return tuple(map(_as_text, cast("Collection[object]", value)))


def _as_seconds(value: object) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise _NotWantedError(_kind(value))
    return seconds


def _as_count(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if type(value) is not int or value < 1:
        raise _NotWantedError(_kind(value))
    return value


def _as_truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _NotWantedError(_kind(value))


def _kind(value: object) -> str:
    if isinstance(value, int | float):
        return repr(value)
    return "other text" if isinstance(value, str) else f"of type {type(value).__name__}"


@frozen
class _Setting:
    read: Callable[[object], Any]
    want: str
    needed: bool = False


_SETTINGS = {
    "JWTLIB_ISSUER": _Setting(
        _as_text, "the issuer's URL, letter for letter as in its tokens' iss", needed=True
    ),
    "JWTLIB_AUDIENCE": _Setting(
        _as_texts, "what the tokens call this API in aud, as text, or a list of such"
    ),
    "JWTLIB_ALGORITHMS": _Setting(_as_texts, "an algorithm such as 'RS256', or a list of such"),
    "JWTLIB_JWKS_URL": _Setting(_as_text, "the URL of the issuer's keys"),
    "JWTLIB_METADATA_URL": _Setting(_as_text, "the URL of the issuer's metadata"),
    "JWTLIB_TOKEN_ISSUER": _Setting(_as_text, "the tokens' iss"),
    "JWTLIB_LEEWAY": _Setting(_as_seconds, "a number of seconds, 0 or more, such as 30"),
    "JWTLIB_MAX_SIZE": _Setting(_as_count, "a whole number of characters, such as 16384"),
    "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": _Setting(_as_truth, "true or false"),
    "JWTLIB_ALLOW_HTTP": _Setting(_as_texts, "a host such as 'keycloak:8080', or a list of such"),
}
