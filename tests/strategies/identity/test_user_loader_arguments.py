"""Wrong arguments of user loaders, reported when the loader is made."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from flask_jwtlib import AuthenticationError, ConfigurationError, VerificationUnavailable
from flask_jwtlib.errors import InsufficientScopeError, InvalidRequestError, MissingTokenError
from flask_jwtlib_strategies.identity.async_users import AsyncUserLoader
from flask_jwtlib_strategies.identity.users import UserLoader

from .kit import Database, User


class OurError(Exception):
    """No refusal."""


@pytest.mark.parametrize(
    "refusal",
    [
        AuthenticationError,
        VerificationUnavailable,
        InvalidRequestError,
        InsufficientScopeError,
        OurError,
        partial(MissingTokenError, "another text"),
        403,
        None,
    ],
    ids=[
        "no status",
        "503",
        "400",
        "shows the text for the log",
        "no refusal",
        "another text",
        "number",
        "none",
    ],
)
def test_other_refusals_are_mistakes(database: Database, refusal: Any) -> None:
    """What makes no 401 or 403 with the text for the log is reported at once."""
    with pytest.raises(ConfigurationError, match="expected a class of refusals"):
        UserLoader(database.load_user, refusal=refusal)


async def load_async(issuer: str, subject: str) -> User | None:
    """Load nobody."""
    return None


class AsyncCall:
    """An object whose call is async."""

    async def __call__(self, issuer: str, subject: str) -> User | None:
        return None


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: UserLoader(load_async), "pass it to AsyncUserLoader"),
        (lambda: UserLoader(AsyncCall()), "pass it to AsyncUserLoader"),
        (lambda: UserLoader(lambda subject: None), r"expected a function of \(issuer, subject\)"),
        (lambda: UserLoader({}), r"expected a function of \(issuer, subject\), not {}"),
        (lambda: UserLoader(lambda i, s: None, key="sub"), "key is 'sub'"),
        (lambda: AsyncUserLoader(lambda i, s: None), "pass it to UserLoader"),
        (lambda: AsyncUserLoader(User), "expected an async function of"),
        (lambda: AsyncUserLoader(load_async, key=None), "key is None"),
    ],
    ids=[
        "async",
        "async call",
        "one argument",
        "no function",
        "key",
        "sync for async",
        "class for async",
        "key for async",
    ],
)
def test_wrong_arguments_are_reported_at_once(make: Any, text: str) -> None:
    """The error says what was given and what is expected."""
    with pytest.raises(ConfigurationError, match=text):
        make()


def test_a_function_without_a_signature_is_accepted() -> None:
    """Functions written in C needn't tell what they take."""
    assert UserLoader(max).name == "max"
