"""How the cost of an accepted request grows with what is configured: keys, issuers, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from flask_jwtlib import (
    Audience,
    Authenticator,
    Claims,
    Issuer,
    JWTValidator,
    KeySet,
    VerificationKey,
)
from flask_jwtlib.claim_rules import ClaimRule, Expiry
from flask_jwtlib.errors import ClaimError
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .contenders import Contender
from .entries import Entry, make_entries
from .measuring import Spread, measure
from .scenarios import Scenario, Service, make_scenarios, make_services

__all__ = ["CURVES", "Curve", "measure_curves", "set_up"]


@frozen
class Curve:
    """What there is more of from point to point.

    Args:
        name: What it is.
        points: How many there are of it.
        compose: Makes an ``Authenticator`` with so many.
    """

    name: str
    points: tuple[int, ...]
    compose: Callable[[Service, int], Authenticator] = field(repr=False)

    def contenders(self) -> dict[int, Contender]:
        """A contender for each point."""
        return {
            point: Contender(f"{point:,} {self.name}", self._guard(point)) for point in self.points
        }

    def _guard(self, point: int) -> Callable[[Any, Service], Any]:
        return lambda _app, service: self.compose(service, point).requires_authentication


@frozen
class _Expected:
    """Refuses tokens that have a claim of another value. Those without it are no matter of its."""

    claim: str
    value: str

    def __call__(self, claims: Claims) -> None:
        if self.claim in claims and claims[self.claim] != self.value:
            raise ClaimError(self.claim, f"{self.claim} is not {self.value}")


def _with_keys(service: Service, number: int) -> Authenticator:
    modulus = service.key.public_numbers().n
    # Public keys of the same size. Nobody has their private halves, and nobody needs them.
    others = [
        VerificationKey(
            RSAPublicNumbers(65537, modulus - 2 * each).public_key(), kid=f"other-{each}"
        )
        for each in range(1, number)
    ]
    return Authenticator(
        keys=KeySet((*others, VerificationKey.from_jwk(service.jwk)), exact=True),
        validator=_validator(service),
    )


def _with_issuers(service: Service, number: int) -> Authenticator:
    key = VerificationKey.from_jwk(service.jwk)
    names = [f"https://issuer-{each}.example" for each in range(1, number)]
    return Authenticator(
        validator=IssuerRouter(
            *(
                TrustedIssuer(
                    name, keys=key, audience=service.audience, rules=[Expiry(required=True)]
                )
                for name in (*names, service.issuer)
            )
        )
    )


def _with_rules(service: Service, number: int) -> Authenticator:
    others = [_Expected(f"other-{each}", "example") for each in range(1, number)]
    return Authenticator(
        keys=VerificationKey.from_jwk(service.jwk),
        validator=_validator(service, [*others, _Expected("tenant", "example")]),
    )


def _validator(service: Service, rules: Iterable[ClaimRule] = ()) -> JWTValidator:
    return JWTValidator(
        algorithms=service.algorithm,
        rules=[
            Expiry(required=True),
            Issuer(service.issuer),
            Audience(service.audience),
            *rules,
        ],
    )


CURVES = (
    Curve("keys in a set", (1, 10, 100, 1000), _with_keys),
    Curve("issuers", (1, 100, 10_000), _with_issuers),
    Curve("rules of which one applies", (1, 10, 50), _with_rules),
)


def set_up(curve: Curve, service: Service, scenario: Scenario) -> dict[int, Entry]:
    """Set each point up.

    Raises:
        RuntimeError: One does not let the token in.
    """
    contenders = curve.contenders()
    entries = make_entries(contenders.values(), [scenario], {service.algorithm: service})
    for entry in entries:
        if not entry.is_right:
            raise RuntimeError(f"{entry.contender.name}: {entry.status}")
    return dict(zip(curve.points, entries, strict=True))


def measure_curves(seconds: float) -> Mapping[str, Mapping[int, Spread]]:
    """Measure all curves for so many seconds: the ratios of their points to their first ones."""
    service = make_services()["RS256"]
    services = {service.algorithm: service}
    scenario = next(each for each in make_scenarios(services) if each.name == service.algorithm)
    return {
        curve.name: _ratios(set_up(curve, service, scenario), seconds / len(CURVES))
        for curve in CURVES
    }


def _ratios(entries: Mapping[int, Entry], seconds: float) -> dict[int, Spread]:
    measured = measure([*entries.values()], seconds)
    first, *_ = entries.values()
    ratios = {
        point: measured.ratio(entry.contender, first.contender, entry.scenario)
        for point, entry in entries.items()
    }
    return {point: ratio for point, ratio in ratios.items() if ratio is not None}
