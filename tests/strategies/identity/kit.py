"""A database of users in an SQLite file, which counts its queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, Request
from sqlalchemy import Engine, String, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

from flask_jwtlib import Authenticator, BearerToken, Claims, TokenExtractor, TokenValidator
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer

ISSUER = "https://issuer.example"
OTHER_ISSUER = "https://other.example"


class Base(DeclarativeBase):
    """The tables."""


class User(Base):
    """A row of the table of users."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class CarelessUser(Base):
    """A row of a table that compares without regard to case and trailing spaces, as many databases do."""

    __tablename__ = "careless_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(String(collation="NOCASE"))
    subject: Mapped[str] = mapped_column(String(collation="NOCASE"))
    name: Mapped[str]
    email: Mapped[str]


class Database:
    """The database, as an application uses it.

    Attributes:
        engine: SQLAlchemy's engine.
        queries: The SQL of each query so far.
    """

    def __init__(self, file: Path) -> None:
        self.engine: Engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
        self.queries: list[str] = []
        Base.metadata.create_all(self.engine)
        event.listen(self.engine, "before_cursor_execute", self._count)

    def _count(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self.queries.append(statement)

    def add(self, *rows: Base) -> None:
        """Add rows, without counting."""
        with Session(self.engine) as session:
            session.add_all(rows)
            session.commit()
        self.queries.clear()

    def load_user(self, issuer: str, subject: str) -> User | None:
        """Load an active user."""
        wanted = select(User).filter_by(issuer=issuer, subject=subject, active=True)
        with Session(self.engine) as session:
            return session.scalar(wanted)


@contextmanager
def refusals_of(app: Flask) -> Iterator[list[dict[str, Any]]]:
    """Collect what ``request_refused`` sends."""
    sent: list[dict[str, Any]] = []

    def receive(sender: Flask, **details: Any) -> None:
        if sender is app:
            sent.append(details)

    with request_refused.connected_to(receive):
        yield sent


def route(app: Flask, rule: str, view: Callable[..., Any]) -> None:
    """Add a route."""
    app.add_url_rule(rule, rule, view)


class ClaimsInHeader(TokenExtractor):
    """Reads claims from a header, as JSON: for claims that no JWT validator would accept."""

    def extract(self, request: Request) -> BearerToken | None:
        value = request.headers.get("X-Claims")
        return None if value is None else BearerToken(value)


class BelievingValidator(TokenValidator):
    """Returns what the token says."""

    def validate(self, token: BearerToken, keys: Any) -> Claims:
        return Claims(json.loads(token.value), checked_at=0)


BELIEVING = Authenticator(
    keys=TokenIssuer("https://unused.example").verification_key,
    extractor=ClaimsInHeader(),
    validator=BelievingValidator(),
)
"""Accepts any claims in ``X-Claims``, signed by nobody."""


def claiming(**claims: Any) -> dict[str, str]:
    """Return the header for these claims."""
    return {"X-Claims": json.dumps(claims)}
