"""An ``Authenticator`` made from ``app.config``."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask_jwtlib import Authenticator, ConfigurationError, KeyProvider
from flask_jwtlib.claim_rules import ClaimRule, Client
from flask_jwtlib.jws import DEFAULT_MAX_SIZE
from flask_jwtlib.policies import Policy, split_rules

from .._http.client import HTTPClient
from ..key_providers.jwks import JWKSKeyProvider
from ..key_providers.oidc import OIDCKeyProvider
from ..validators.access_tokens import access_token_validator, require_public_key_algorithms
from ._settings import expected_value, read_settings

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["configured_authenticator"]

# The settings that may have the URL to fetch from, instead of JWTLIB_ISSUER.
_URLS = ("JWTLIB_JWKS_URL", "JWTLIB_METADATA_URL")
# What the settings are called in the errors of the strategies.
_ARGUMENTS = {
    "allow_http_on_loopback=True": "JWTLIB_ALLOW_HTTP_ON_LOOPBACK = true",
    "allow_http=": "JWTLIB_ALLOW_HTTP = ",
    "metadata_url=": "JWTLIB_METADATA_URL",
}


def configured_authenticator(
    app: Flask, *, rules: Iterable[ClaimRule | Policy] = ()
) -> Authenticator:
    """Make an ``Authenticator`` for the issuer that ``app.config`` names.

    ::

        app.config.from_prefixed_env()
        auth = configured_authenticator(app)
        auth.protect(app)

    The settings are read once, by this call. ``None`` means that a setting isn't set. In an environment
    variable, write a list as JSON: ``["RS256", "ES256"]``.

    - ``JWTLIB_ISSUER``: the issuer's URL, exactly as in its tokens' ``iss``. Required.
    - ``JWTLIB_AUDIENCE``: this API's name in the tokens' ``aud``, or a list of names. Required, unless
      ``rules`` has a ``Client``.
    - ``JWTLIB_ALGORITHMS``: the accepted JWS algorithms, one or a list, for public keys only. By default
      RS256.
    - ``JWTLIB_JWKS_URL``: the URL of the issuer's keys, for an issuer that publishes no metadata. By default
      the keys are found as ``OIDCKeyProvider`` finds them.
    - ``JWTLIB_METADATA_URL``: the URL of the issuer's metadata, if it isn't below the issuer's URL.
    - ``JWTLIB_TOKEN_ISSUER``: the tokens' ``iss``, if it differs from the metadata's issuer, as with AD FS.
    - ``JWTLIB_LEEWAY``: accepted difference between the issuer's clock and this server's, in seconds. By
      default 0.
    - ``JWTLIB_MAX_SIZE``: longest accepted token, in characters. By default 8192.
    - ``JWTLIB_ALLOW_HTTP_ON_LOOPBACK``: true accepts plain HTTP from 127.0.0.0/8, ::1 and localhost.
      ``DEBUG`` and ``TESTING`` don't.
    - ``JWTLIB_ALLOW_HTTP``: other hosts to accept plain HTTP from, one or a list, each as ``host`` or
      ``host:port``.
    - ``JWTLIB_EXPLAIN``: true adds the cause of a refusal and its cure to the log, in debug mode. It works
      with any ``Authenticator``.

    As with ``oidc_authenticator``, tokens without ``exp`` and tokens that aren't access tokens are refused,
    unless ``rules`` has an ``Expiry`` or an ``AccessToken``.

    Args:
        app: The app.
        rules: Claim rules, applied after those for ``iss`` and ``aud``, and policies for every caller.

    Raises:
        ConfigurationError: A required setting is missing, a setting is unknown, a value is wrong, or two
            settings contradict each other. The text names the setting and shows no secret.
    """
    checked_rules, policies = split_rules(rules)
    settings = read_settings(app.config)
    audience = settings.get("JWTLIB_AUDIENCE")
    if audience is None and not any(isinstance(rule, Client) for rule in checked_rules):
        raise ConfigurationError(
            f"JWTLIB_AUDIENCE is not set; expected {expected_value('JWTLIB_AUDIENCE')}. If the tokens have "
            "no aud, as Amazon Cognito's, name the clients instead: rules=[Client('…')]"
        )
    with _errors_name("JWTLIB_ALGORITHMS"):
        validator = require_public_key_algorithms(
            access_token_validator(
                settings.get("JWTLIB_TOKEN_ISSUER", settings["JWTLIB_ISSUER"]),
                audience,
                algorithms=settings.get("JWTLIB_ALGORITHMS", "RS256"),
                rules=checked_rules,
                leeway=settings.get("JWTLIB_LEEWAY", 0),
                max_size=settings.get("JWTLIB_MAX_SIZE", DEFAULT_MAX_SIZE),
            )
        )
    return Authenticator(keys=_keys(settings), validator=validator, policies=policies)


def _keys(settings: Mapping[str, Any]) -> KeyProvider:
    issuer = settings["JWTLIB_ISSUER"]
    metadata_url = settings.get("JWTLIB_METADATA_URL")
    jwks_url = settings.get("JWTLIB_JWKS_URL")
    if jwks_url is not None:
        for name in ("JWTLIB_METADATA_URL", "JWTLIB_TOKEN_ISSUER"):
            if name in settings:
                raise ConfigurationError(
                    f"{name} is for an issuer with metadata, JWTLIB_JWKS_URL for one without: "
                    "set only one of them"
                )
    options = {
        "allow_http_on_loopback": settings.get("JWTLIB_ALLOW_HTTP_ON_LOOPBACK", False),
        "allow_http": settings.get("JWTLIB_ALLOW_HTTP", ()),
    }
    with _errors_name("JWTLIB_ALLOW_HTTP"):
        # Checked first, so that an error about the hosts names their setting.
        HTTPClient(**options)
    with _errors_name(next((name for name in _URLS if name in settings), "JWTLIB_ISSUER")):
        if jwks_url is not None:
            return JWKSKeyProvider(jwks_url, **options)
        return OIDCKeyProvider(issuer, metadata_url=metadata_url, **options)


@contextmanager
def _errors_name(setting: str) -> Generator[None, None, None]:
    """Put a setting's name in front of an error, and replace arguments' names by settings' names."""
    try:
        yield
    except ConfigurationError as error:
        text = str(error)
        for argument, name in _ARGUMENTS.items():
            text = text.replace(argument, name)
        raise ConfigurationError(f"{setting}: {text}") from error
