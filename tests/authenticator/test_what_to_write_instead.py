"""Mistakes in a composition: each raises where it is made, and says what to write instead."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from flask_jwtlib import (
    AppAuthenticator,
    Authenticator,
    ConfigurationError,
    JWTValidator,
    KeySet,
    Scope,
    policy,
)
from flask_jwtlib.testing import TokenIssuer

URLS = [
    "https://issuer.example/.well-known/jwks.json",
    "https://issuer.example",
    "HTTPS://ISSUER.EXAMPLE/keys",
    "http://127.0.0.1:8080/jwks",
    "  https://issuer.example/keys.pem\n",
    b"https://issuer.example/keys",
]
PATHS = [
    "/etc/keys/public.pem",
    "./public",
    "../keys/public",
    "~/keys/public",
    "keys/public.pem",
    "public.key",
    "jwks.json",
    "C:\\keys\\public",
    "file:///etc/keys/public.pem",
    "/run/secrets/key with spaces",
    b"/etc/keys/public.pem",
    Path("public.pem"),
]


def _ids(values: list[Any]) -> list[str]:
    return [ascii(value) for value in values]


@pytest.mark.parametrize("url", URLS, ids=_ids(URLS))
@pytest.mark.parametrize("listed", [False, True], ids=["alone", "in a list"])
def test_a_url_is_not_a_key(url: Any, listed: bool) -> None:
    """A URL as ``keys`` names the key providers that fetch from one."""
    with pytest.raises(ConfigurationError) as refused:
        Authenticator(keys=[url] if listed else url)

    text = str(refused.value)
    assert "is a URL, not a key" in text
    assert "JWKSKeyProvider('https://…')" in text
    assert "OIDCKeyProvider('https://…')" in text


@pytest.mark.parametrize("path", PATHS, ids=_ids(PATHS))
@pytest.mark.parametrize(
    "take", [lambda keys: Authenticator(keys=keys), KeySet.of], ids=["keys", "of"]
)
def test_a_path_is_not_a_key(path: Any, take: Callable[[Any], Any]) -> None:
    """A path as ``keys`` says how to read a file, once or again when it changes."""
    with pytest.raises(ConfigurationError) as refused:
        take(path)

    text = str(refused.value)
    assert "path, not a key" in text or "a path is not a key" in text
    assert "the file's content, such as Path(…).read_text()" in text
    assert "FileKeyProvider(path)" in text


def test_the_message_does_not_repeat_the_text() -> None:
    """What was passed may be a secret, so the message doesn't repeat it."""
    for secret in ("https://user:s3cret@issuer.example", "/s3cret/s3cret", "s3cret.pem", "s3cret"):
        with pytest.raises(ConfigurationError) as refused:
            Authenticator(keys=secret)
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("wrong", ["https://issuer.example/keys", "/etc/keys/public.pem"])
def test_the_named_providers_exist(wrong: str) -> None:
    """The messages name classes of the catalogue, and the modules that they are in."""
    with pytest.raises(ConfigurationError) as refused:
        Authenticator(keys=wrong)

    named = re.findall(r"(\w+Provider)\([^)]*\) of ([\w.]+\w)", str(refused.value))
    assert named
    for name, module in named:
        assert callable(getattr(import_module(module), name))


async def slow_rule(claims: Any) -> bool:
    """A rule that asks somewhere."""
    return True


class SlowRule:
    async def __call__(self, claims: Any) -> bool:
        return True


ASYNC_RULES = {
    "function": slow_rule,
    "object": SlowRule(),
    "partial": functools.partial(slow_rule),
    "method": SlowRule().__call__,
}
PLACES: dict[str, Callable[[Authenticator, Any], Any]] = {
    "requires_authentication": lambda auth, rule: auth.requires_authentication(rules=[rule]),
    "optional_authentication": lambda auth, rule: auth.optional_authentication(rules=[rule]),
    "guard": lambda auth, rule: auth.guard(rules=[rule]),
    "JWTValidator": lambda auth, rule: JWTValidator(rules=[rule]),
    "AppAuthenticator": lambda auth, rule: AppAuthenticator(
        lambda app: auth
    ).requires_authentication(rules=[rule]),
    "and": lambda auth, rule: Scope("a") & rule,
    "or": lambda auth, rule: rule | Scope("a"),
}


@pytest.mark.parametrize("rule", ASYNC_RULES.values(), ids=ASYNC_RULES)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_async_rule_is_refused(issuer: TokenIssuer, rule: Any, place: Any) -> None:
    """An async rule would accept everybody, since a coroutine isn't False: it is an error when composing."""
    auth = Authenticator(keys=issuer.verification_key)

    with pytest.raises(ConfigurationError, match="is async, expected a plain function"):
        place(auth, rule)


async def slow_policy(claims: Any, call: Any) -> bool:
    """A policy that asks somewhere."""
    return True


def test_an_async_policy_is_refused() -> None:
    """So is an async policy."""
    with pytest.raises(ConfigurationError, match="is async, expected a plain function"):
        policy(slow_policy)


POLICIES = {
    "Scope": Scope("a"),
    "and": Scope("a") & Scope("b"),
    "not": ~Scope("a"),
    "function": policy(lambda claims, call: True),
}


@pytest.mark.parametrize("given", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("name", ["requires_authentication", "optional_authentication"])
@pytest.mark.parametrize("late", [False, True], ids=["Authenticator", "AppAuthenticator"])
def test_a_policy_in_place_of_the_view_is_refused(
    issuer: TokenIssuer, given: Any, name: str, late: bool
) -> None:
    """``@requires_authentication(Scope("a"))`` says to pass it as ``rules=[…]``."""
    auth = Authenticator(keys=issuer.verification_key)
    decorators: Any = AppAuthenticator(lambda app: auth) if late else auth

    with pytest.raises(ConfigurationError, match=r"pass rules and policies as rules=\[…\]"):
        getattr(decorators, name)(given)


def test_a_rule_in_place_of_the_view_is_no_open_route(issuer: TokenIssuer) -> None:
    """``@requires_authentication(rule)`` can't be told from a view, and fails when the module is imported."""
    decorate: Any = Authenticator(keys=issuer.verification_key).requires_authentication(
        lambda claims: True
    )

    with pytest.raises(RuntimeError, match="Working outside of"):
        decorate(lambda: "in")
