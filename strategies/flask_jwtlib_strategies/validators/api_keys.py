"""A validator of API keys, of which the application stores digests only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from attrs import Attribute, Factory, field, frozen

from flask_jwtlib import (
    AuthenticationError,
    BearerToken,
    Claims,
    ConfigurationError,
    InvalidTokenError,
    KeyProvider,
    TokenValidator,
    VerificationUnavailable,
)
from flask_jwtlib.errors import ExpiredTokenError, MalformedTokenError
from flask_jwtlib.log_text import quoted
from flask_jwtlib.sharing import Shared

from ._api_key_records import APIKeyRecord, as_lookup
from ._api_key_text import (
    DEFAULT_PREFIX,
    api_key_digest,
    as_prefix,
    generate_api_key,
    is_api_key,
    key_length,
)

__all__ = ["APIKeyRecord", "APIKeyValidator", "api_key_digest", "generate_api_key"]


def _check_issuer(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"issuer is {value!r}, expected a non-empty string")


def _check_clock(_: object, __: Attribute[Any], value: object) -> None:
    if not callable(value):
        raise ConfigurationError(f"clock is {value!r}, expected a function such as time.time")


@frozen(eq=False)
class APIKeyValidator(Shared, TokenValidator):
    """Accepts API keys that ``generate_api_key`` made, or ``flask jwtlib api-key``.

    Only their digests are stored. A SHA-256 is enough: a key has 178 random bits, so it can't be guessed
    as passwords can. ``keys=`` of the ``Authenticator`` isn't needed::

        Authenticator(
            extractor=APIKeyExtractor(),
            validator=APIKeyValidator(
                [APIKeyRecord("nightly-build", digest="9f86d0…", scopes=["reports:read"])]
            ),
        )

    It accepts only tokens whose scheme is ``ApiKey``, as ``APIKeyExtractor`` returns them, and the text that
    ``auth.verify`` is given. So a key that is sent as a bearer token, which may be in a URL, is refused. To
    accept JWTs on the same route, choose the validator by the scheme with ``PerSchemeValidator``.

    Args:
        records: The records; a mapping of digests to records, which is read for each request; or a function
            that returns the record of a digest, or None if there is none. Pass a function if the records are
            in a database: a key that is revoked there is refused at once. The function is called only for
            texts with a valid checksum. If it raises, the request gets a 503, whose log line names the class
            of the exception only: its text may have the digest. A refusal of its own stays, without its
            cause.
        prefix: The prefix of the keys. Others are refused.
        issuer: The ``iss`` of the claims. Choose one that no issuer of JWTs has, so that ``iss`` and ``sub``
            together name one caller.
        clock: Returns the time, in seconds since the epoch.

    Attributes:
        max_size: The length of a key, in characters.

    Raises:
        ConfigurationError: A record has another form, or another option is wrong.
    """

    records: Iterable[APIKeyRecord] | Mapping[str, APIKeyRecord] | Callable[[str], Any] = field(
        repr=False
    )
    prefix: str = field(default=DEFAULT_PREFIX, converter=as_prefix, kw_only=True)
    issuer: str = field(default="api-keys", validator=_check_issuer, kw_only=True)
    clock: Callable[[], float] = field(
        default=time.time, validator=_check_clock, kw_only=True, repr=False
    )
    max_size: int = field(
        init=False,
        repr=False,
        default=Factory(lambda self: key_length(self.prefix), takes_self=True),
    )
    _lookup: Callable[[str], Any] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: as_lookup(self.records), takes_self=True),
    )

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        """Return the claims of a key: ``iss``, ``sub``, ``scope``, those of its record, and maybe ``exp``.

        Raises:
            InvalidTokenError: The key is malformed, unknown, revoked or expired, or has another scheme.
            VerificationUnavailable: The record can't be read, or has another form.
        """
        text = token.value
        if token.scheme.lower() != "apikey" and token.source != "text":
            raise InvalidTokenError(
                f"the token's scheme is {quoted(token.scheme)}, expected ApiKey, that of APIKeyExtractor",
                description="API keys are not accepted by this scheme",
            )
        if not is_api_key(text, self.prefix):
            raise MalformedTokenError(
                f"the token from the {quoted(token.source)} is not an API key with the prefix "
                f"{self.prefix!r} and a valid checksum",
                description="The API key is malformed",
            )
        digest = sha256(text.encode()).hexdigest()
        record = self._record(digest)
        if record is None:
            raise InvalidTokenError(
                "there is no record of the API key", description="The API key is unknown"
            )
        # Whatever the look-up compares, such as the beginning of a digest, this is exact.
        if not compare_digest(record.digest, digest):
            raise VerificationUnavailable("the look-up returned the record of another API key")
        if record.revoked:
            raise InvalidTokenError(
                f"the API key of {quoted(record.subject)} is revoked",
                description="The API key is revoked",
            )
        now, expiry = self.clock(), record.expires_at
        claims = {
            **(deepcopy(record.claims) if record.claims else {}),
            "iss": self.issuer,
            "sub": record.subject,
            "scope": " ".join(record.scopes),
        }
        if expiry is not None:
            if expiry <= now:
                raise ExpiredTokenError(
                    "exp",
                    f"the API key of {quoted(record.subject)} expired {now - expiry:.0f} seconds ago",
                    description="The API key expired",
                )
            claims["exp"] = expiry
        return Claims(claims, checked_at=now)

    def _record(self, digest: str) -> APIKeyRecord | None:
        refusal: AuthenticationError | VerificationUnavailable
        try:
            found = self._lookup(digest)
        except (AuthenticationError, VerificationUnavailable) as error:
            if error.__cause__ is None:
                raise
            refusal = error.in_context(error.context)
            refusal.__cause__ = None
        except Exception as error:  # noqa: BLE001 - a database driver may raise anything
            refusal = VerificationUnavailable(
                f"the look-up of an API key raised {type(error).__name__}"
            )
        else:
            if found is None or isinstance(found, APIKeyRecord):
                return found
            refusal = VerificationUnavailable(
                f"the look-up of an API key returned a {type(found).__name__}, expected an APIKeyRecord or "
                "None"
            )
        # Raised outside of the `except` block, so that it doesn't carry the exception, whose text may have
        # the digest.
        raise refusal
