"""Lends a test issuer's keys to an ``Authenticator`` that an application has already made."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol

from attrs import define, field
from flask import Flask

import flask_jwtlib

from ..app_authenticator import AppAuthenticator
from ..authenticator import Authenticator
from ..errors import ConfigurationError
from ..interfaces import KeyProvider, TokenValidator
from ..key_providers import NoKeyProvider, as_key_provider
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
) -> Generator[None, None, None]:
    """Let an existing ``Authenticator`` accept the tokens of test issuers in a ``with`` block.

    ::

        issuer = TokenIssuer("https://login.example/")

        def test_reports(client):
            with lend_keys(auth, issuer):
                assert client.get("/", headers=bearer(issuer.token(aud="api"))).text == "welcome"

    Only the lent keys verify tokens in the block, in all threads, and nothing is fetched. All rules apply as
    before: the tokens need the ``iss``, ``aud`` and scopes that the app requires. The own keys come back at
    the end of the block, also after an exception. In a nested block, only the keys of the inner one verify
    tokens. A copy that ``evolve`` makes has its own keys.

    Args:
        to: The ``Authenticator``, such as ``flask_jwtlib.default_authenticator`` for the module API; an
            ``AppAuthenticator``; or an issuer of an ``IssuerRouter``, ``router.issuers["https://a.example"]``.
        *issuers: The issuers whose keys are lent.
        app: The app that an ``AppAuthenticator`` is configured for. By default the current one.

    Raises:
        ConfigurationError: There is no issuer, or one isn't a ``TokenIssuer``; the validator doesn't accept
            the issuer's algorithm; or the ``Authenticator`` has no keys, since its validator has its own or
            needs none.
        RuntimeError: ``to`` is an ``AppAuthenticator``, and there is neither a current app nor ``app``.
        VerificationUnavailable: ``init_app`` was not called for the app.
    """
    if not issuers:
        raise ConfigurationError("lend_keys takes one or several TokenIssuer objects")
    for issuer in issuers:
        _check_issuer(issuer)
    if isinstance(to, AppAuthenticator):
        to = to.authenticator(app)
    keys = as_key_provider([issuer.verification_key for issuer in issuers])
    loans = [_Loan(owner, name, keys) for owner, name in _places(to, keys)]
    with _lock:
        for loan in loans:
            _begin(loan)
    try:
        yield
    finally:
        with _lock:
            for loan in loans:
                _end(loan)


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
    if isinstance(to.keys, NoKeyProvider):
        raise ConfigurationError(
            f"this Authenticator has no keys to replace: its {type(to.validator).__name__} has its own, or "
            "needs none. For an IssuerRouter, pass one of its issuers to lend_keys: "
            "router.issuers['https://…']"
        )
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
