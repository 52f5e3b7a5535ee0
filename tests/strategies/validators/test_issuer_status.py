"""Warm-up, status and generation of an IssuerRouter."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, current_app

from flask_jwtlib import (
    TTLKeyProvider,
    VerificationUnavailable,
)
from flask_jwtlib.log_text import error_text
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.key_providers.warm_up import warm_up_all
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from tests.kit import raises

from .issuers_kit import (
    A_URL,
    B_URL,
    C_URL,
    A,
    B,
    C,
    FixedClaims,
    FixedResult,
    RecordingKeyProvider,
    trusted,
)


class Fetching(TTLKeyProvider):
    """A provider that fetches an issuer's keys, or fails to, and counts fetches."""

    def __init__(self, issuer: TokenIssuer, error: Exception | None = None, **how: Any) -> None:
        fetches: list[str] = []

        def fetch() -> Any:
            fetches.append(current_app.name if current_app else "no app")
            if error is not None:
                raise error
            return issuer.jwks

        super().__init__(fetch, **how)
        object.__setattr__(self, "fetches", fetches)


def test_warm_up_fetches_all_issuers_keys(app: Flask) -> None:
    """Making a router fetches nothing; ``warm_up`` calls each provider once, with the current app."""
    shared, own = Fetching(A), Fetching(B)
    router = IssuerRouter(
        trusted(A, keys=shared),
        TrustedIssuer("https://twin.example", keys=shared, audience="api"),
        trusted(B, keys=own),
        trusted(C),
        TrustedIssuer("https://opaque.example", validator=FixedClaims({})),
    )
    assert not shared.fetches
    assert not own.fetches

    with app.app_context():
        router.warm_up()

    assert shared.fetches == own.fetches == [app.name]
    router.warm_up()
    assert len(shared.fetches) == 1


def test_warm_up_names_the_issuers_that_failed() -> None:
    """All issuers' keys are fetched before ``warm_up`` raises for those that failed."""
    error = ConnectionError("down")
    good = Fetching(B)
    router = IssuerRouter(trusted(A, keys=Fetching(A, error)), trusted(C), trusted(B, keys=good))

    with raises(VerificationUnavailable, match="1 of 3 issuers") as caught:
        router.warm_up()

    assert A_URL in error_text(caught.value)
    assert good.fetches == ["no app"]
    IssuerRouter(trusted(C)).warm_up()


def test_the_status_lists_each_issuer() -> None:
    """The status is JSON, counts the states, and fetches nothing."""
    cold = Fetching(A)
    router = IssuerRouter(
        trusted(A, keys=cold),
        trusted(B),
        TrustedIssuer(C_URL, validator=FixedClaims({})),
    )

    status = router.status()

    assert json.loads(json.dumps(status)) == status
    assert status["state"] == "partial"
    assert status["states"] == {"cold": 1, "static": 1, "unknown": 1}
    assert {name: one["provider"] for name, one in status["issuers"].items()} == {
        A_URL: "Fetching",
        B_URL: "StaticKeyProvider",
        C_URL: "FixedClaims",
    }
    assert status["issuers"][B_URL]["kids"] == ["b"]
    assert not cold.fetches


class InState(FixedResult):
    """A provider whose status has a fixed state."""

    def status(self) -> dict[str, Any]:
        return {"state": self.result}


@pytest.mark.parametrize(
    ("states", "combined"),
    [
        ("static", "static"),
        ("static fresh", "fresh"),
        ("fresh stale", "stale"),
        ("cold", "cold"),
        ("dead dead", "dead"),
        ("dead cold", "cold"),
        ("fresh cold", "partial"),
        ("fresh dead", "partial"),
        ("fresh partial", "partial"),
        ("unknown", "unknown"),
        ("unknown fresh", "fresh"),
        ("exotic", "unknown"),
    ],
)
def test_the_state_of_a_router_combines_its_issuers(states: str, combined: str) -> None:
    """A router has no keys only if none of its issuers has any."""
    router = IssuerRouter(
        *(
            TrustedIssuer(f"https://{number}.example", keys=InState(state), audience="api")
            for number, state in enumerate(states.split())
        )
    )

    assert router.status()["state"] == combined


def test_the_generation_changes_with_any_issuers_keys() -> None:
    """A cache of verified tokens can tell that any issuer's keys have changed."""
    keys = Fetching(A)
    router = IssuerRouter(trusted(A, keys=keys), trusted(B))
    before = router.generation

    keys.warm_up()

    assert router.generation > before
    assert not hasattr(IssuerRouter(trusted(A, keys=RecordingKeyProvider(A))), "generation")


def _refuse(_: threading.Thread) -> None:
    raise MemoryError


def _never_run(_: threading.Thread) -> None:
    """Behave like a system on which threads never run."""


@pytest.mark.parametrize("start", [_refuse, _never_run], ids=["refused", "never run"])
def test_warm_up_works_without_threads(
    start: Callable[[threading.Thread], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can start, the caller fetches all keys itself, and gets the errors."""
    warmed: list[str] = []

    class Source:
        def __init__(self, name: str, error: BaseException | None = None) -> None:
            self.name, self.error = name, error

        def warm_up(self) -> None:
            warmed.append(self.name)
            if self.error is not None:
                raise self.error

    monkeypatch.setattr(threading.Thread, "start", start)
    names = [f"https://{number}.example" for number in range(40)]
    broken = {names[3]: SystemExit(3), names[30]: OSError()}
    sources = {name: Source(name, broken.get(name)) for name in names}

    assert warm_up_all(sources) == broken
    assert warmed == names
    assert warm_up_all({}) == {}
