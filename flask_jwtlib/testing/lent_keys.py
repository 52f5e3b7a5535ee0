"""Lends a test issuer's keys to an ``Authenticator`` that an application has already made."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol, cast

from attrs import define, field
from flask import Flask

import flask_jwtlib

from ..app_authenticator import AppAuthenticator
from ..authenticator import Authenticator
from ..errors import ConfigurationError
from ..interfaces import KeyProvider, TokenValidator
from ..key_providers import NoKeyProvider, as_key_provider
from ._matching_issuer import issuers_within, matching_issuer
from .issuer import TokenIssuer

__all__ = ["lend_keys"]


class _KeyOwner(Protocol):
    """**Protocol:** Has keys of its own beside those of an ``Authenticator``, as a ``TrustedIssuer`` does."""

    @property
    def checked_keys(self) -> KeyProvider:
        """What it passes to its validator."""
        ...

    @property
    def validator(self) -> TokenValidator:
        """Its validator."""
        ...


@define(eq=False)
class _Loan:
    """Keys that are lent to an object, in place of those that one of its attributes has.

    Attributes:
        owner: The object.
        name: The attribute.
        keys: The lent keys.
        own: The object's own keys.
    """

    owner: Any
    name: str
    keys: KeyProvider
    own: KeyProvider = field(init=False)


_loans: list[_Loan] = []
_lock = Lock()


@contextmanager
def lend_keys(
    to: Authenticator | AppAuthenticator | _KeyOwner,
    *issuers: TokenIssuer,
    app: Flask | None = None,
) -> Generator[TokenIssuer, None, None]:
    """Let an existing ``Authenticator`` accept the tokens of a test issuer in a ``with`` block.

    ::

        def test_reports(client):
            with lend_keys(auth) as issuer:
                assert client.get("/", headers=issuer.auth(sub="ada")).text == "welcome"

    Only the lent keys verify tokens in the block, in all threads, and nothing is fetched. All rules apply as
    before: the tokens need the ``iss``, ``aud`` and scopes that the app requires. The own keys come back at
    the end of the block, also after an exception. In a nested block, only the keys of the inner one verify
    tokens. A copy that ``evolve`` makes has its own keys.

    Without ``issuers``, it makes one. Its tokens have what the rules ``Issuer``, ``Audience``, ``Client``,
    ``TokenType``, ``TokenUse`` and ``MaxLifetime`` of the app's ``JWTValidator`` require, also if another
    validator wraps it. The test adds what policies require, such as a ``scope``.

    Args:
        to: The ``Authenticator``, such as ``flask_jwtlib.default_authenticator`` for the module API; an
            ``AppAuthenticator``; or an issuer of an ``IssuerRouter``, ``router.issuers["https://a.example"]``.
        *issuers: The issuers whose keys are lent.
        app: The app that an ``AppAuthenticator`` is configured for. By default the current one.

    Yields:
        The issuer; of several, the first.

    Raises:
        ConfigurationError: An issuer isn't a ``TokenIssuer``, or none can be made from the rules; the
            validator doesn't accept the issuer's algorithm; or the ``Authenticator`` has no keys, since its
            validator has its own or needs none.
        RuntimeError: ``to`` is an ``AppAuthenticator``, and there is neither a current app nor ``app``.
        VerificationUnavailable: ``init_app`` was not called for the app.
    """
    for issuer in issuers:
        _check_issuer(issuer)
    if isinstance(to, AppAuthenticator):
        to = to.authenticator(app)
    owner = _owner_of_keys(to)
    lenders = issuers or (matching_issuer(owner.validator, getattr(owner, "issuer", None)),)
    keys = as_key_provider([issuer.verification_key for issuer in lenders])
    loans = [_Loan(place, name, keys) for place, name in _places(owner, keys)]
    with _lock:
        for loan in loans:
            _begin(loan)
    try:
        yield lenders[0]
    finally:
        with _lock:
            for loan in loans:
                _end(loan)


def _owner_of_keys(to: Authenticator | _KeyOwner) -> Authenticator | _KeyOwner:
    """Return what has the keys: the ``Authenticator``, or the only issuer of its ``IssuerRouter``."""
    if not isinstance(to, Authenticator) or not isinstance(to.keys, NoKeyProvider):
        return to
    trusted = issuers_within(to.validator)
    if len(trusted) == 1:
        (only,) = trusted.values()
        return cast("_KeyOwner", only)
    if trusted:
        raise ConfigurationError(
            f"this Authenticator trusts {len(trusted)} issuers, each with its own keys: pass one of them to "
            "lend_keys, router.issuers['https://…']"
        )
    raise ConfigurationError(
        f"this Authenticator has no keys to replace: its {type(to.validator).__name__} has its own, or "
        "needs none"
    )


def _check_issuer(issuer: object) -> None:
    if not isinstance(issuer, TokenIssuer):
        # Not the value itself, which may be a private key.
        raise ConfigurationError(
            f"lend_keys was given a {type(issuer).__name__}, expected a TokenIssuer: it makes its own key, "
            "and signs the tokens of your test, as in lend_keys(auth, TokenIssuer('https://login.example'))"
        )


def _places(to: Authenticator | _KeyOwner, keys: KeyProvider) -> list[tuple[object, str]]:
    """Return the objects and attributes that have the keys."""
    if not isinstance(to, Authenticator):
        Authenticator(keys=keys, validator=to.validator)
        return [(to, "checked_keys")]
    # Raises an error if the validator doesn't accept the algorithm.
    to.evolve(keys=keys)
    places: list[tuple[object, str]] = [(to.pipeline_source().current(), "keys")]
    if to is flask_jwtlib.default_authenticator:
        # For `get_json_token()` in a view without a decorator.
        places.append((flask_jwtlib._api, "_checked_keys"))  # noqa: SLF001 - applications don't use it
    return places


def _begin(loan: _Loan) -> None:
    earlier = _earlier(loan)
    loan.own = earlier[-1].own if earlier else getattr(loan.owner, loan.name)
    _loans.append(loan)
    # Nothing but this module replaces the keys of an Authenticator, which is immutable.
    object.__setattr__(loan.owner, loan.name, loan.keys)


def _end(loan: _Loan) -> None:
    _loans.remove(loan)
    earlier = _earlier(loan)
    keys = earlier[-1].keys if earlier else loan.own
    object.__setattr__(loan.owner, loan.name, keys)


def _earlier(loan: _Loan) -> list[_Loan]:
    return [each for each in _loans if each.owner is loan.owner and each.name == loan.name]
