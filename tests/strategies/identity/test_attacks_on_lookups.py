"""Attacks: claims by which a caller would get another user's row, for careful and for careless look-ups."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Integer, cast, func, literal, or_, select
from sqlalchemy.orm import Session

from flask_jwtlib import ConfigurationError
from flask_jwtlib_strategies.identity.users import UserLoader

from .kit import BELIEVING, ISSUER, OTHER_ISSUER, CarelessUser, Database, User, claiming, route

JOSE = "jos\u00e9"

ATTACKS: dict[str, dict[str, Any]] = {
    "no issuer": {"sub": "alice"},
    "no subject": {"iss": ISSUER},
    "neither": {},
    "null issuer": {"iss": None, "sub": "alice"},
    "null subject": {"iss": ISSUER, "sub": None},
    "empty issuer": {"iss": "", "sub": "alice"},
    "empty subject": {"iss": ISSUER, "sub": ""},
    "number": {"iss": ISSUER, "sub": 1},
    "zero": {"iss": ISSUER, "sub": 0},
    "true": {"iss": ISSUER, "sub": True},
    "false": {"iss": ISSUER, "sub": False},
    "list": {"iss": ISSUER, "sub": ["alice"]},
    "list of issuers": {"iss": [ISSUER], "sub": "alice"},
    "query operator": {"iss": ISSUER, "sub": {"$ne": ""}},
    "upper case": {"iss": ISSUER, "sub": "ALICE"},
    "upper case issuer": {"iss": ISSUER.upper(), "sub": "alice"},
    "slash after the issuer": {"iss": f"{ISSUER}/", "sub": "alice"},
    "leading space": {"iss": ISSUER, "sub": " alice"},
    "trailing space": {"iss": ISSUER, "sub": "alice "},
    "trailing space of the issuer": {"iss": f"{ISSUER} ", "sub": "alice"},
    "no-break space": {"iss": ISSUER, "sub": "alice\u00a0"},
    "only a space": {"iss": ISSUER, "sub": " "},
    "line break": {"iss": ISSUER, "sub": "alice\n"},
    "tab": {"iss": ISSUER, "sub": "alice\t"},
    "NUL": {"iss": ISSUER, "sub": "alice\x00"},
    "NUL and more": {"iss": ISSUER, "sub": "alice\x00bob"},
    "delete character": {"iss": ISSUER, "sub": "alice\x7f"},
    "surrogate": {"iss": ISSUER, "sub": "alice\ud800"},
    "surrogate in the issuer": {"iss": f"{ISSUER}\udfff", "sub": "alice"},
    "full-width letters": {"iss": ISSUER, "sub": "\uff41lice"},
    "decomposed accent": {"iss": ISSUER, "sub": unicodedata.normalize("NFD", JOSE)},
    "without the accent": {"iss": ISSUER, "sub": "jose"},
    "zero-width space": {"iss": ISSUER, "sub": "al\u200bice"},
    "soft hyphen": {"iss": ISSUER, "sub": "al\u00adice"},
    "cyrillic letter": {"iss": ISSUER, "sub": "\u0430lice"},
    "SQL": {"iss": ISSUER, "sub": "alice' OR '1'='1"},
    "any characters": {"iss": ISSUER, "sub": "%"},
    "any character": {"iss": ISSUER, "sub": "_lice"},
    "moved border": {"iss": ISSUER[:-1], "sub": f"{ISSUER[-1]}alice"},
    "exchanged": {"iss": "alice", "sub": ISSUER},
    "unknown issuer": {"iss": "https://evil.example", "sub": "alice"},
    "another's e-mail address": {"iss": ISSUER, "sub": "mallory", "email": "alice@example.org"},
    "e-mail address as subject": {"iss": ISSUER, "sub": "alice@example.org"},
    "primary key": {"iss": ISSUER, "sub": "1"},
    "number with a zero": {"iss": ISSUER, "sub": "01"},
    "number as a fraction": {"iss": ISSUER, "sub": "1.0"},
    "very long": {"iss": ISSUER, "sub": "a" * 5000},
    "unknown subject": {"iss": ISSUER, "sub": "carol"},
    "disabled": {"iss": ISSUER, "sub": "bob"},
}


def folded(text: str) -> str:
    """Return a text as MySQL's usual collation sees it: without case, accents, width and spaces."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = (each for each in decomposed if not unicodedata.combining(each) and each.isprintable())
    return "".join(kept).strip()


@frozen(eq=False)
class LookUps:
    """Ways to look a user up, most of them wrong."""

    database: Database

    def exact(self, issuer: str, subject: str) -> Any:
        return self.database.load_user(issuer, subject)

    def careless_columns(self, issuer: str, subject: str) -> Any:
        return self._first(CarelessUser.issuer == issuer, CarelessUser.subject == subject)

    def folding(self, issuer: str, subject: str) -> Any:
        return self._first(func.folded(CarelessUser.subject) == folded(subject))

    def by_subject_alone(self, issuer: str, subject: str) -> Any:
        return self._first(CarelessUser.subject == subject)

    def by_pattern(self, issuer: str, subject: str) -> Any:
        return self._first(CarelessUser.subject.like(subject))

    def by_email_address(self, issuer: str, subject: str) -> Any:
        return self._first(or_(CarelessUser.email == subject, CarelessUser.subject == subject))

    def by_primary_key(self, issuer: str, subject: str) -> Any:
        return self._first(CarelessUser.id == cast(literal(subject), Integer))

    def anybody(self, issuer: str, subject: str) -> Any:
        return self._first()

    def _first(self, *conditions: Any) -> CarelessUser | None:
        with Session(self.database.engine) as session:
            connection: Any = session.connection().connection.dbapi_connection
            connection.create_function("folded", 1, folded)
            return session.scalars(select(CarelessUser).where(*conditions)).first()


LOOK_UPS: dict[str, Callable[[LookUps], Callable[[str, str], Any]]] = {
    "exact": lambda found: found.exact,
    "careless columns": lambda found: found.careless_columns,
    "folding": lambda found: found.folding,
    "by subject alone": lambda found: found.by_subject_alone,
    "by pattern": lambda found: found.by_pattern,
    "by e-mail address": lambda found: found.by_email_address,
    "by primary key": lambda found: found.by_primary_key,
    "anybody": lambda found: found.anybody,
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FlaskClient]:
    """For each look-up, a client of an app that uses it in a view and in a policy."""
    database = Database(tmp_path_factory.mktemp("users") / "users.db")
    database.add(
        User(issuer=ISSUER, subject="alice", name="Alice"),
        User(issuer=ISSUER, subject="bob", name="Bob", active=False),
        User(issuer=ISSUER, subject=JOSE, name="Jos\u00e9"),
        # Of before there were subjects.
        User(issuer=ISSUER, subject="", name="Old"),
        User(issuer="", subject="alice", name="Older"),
        CarelessUser(issuer=ISSUER, subject="alice", name="Alice", email="alice@example.org"),
        CarelessUser(issuer=ISSUER, subject=JOSE, name="Jos\u00e9", email="jose@example.org"),
    )
    found = LookUps(database)
    clients: dict[str, FlaskClient] = {}
    for name, choose in LOOK_UPS.items():
        app = Flask(name.replace(" ", "_"))
        users: UserLoader[Any] = UserLoader(choose(found))
        asking = BELIEVING.requires_authentication(lambda users=users: users.current().name)
        required = BELIEVING.requires_authentication(rules=[users.required])
        optional = BELIEVING.optional_authentication(
            lambda users=users: getattr(users.current_or_none(), "name", "guest")
        )
        route(app, "/asking", asking)
        route(app, "/required", required(lambda: "in"))
        route(app, "/optional", optional)
        clients[name] = app.test_client()
    return clients


@pytest.mark.parametrize("claims", ATTACKS.values(), ids=ATTACKS)
def test_nobody_gets_a_row_by_other_claims(
    clients: dict[str, FlaskClient], claims: dict[str, Any]
) -> None:
    """Whatever a look-up finds, only the very issuer and subject of a row open it. The rest is a 403."""
    for name, client in clients.items():
        for path in ("/asking", "/required", "/optional"):
            response = client.get(path, headers=claiming(**claims))
            assert response.status_code == 403, (name, path, response.text)
            assert response.text == "The caller is not an active user here\n", (name, path)
            assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("look_up", sorted(LOOK_UPS.keys() - {"by primary key"}))
def test_the_users_own_claims_open_the_row(clients: dict[str, FlaskClient], look_up: str) -> None:
    """With the look-ups that find her at all, alice gets her row."""
    client, headers = clients[look_up], claiming(iss=ISSUER, sub="alice")

    assert client.get("/asking", headers=headers).text == "Alice"
    assert client.get("/required", headers=headers).text == "in"
    assert client.get("/optional", headers=headers).text == "Alice"


def test_two_issuers_subjects_are_two_users(database: Database) -> None:
    """The same ``sub`` of another issuer is another row."""
    users = UserLoader(database.load_user)
    app = Flask("two")
    route(app, "/", BELIEVING.requires_authentication(lambda: users.current().name))
    client = app.test_client()

    assert client.get("/", headers=claiming(iss=ISSUER, sub="alice")).text == "Alice"
    assert client.get("/", headers=claiming(iss=OTHER_ISSUER, sub="alice")).text == "Another Alice"


@pytest.mark.parametrize(
    ("subject", "status"),
    [("7", 200), ("07", 403), ("7.0", 403), (" 7", 403), ("7e0", 403), ("0x7", 403), (7, 403)],
    ids=["seven", "zero", "fraction", "space", "exponent", "hexadecimal", "number"],
)
def test_a_numeric_column_converts_nothing(tmp_path: Path, subject: Any, status: int) -> None:
    """In plain SQLite, a column of numbers equals texts such as ``"07"``; the user's key does not.

    The table has no issuer, so the key names the only one.
    """
    file = tmp_path / "plain.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE people (number INTEGER, name TEXT)")
        connection.execute("INSERT INTO people VALUES (7, 'Alice')")

    def load_user(issuer: str, subject: str) -> Any:
        with closing(sqlite3.connect(file)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM people WHERE number = ?", (subject,))
            return found.fetchone()

    users = UserLoader(load_user, key=lambda row: (ISSUER, str(row["number"])))
    app = Flask("plain")
    route(app, "/", BELIEVING.requires_authentication(lambda: users.current()["name"]))
    client = app.test_client()

    assert client.get("/", headers=claiming(iss=ISSUER, sub=subject)).status_code == status
    other = claiming(iss=OTHER_ISSUER, sub=subject)
    assert client.get("/", headers=other).status_code == 403


@pytest.mark.parametrize(
    "found",
    [{"name": "Alice"}, True, 1, "alice", object()],
    ids=["mapping", "true", "number", "text", "object"],
)
def test_a_user_who_cannot_be_compared_is_a_mistake(found: Any) -> None:
    """Something without the attributes that are compared lets nobody in, and the error says what to do."""
    users: UserLoader[Any] = UserLoader(lambda issuer, subject: found)
    app = Flask("mistaken")
    app.testing = True
    route(app, "/", BELIEVING.requires_authentication(lambda: str(users.current())))
    required = BELIEVING.requires_authentication(rules=[users.required])
    route(app, "/required", required(lambda: "in"))

    for path in ("/", "/required"):
        with pytest.raises(ConfigurationError, match=r"pass key=…") as mistake:
            app.test_client().get(path, headers=claiming(iss=ISSUER, sub="alice"))
        assert type(mistake.value.__cause__) is AttributeError
