"""How the cost of a request grows: with the number of keys and issuers, and with the length of a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from attrs import evolve, frozen
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from flask import Flask

from flask_jwtlib import Authenticator, KeySet, VerificationKey
from flask_jwtlib.claim_rules import Expiry
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer

from .contenders import COMPOSED, Contender, Decorator, Entry, make_entries, validator_of
from .measuring import Measurements, Spread, measure
from .report import check, written
from .scenarios import BASIC, Scenario, Service, make_scenarios, make_services

FORMS = (0, 1_000, 16_000, 100_000)
"""Bytes: a request without a body, a short form, about the longest that is read, and one that isn't read."""


def _with_keys(number: int, service: Service) -> Authenticator:
    modulus = service.key.public_numbers().n
    # Public keys of the same size, which have no private keys.
    others = [
        VerificationKey(
            RSAPublicNumbers(65537, modulus - 2 * each).public_key(), kid=f"other-{each}"
        )
        for each in range(1, number)
    ]
    return Authenticator(
        keys=KeySet((*others, VerificationKey.from_jwk(service.jwk)), exact=True),
        validator=validator_of(service),
    )


def _with_issuers(number: int, service: Service) -> Authenticator:
    key = VerificationKey.from_jwk(service.jwk)
    names = [f"https://issuer-{each}.example" for each in range(1, number)]
    issuers = [
        TrustedIssuer(name, keys=key, audience=service.audience, rules=[Expiry(required=True)])
        for name in (*names, service.issuer)
    ]
    return Authenticator(validator=IssuerRouter(*issuers))


SERIES: dict[str, tuple[tuple[int, int], Callable[[int, Service], Authenticator]]] = {
    "keys in a set": ((1, 1_000), _with_keys),
    "issuers": ((1, 10_000), _with_issuers),
}
"""What there can be more of: two numbers of it, and what makes an ``Authenticator`` with so many."""


def growth_section(scale: float) -> tuple[str, list[str]]:
    """Time accepted requests, in times of one to a server with a single key or issuer."""
    lines: list[str] = []
    verdicts: list[str] = []
    for name in SERIES:
        ratios = ratios_to_first(series_entries(name), 8 * scale)
        lines.append(f"{name:15}{_line(ratios)}")
        verdicts.append(check(name, max(each.median for each in ratios.values()), "at most", 1.02))
    return "An accepted RS256 request, in times of the first.\n\n" + "\n".join(lines), verdicts


def forms_section(scale: float) -> tuple[str, list[str]]:
    """Time refused forms, in times of a request without a body."""
    ratios = ratios_to_first(form_entries(), 8 * scale)
    most = max(each.median for each in ratios.values())
    head = "A refused form without a token, in times of a request without a body."
    verdict = check("a form of any length / a request without a body", most, "at most", 2.0)
    return f"{head}\n\nbytes of a form  {_line(ratios)}", [verdict]


def _line(ratios: Mapping[int, Spread]) -> str:
    return "   ".join(f"{number:,}: {written(ratio, 3)}" for number, ratio in ratios.items())


def series_entries(name: str) -> dict[int, Entry]:
    """Set up a route for each number of a series. All accept the same token."""
    numbers, compose = SERIES[name]
    services = make_services(BASIC)
    scenario, *_ = make_scenarios(services)
    contenders = [
        Contender(f"{number:,} {name}", partial(_guard, partial(compose, number)))
        for number in numbers
    ]
    return dict(zip(numbers, make_entries(contenders, [scenario], services), strict=True))


def _guard(compose: Callable[[Service], Authenticator], _app: Flask, service: Service) -> Decorator:
    return compose(service).requires_authentication


def form_entries() -> dict[int, Entry]:
    """Set up a route for each length of a form. All refuse it, because it holds no token."""
    contenders = [evolve(COMPOSED, name=f"{length:,} bytes") for length in FORMS]
    entries = make_entries(contenders, [Scenario("form", None)], make_services(BASIC))
    for length, entry in zip(FORMS, entries, strict=True):
        entry.environ["REQUEST_METHOD"] = "POST"
        if length:
            entry.environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
            entry.environ["CONTENT_LENGTH"] = str(length)
            entry.environ["wsgi.input"] = _SameAgain(_form(length))
    return dict(zip(FORMS, entries, strict=True))


@frozen
class _SameAgain:
    """A server's input that returns the same form to each request."""

    form: bytes

    def read(self, size: int) -> bytes:
        """Read from the form's beginning."""
        return self.form[:size]


def _form(length: int) -> bytes:
    """Make a form of as many fields as fit into its length, which are the most expensive to parse."""
    return b"&".join(b"%x" % number for number in range(length))[:length]


def ratios_to_first(entries: Mapping[int, Entry], seconds: float) -> dict[int, Spread]:
    """Time entries, and return the ratios to the first one.

    Raises:
        RuntimeError: An entry doesn't respond as its scenario expects.
    """
    for entry in entries.values():
        if not entry.is_right():
            raise RuntimeError(f"{entry.contender.name}: unexpected status {entry.status()}")
    measured = Measurements(measure([*entries.values()], seconds))
    first, *_ = entries.values()
    return {
        number: ratio
        for number, entry in entries.items()
        if (ratio := measured.ratio(entry.contender, first.contender, entry.scenario.name))
    }
