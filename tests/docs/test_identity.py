"""Every program in ``docs/identity.rst`` does what the text around it says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import client_of

Run = Callable[[str, str], dict[str, Any]]

DOCUMENT = "docs/identity.rst"
ISSUER = "https://issuer.example"


def responses(client: FlaskClient, path: str, issuer: TokenIssuer, *subjects: str) -> list[Any]:
    """Return the status, and the text of a 200, for each subject."""
    found: list[Any] = []
    for subject in subjects:
        response = client.get(path, headers=bearer(issuer.token(subject)))
        found.append(response.text if response.status_code == 200 else response.status_code)
    return found


def test_the_callers_row(run: Run, issuer: TokenIssuer) -> None:
    """The view gets the row; unknown and deactivated users are a 403, a broken database a 503."""
    program = run(DOCUMENT, "UniqueConstraint")
    client = client_of(program)
    assert responses(client, "/me", issuer, "alice") == [503]
    program["Base"].metadata.create_all(program["engine"])
    with Session(program["engine"]) as session:
        for subject, active in (("alice", True), ("bob", False)):
            row = {"issuer": ISSUER, "subject": subject, "name": subject.title(), "active": active}
            session.add(program["User"](**row))
        session.commit()
    program["engine"].dispose()

    assert client.get("/me", headers=bearer(issuer.token("alice"))).json == {"name": "Alice"}
    assert responses(client, "/me", issuer, "bob", "carol") == [403, 403]
    # What the text says about the row after its session.
    user = program["load_user"](ISSUER, "alice")
    assert (user.issuer, user.name) == (ISSUER, "Alice")
    program["engine"].dispose()


def test_the_six_lines(run: Run) -> None:
    """The text counts the lines that are about the caller's row."""
    program = run(DOCUMENT, "UniqueConstraint")
    text = Path(__file__).parents[2].joinpath(DOCUMENT).read_text(encoding="utf-8")
    first = text.partition(".. code-block:: python")[2].partition("\nmypy")[0]
    lines = [line for line in first.splitlines() if line.strip()]
    about = [line for line in lines if "UserLoader" in line or "users.current" in line]
    start = next(number for number, line in enumerate(lines) if "def load_user" in line)
    loader = lines[start : lines.index("    users = UserLoader(load_user)")]

    assert len(about) + len(loader) == 6
    assert program["users"].load is program["load_user"]


def test_a_table_without_an_issuer(run: Run, issuer: TokenIssuer, workplace: Path) -> None:
    """The key names the only issuer: the same subject of another one is refused."""
    client = client_of(run(DOCUMENT, "members.db"))
    with closing(sqlite3.connect(workplace / "members.db")) as connection, connection:
        connection.execute("CREATE TABLE members (sub TEXT COLLATE NOCASE, name TEXT, active)")
        connection.execute("INSERT INTO members VALUES ('alice', 'Alice', 1), ('bob', 'Bob', 0)")

    assert client.get("/me", headers=bearer(issuer.token("alice"))).json == {"name": "Alice"}
    assert responses(client, "/me", issuer, "bob", "ALICE", "carol") == [403, 403, 403]
    other = bearer(issuer.token("alice", iss="https://other.example"))
    assert client.get("/me", headers=other).status_code == 403


def test_unknown_and_closed_accounts(run: Run, issuer: TokenIssuer) -> None:
    """Each is refused with its own text and status, guests are guests, and new callers sign up."""
    client = client_of(run(DOCUMENT, "strict_accounts"))

    assert responses(client, "/me", issuer, "alice", "bob", "carol") == ["Alice", 403, 403]
    assert responses(client, "/strict", issuer, "alice", "bob", "carol") == ["Alice", 403, 401]
    closed = client.get("/me", headers=bearer(issuer.token("bob")))
    assert closed.text == "Your account is closed\n"
    assert client.get("/news").text == "news for guests"
    news = responses(client, "/news", issuer, "alice", "bob", "carol")
    assert news == ["news for Alice", 403, "news for guests"]
    statuses = [
        client.post("/sign-up", headers=bearer(issuer.token(subject))).status_code
        for subject in ("alice", "bob", "carol")
    ]
    assert statuses == [403, 403, 200]
    assert responses(client, "/me", issuer, "carol") == ["New"]


def test_a_policy_about_the_row(run: Run, issuer: TokenIssuer) -> None:
    """Only administrators see the settings, and nobody who isn't a user gets in anywhere."""
    client = client_of(run(DOCUMENT, "def administrator"))

    found = responses(client, "/settings", issuer, "alice", "bob", "carol")
    assert found == ["settings of alice", 403, 403]
    assert responses(client, "/nowhere", issuer, "alice", "carol") == [404, 403]


def test_async_views(run: Run, issuer: TokenIssuer, workplace: Path) -> None:
    """An ``AsyncSession`` loads the row, in one request after the other."""
    program = run(DOCUMENT, "AsyncUserLoader")
    engine = create_engine(f"sqlite:///{workplace / 'users.db'}")
    program["Base"].metadata.create_all(engine)
    with Session(engine) as session:
        session.add(program["User"](issuer=ISSUER, subject="alice", name="Alice"))
        session.commit()
    engine.dispose()
    client = client_of(program)

    for _ in range(2):
        assert client.get("/me", headers=bearer(issuer.token("alice"))).json == {"name": "Alice"}
        assert responses(client, "/me", issuer, "bob") == [403]


def test_typed_claims(run: Run, issuer: TokenIssuer) -> None:
    """The claims become an object. Claims that don't fit its class are a 403."""
    client = client_of(run(DOCUMENT, "class Caller"))

    def get(**claims: Any) -> Any:
        response = client.get("/", headers=bearer(issuer.token("alice", **claims)))
        return response.text if response.status_code == 200 else response.status_code

    assert get(tenant="acme", groups=["a", "b"]) == "alice of acme in 2 groups"
    assert [get(), get(tenant=7), get(tenant=["acme"])] == [403, 403, 403]


def test_the_test_passes(run: Run) -> None:
    """The test that the text shows passes."""
    run(DOCUMENT, "def test_users_are_accepted")["test_users_are_accepted"]()
