"""The samples that ``check`` makes by itself, from a strategy and an issuer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from attrs import frozen
from flask import Request

from ...errors import ConfigurationError
from ...interfaces import KeyProvider, TokenValidator, challenges_of, request_arguments_of, vary_of
from ...key_providers import StaticKeyProvider
from ...values import BearerToken, UnverifiedHeader
from .._matching_issuer import matching_issuer
from ..credentials._making import forged
from ..issuer import TokenIssuer
from ..request import make_request
from ._checking import in_throwaway_app
from ._stand_ins import CountedKeys, NoKeys

__all__ = ["Arguments", "key_samples", "request_samples", "token_samples"]

_TOKENS = {"good_token", "expired_token", "forged_token"}


@frozen
class Arguments:
    """The arguments of ``check``."""

    strategy: Any
    issuer: TokenIssuer | None
    samples: Mapping[str, Any]


def request_samples(arguments: Arguments) -> Mapping[str, Any]:
    """Return how to make a request, in the first place where the extractor finds a token."""
    extractor = arguments.strategy
    if "request_with" not in arguments.samples:
        for request_with in _places(extractor):
            with suppress(Exception), in_throwaway_app():
                if extractor.extract(request_with("token-1")) is not None:
                    return {"request_with": request_with}
    return {}


def _places(extractor: Any) -> Iterator[Callable[[str], Request]]:
    def header(name: str, prefix: str = "") -> Callable[[str], Request]:
        return lambda token: make_request(headers={name: f"{prefix}{token}"})

    with suppress(Exception):
        if request_arguments_of(extractor, "token-1") is not None:
            yield lambda token: make_request(**(request_arguments_of(extractor, token) or {}))
    with suppress(ConfigurationError):
        for challenge in challenges_of(extractor):
            yield header("Authorization", f"{challenge.scheme} ")
    with suppress(ConfigurationError):
        for name in vary_of(extractor) or ():
            yield header(name)
            yield header(name, "Bearer ")
    yield header("Cookie", f"{getattr(extractor, 'name', 'access_token')}=")
    yield lambda token: make_request(query_string={"access_token": token})
    yield lambda token: make_request(method="POST", data={"access_token": token})
    yield lambda token: make_request(method="POST", json={"access_token": token})


def key_samples(arguments: Arguments) -> Mapping[str, Any]:
    """Return the header of an issuer's tokens. If the provider's key has no ``kid``, it suits any."""
    issuer = arguments.issuer
    if issuer is None:
        return {}
    known = UnverifiedHeader(issuer.algorithm, issuer.kid, issuer.typ)
    samples: dict[str, Any] = {"known_header": lambda: known}
    with suppress(Exception):
        if any(key.kid is None for key in arguments.strategy.keys_for(known)):
            samples["unknown_header"] = lambda: None
    return samples


def token_samples(arguments: Arguments) -> Mapping[str, Any]:
    """Return an issuer's tokens and keys; none if the test has its own."""
    validator, given = arguments.strategy, arguments.samples
    if given.keys() >= _TOKENS:
        keys: KeyProvider = NoKeys()
        good = given["good_token"]("alice")
        samples: dict[str, Any] = {}
    else:
        signer = arguments.issuer or _issuer_for(validator)
        keys = StaticKeyProvider(signer.verification_key)
        good = signer.token()
        samples = {
            "good_token": signer.token,
            "expired_token": lambda: signer.token(exp=1),
            "forged_token": lambda: forged(signer),
            "token_issuer": lambda: signer,
        }
    counted = CountedKeys(given["make_keys"]() if "make_keys" in given else keys)
    token = good if isinstance(good, BearerToken) else BearerToken(good)
    with suppress(Exception):
        validator.validate(token, counted)
    return {**samples, "make_keys": lambda: keys, "uses_keys": bool(counted.headers)}


def _issuer_for(validator: TokenValidator) -> TokenIssuer:
    try:
        return matching_issuer(validator)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"check needs issuer=…, a TokenIssuer whose tokens {type(validator).__name__} accepts, such as "
            "TokenIssuer('https://login.example', claims={'aud': 'api'}); for other tokens than JWTs, "
            "good_token=…, expired_token=… and forged_token=…"
        ) from error
