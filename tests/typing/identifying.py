"""Identities of an application: code that must type-check, and never runs."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import sqlite3
from functools import partial

from attrs import frozen
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from typing_extensions import assert_type

from flask_jwtlib import Authenticator, Claims, InvalidTokenError, Policy, Principal, policy
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib.policies import Call, principal_of
from flask_jwtlib_strategies.identity.async_users import AsyncUserLoader
from flask_jwtlib_strategies.identity.typed_claims import TypedClaims
from flask_jwtlib_strategies.identity.users import UnknownUserError, UserLoader, UserUnavailable


class Base(DeclarativeBase):
    """The tables."""


class User(Base):
    """A row of SQLAlchemy's."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    name: Mapped[str]


@frozen
class Caller:
    """A class of the application's."""

    subject: str
    groups: frozenset[str]


def rows(engine: Engine, auth: Authenticator, app: Flask) -> None:
    """A checker knows the class of the row."""

    def load_user(issuer: str, subject: str) -> User | None:
        with Session(engine) as session:
            return session.scalar(select(User).filter_by(issuer=issuer, subject=subject))

    users = UserLoader(load_user)
    assert_type(users, UserLoader[User])
    assert_type(users.current(), User)
    assert_type(users.current().name, str)
    assert_type(users.current_or_none(), User | None)
    assert_type(users.of(auth.verify("…")), User)
    assert_type(users.required, Policy)
    assert_type(users.required & users.required, Policy)
    auth.protect(app, rules=[users.required])
    auth.evolve(policies=[users.required])
    str(users.current().nmae)  # type: ignore[attr-defined]
    str(users.current_or_none().name)  # type: ignore[union-attr]

    @policy
    def is_alice(claims: Claims, call: Call) -> bool:
        assert_type(principal_of(claims), Principal | None)
        return users.of(claims).name == "Alice"

    @app.get("/")
    @auth.requires_authentication(rules=[is_alice])
    def view() -> dict[str, str]:
        try:
            return {"name": users.current().name}
        except UnknownUserError as unknown:
            return {"error": unknown.reason}
        except UserUnavailable as unavailable:
            return {"retry": str(unavailable.retry_after)}


def choices(connection: sqlite3.Connection) -> None:
    """The class is known with other options too, and a lambda's argument is a user."""

    def load_row(issuer: str, subject: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = connection.execute("SELECT …", (issuer, subject)).fetchone()
        return found

    only_issuer = "https://issuer.example"
    row = UserLoader(load_row, key=lambda row: (only_issuer, row["sub"]), refusal=InvalidTokenError)
    assert_type(row.current(), sqlite3.Row)
    UserLoader(load_row, refusal=partial(ForbiddenError, description="Sign up first"))
    UserLoader(load_row, refusal=403)  # type: ignore[arg-type]

    def load_by_subject(subject: str) -> sqlite3.Row | None:
        return load_row(only_issuer, subject)

    UserLoader(load_by_subject)  # type: ignore[arg-type]


async def awaited(engine: AsyncEngine, auth: Authenticator) -> None:
    """The same with ``await``."""

    async def load_user(issuer: str, subject: str) -> User | None:
        async with AsyncSession(engine) as session:
            return await session.scalar(select(User).filter_by(issuer=issuer, subject=subject))

    users = AsyncUserLoader(load_user)
    assert_type(users, AsyncUserLoader[User])
    assert_type(await users.current(), User)
    assert_type(await users.current_or_none(), User | None)
    assert_type(await users.of(auth.verify("…")), User)


def typed_claims(auth: Authenticator) -> None:
    """A checker knows the class that the claims are made into."""

    def make(claims: Claims) -> Caller:
        return Caller(claims["sub"], frozenset(claims.strings("groups")))

    callers = TypedClaims(make)
    assert_type(callers, TypedClaims[Caller])
    assert_type(callers.current(), Caller)
    assert_type(callers.current_or_none(), Caller | None)
    assert_type(callers.of(auth.verify("…")).groups, frozenset[str])
    assert_type(callers.required, Policy)
    TypedClaims(make, refusal=InvalidTokenError)
