"""Signed double-submit tokens: a page sends one in addition to the cookie, which no other site can do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import flask
from attrs import Attribute, field, frozen
from itsdangerous import TimestampSigner

from flask_jwtlib import Authenticator, ConfigurationError, TokenExtractor, TokenValidator

from ._double_submit_extractor import DoubleSubmitExtractor
from ._submitted_token import DoubleSubmitValidator, owner_of

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["DoubleSubmit"]

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PARAMETER = re.compile(r"[A-Za-z0-9._~-]+")
_SALT = "flask_jwtlib_strategies.csrf.double_submit"
_WEEK = 604_800


def _check_header(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _HEADER.fullmatch(value):
        raise ConfigurationError(
            f"header is {value!r}, expected a header's name, such as 'X-CSRF-Token'"
        )


def _check_form_field(_: object, __: Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, str) or not _PARAMETER.fullmatch(value)):
        raise ConfigurationError(
            f"form_field is {value!r}, expected letters, digits, '-', '.', '_' and '~', or None"
        )


def _check_positive(_: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(f"{attribute.name} is {value!r}, expected a number above 0")


@frozen
class DoubleSubmit:
    """Requires a signed double-submit token of requests with a cookie, in addition to the cross-site check.

    ::

        csrf = DoubleSubmit()
        auth = csrf.added_to(Authenticator(keys=…, extractor=CookieTokenExtractor()))

        @app.get("/me")
        @auth.requires_authentication
        def me():
            return {"csrf_token": csrf.token_for(current_principal.claims)}

    A script sends that token in the header ``X-CSRF-Token``, a form in the field ``csrf_token``. It is signed
    with the app's ``SECRET_KEY``, and tied to the ``iss`` of the access token and its ``sid``, or else its
    ``sub``. So it stays valid when the access token is renewed, and a page of a sibling domain can neither
    make one nor plant one that it got as another user. Signatures of ``SECRET_KEY_FALLBACKS`` are accepted,
    too.

    Only ambient tokens need it, with methods that change something and to open a WebSocket. (A browser can't
    send the header with a WebSocket handshake, so such requests are refused.) A request without a valid one
    is refused with 403 after its access token was verified, on optional routes, too. If the app has no
    ``SECRET_KEY``, the response to such requests is a 503.

    Args:
        header: The header that scripts send the token in.
        form_field: The field of an ``application/x-www-form-urlencoded`` form, which is read if there is no
            header. None reads no forms.
        max_age: How long a token is valid, in seconds. ``math.inf`` sets no limit.
        max_form_size: Longest form that is read, in bytes. A longer one needs the header.
        clock: The current time, in seconds since the epoch.

    Raises:
        ConfigurationError: An option is wrong.
    """

    header: str = field(default="X-CSRF-Token", validator=_check_header)
    form_field: str | None = field(default="csrf_token", validator=_check_form_field, kw_only=True)
    max_age: float = field(default=_WEEK, validator=_check_positive, kw_only=True)
    max_form_size: int = field(default=65_536, validator=_check_positive, kw_only=True)
    clock: Callable[[], float] = field(default=time.time, kw_only=True, repr=False)

    def added_to(self, authenticator: Authenticator, *, app: Flask | None = None) -> Authenticator:
        """Return a copy of an ``Authenticator`` that requires these tokens.

        Args:
            authenticator: The ``Authenticator``.
            app: The app, if it is configured already. Then a missing ``SECRET_KEY`` is an error now, and not
                at its first request.

        Raises:
            ConfigurationError: It isn't an ``Authenticator``, or the app has no ``SECRET_KEY``.
        """
        given: Any = authenticator
        if not isinstance(given, Authenticator):
            raise ConfigurationError(
                f"DoubleSubmit is added to an Authenticator, not to {given!r}. For an AppAuthenticator, do "
                "that in the function that it calls"
            )
        if app is not None:
            self.signer_of(app)
        return given.evolve(
            extractor=self.extractor(given.extractor), validator=self.validator(given.validator)
        )

    def token_for(self, claims: Mapping[str, Any]) -> str:
        """Return the token for the session or user that claims name.

        Call it in a view, such as that for log-in.

        Args:
            claims: Verified claims, such as ``current_principal.claims`` or ``auth.verify(text).claims``.

        Raises:
            ConfigurationError: The app has no ``SECRET_KEY``, or the claims have neither ``sid`` nor ``sub``.
        """
        signer, owner = self.signer_of(flask.current_app), owner_of(claims)
        if owner is None:
            raise ConfigurationError(
                "a double-submit token can't be tied to these claims: they have neither sid nor sub, or "
                "their iss is not a string"
            )
        return signer.sign(owner).decode()

    def extractor(self, extractor: TokenExtractor) -> TokenExtractor:
        """Return an extractor that reads the double-submit token, too. Use it together with ``validator``.

        Without the validator, the requests that need the token get a 503.

        Raises:
            ConfigurationError: ``extractor`` isn't a ``TokenExtractor``.
        """
        return DoubleSubmitExtractor(extractor, self)

    def validator(self, validator: TokenValidator) -> TokenValidator:
        """Return a validator that compares the double-submit token with the claims of the access token.

        A ``CachingValidator`` may be around it, or within. Without the extractor, the requests that need the
        token get a 503.

        Raises:
            ConfigurationError: ``validator`` isn't a ``TokenValidator``.
        """
        return DoubleSubmitValidator(validator)

    def signer_of(self, app: Flask) -> TimestampSigner:
        """Used by the extractor.

        Raises:
            ConfigurationError: The app has no ``SECRET_KEY``, or its ``SECRET_KEY_FALLBACKS`` aren't keys.
        """
        config = cast("dict[str, Any]", app.config)
        if not config.get("SECRET_KEY"):
            raise ConfigurationError(
                "the app has no SECRET_KEY, which signs double-submit tokens: set app.config['SECRET_KEY']"
            )
        older: Any = config.get("SECRET_KEY_FALLBACKS") or ()
        keys: list[Any] = [config["SECRET_KEY"]]
        # In a string, each character would be a key. With an empty key, everybody can sign.
        is_list = isinstance(older, list | tuple)
        if is_list:
            keys = [*older, *keys]
        if not is_list or not all(isinstance(key, str | bytes) and key for key in keys):
            raise ConfigurationError(
                "SECRET_KEY is not a string, or SECRET_KEY_FALLBACKS is not a list of strings"
            )
        return _Signer(keys, self.clock)


class _Signer(TimestampSigner):
    """Signs with the last of several keys, and with a clock of its own."""

    def __init__(self, keys: Any, clock: Callable[[], float]) -> None:
        super().__init__(keys, salt=_SALT, key_derivation="hmac", digest_method=sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())
