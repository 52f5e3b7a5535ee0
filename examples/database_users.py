"""Let only users of a database in, and give each view the caller's row.

The database is the file ``users.db`` in the current directory. It needs the package ``sqlalchemy``.

In one terminal::

    flask --app examples.database_users run

In another::

    TOKEN=$(flask --app examples.database_users token)
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $TOKEN" -X POST -d name=Alice http://127.0.0.1:5000/sign-up
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    flask --app examples.database_users deactivate alice
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/me
    curl -i -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/reports
    curl -i -H "Authorization: Bearer $TOKEN" -X POST -d name=Alice http://127.0.0.1:5000/sign-up
"""

from __future__ import annotations

import click
from flask import Flask, request
from sqlalchemy import UniqueConstraint, create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from examples._issuer import ISSUER, add_token_command
from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator, current_principal
from flask_jwtlib.errors import ForbiddenError
from flask_jwtlib_strategies.identity.users import UserLoader


class Base(DeclarativeBase):
    """The tables of the database."""


class User(Base):
    """A user, whom the issuer and its subject identify. A name or an e-mail address may change its owner."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


engine = create_engine("sqlite:///users.db")


def load_user(issuer: str, subject: str) -> User | None:
    """Load a user, and refuse one who was deactivated."""
    with Session(engine) as session:
        user = session.scalar(select(User).filter_by(issuer=issuer, subject=subject))
    if user is not None and not user.active:
        raise ForbiddenError(
            f"{subject!r} was deactivated", description="Your account was deactivated"
        )
    return user


users = UserLoader(load_user)

auth = Authenticator(
    keys=ISSUER.public_pem,
    validator=JWTValidator(rules=[Issuer(ISSUER.issuer), Audience("https://api.example")]),
)

app = Flask(__name__)


@app.get("/me")
@auth.requires_authentication
def me() -> dict[str, object]:
    """Show the caller's row, and a claim beside it."""
    user = users.current()
    return {"id": user.id, "name": user.name, "subject": current_principal.subject}


@app.get("/reports")
@auth.requires_authentication(rules=[users.required])
def reports() -> list[str]:
    """Stand for a view that doesn't ask who the caller is, but serves only users."""
    return ["Q1", "Q2"]


@app.post("/sign-up")
@auth.requires_authentication(rules=[~users.required])
def sign_up() -> dict[str, str]:
    """Add the caller to the users. Nobody whom ``load_user`` finds or refuses gets here."""
    claims = current_principal.claims
    name = request.form.get("name", "unnamed")
    with Session(engine) as session:
        session.add(User(issuer=claims["iss"], subject=claims["sub"], name=name))
        session.commit()
    return {"welcome": name}


@app.cli.command("deactivate")
@click.argument("subject")
def deactivate(subject: str) -> None:
    """Deactivate a user."""
    with Session(engine) as session:
        changed = update(User).filter_by(issuer=ISSUER.issuer, subject=subject)
        session.execute(changed.values(active=False))
        session.commit()


Base.metadata.create_all(engine)
add_token_command(app, aud="https://api.example")
