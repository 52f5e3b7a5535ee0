"""Every program in ``docs/keys.rst`` does what the text around it says."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs

import flask_jwtlib
from flask_jwtlib import TTLKeyProvider
from flask_jwtlib.key_health import key_statuses
from flask_jwtlib.key_providers import Refresh
from flask_jwtlib.signals import key_event
from flask_jwtlib.testing import TokenIssuer, bearer

from .program_kit import (
    API,
    AUTH0,
    KEYCLOAK,
    client_behind,
    client_of,
    requirement,
)

Run = Callable[[str, str], dict[str, Any]]
Reach = Callable[..., TokenIssuer]

ROOT = Path(__file__).parents[2]


class TestKeys:
    DOCUMENT = "docs/keys.rst"
    STAFF = KEYCLOAK["iss"]

    def test_the_figures_are_the_defaults(self) -> None:
        """The document's figures are those of the provider, which its table names."""
        text = (ROOT / self.DOCUMENT).read_text()
        fields = {**attrs.fields_dict(TTLKeyProvider), **attrs.fields_dict(Refresh)}
        for name, seconds, shown in (
            ("ttl", 300, "``ttl`` (300 s)"),
            ("max_stale", 14_400, "``max_stale`` (4 h)"),
            ("max_wait", 2, "``max_wait`` (2 s)"),
            ("fetch_timeout", 5, "``fetch_timeout`` (5 s)"),
        ):
            assert fields[name].default == seconds
            assert shown in text

    def test_it_reports_whether_it_is_ready(self, run: Run, reach: Reach, internet: Any) -> None:
        """The first program's probe is public and fetches keys; the status requires a scope."""
        client = client_of(run(self.DOCUMENT, "def readyz"))
        internet.idp.behave(status=500)
        assert client.get("/readyz").status_code == 503
        internet.idp.behave()
        issuer = reach(self.STAFF)
        client = client_of(run(self.DOCUMENT, "def readyz"))
        assert client.get("/readyz").json == {"ready": True}
        caller = {"iss": self.STAFF, "aud": API}
        assert client.get("/keys").status_code == 401
        assert client.get("/keys", headers=bearer(issuer.token(**caller))).status_code == 403
        headers = bearer(issuer.token(**caller, scope="operations"))
        statuses = client.get("/keys", headers=headers).json
        assert [each["state"] for each in statuses or ()] == ["fresh"]

    def test_every_field_of_a_status_is_explained(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """The table of fields has exactly those of the document's providers."""
        (workplace / "emergency-keys.json").write_text(json.dumps(issuer.jwks))
        reported: set[str] = set()
        for containing in ("CompositeKeyProvider(", "IssuerRouter("):
            client = client_behind(requirement(run(self.DOCUMENT, containing)))
            client.get("/", headers=bearer(issuer.token()))
            for status in key_statuses(client.application):
                members = [*status.get("members", ()), *status.get("issuers", {}).values()]
                reported.update(status, *members)
        table = (ROOT / self.DOCUMENT).read_text().partition("* - ``provider``")[2]
        cells = re.findall(
            r"^   \* - (.*)$", table.partition("\nMonitoring and alerts\n")[0], re.MULTILINE
        )
        explained = {name for cell in cells for name in re.findall("``(.*?)``", cell)}
        # The number of issuers in each state summarises their own fields.
        assert explained | {"provider"} == reported - {"states"}

    def test_every_event_is_explained(self) -> None:
        """The table of events has exactly those that the signal documents."""
        text = (ROOT / self.DOCUMENT).read_text()
        table = text.partition("* - Event\n")[2].partition("code-block")[0]
        source = Path(flask_jwtlib.signals.__file__).read_text()
        documented = re.findall(r"^- ``(\w+)``:", source, re.MULTILINE)
        explained = re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE)
        assert sorted(explained) == sorted(documented)
        assert len(documented) == 7

    def test_events_are_counted(self, run: Run, reach: Reach, internet: Any) -> None:
        """The second program receives key events."""
        issuer = reach(self.STAFF)
        program = run(self.DOCUMENT, "@key_event.connect")
        client = client_of(run(self.DOCUMENT, "def readyz"))
        client.get("/readyz")
        headers = bearer(issuer.token(header={"kid": "made-up"}))
        client.get("/keys", headers=bearer(issuer.token(iss=self.STAFF, aud=API)))
        client.get("/keys", headers=headers)
        key_event.disconnect(program["count"])
        names = {name for provider, name in program["events"] if provider == "OIDCKeyProvider"}
        assert names == {"refreshed", "unknown_kid"}

    def test_a_compromised_key_is_refused(self, run: Run, reach: Reach) -> None:
        """The third program's provider withholds the key, also from a token without a kid."""
        client = client_behind(requirement(run(self.DOCUMENT, "COMPROMISED")))
        good = {"iss": self.STAFF, "aud": API}
        thief = reach(self.STAFF, kid="key-of-october")
        for header in ({}, {"kid": None}):
            token = thief.token(header=header, **good)
            assert client.get("/", headers=bearer(token)).status_code == 401
        newer = reach(self.STAFF, kid="key-of-november")
        assert client.get("/", headers=bearer(newer.token("alice", **good))).text == "alice"

    def test_keys_are_in_files(self, run: Run, issuer: TokenIssuer, workplace: Path) -> None:
        """A file's name is its key's ID."""
        (workplace / "issuer-keys").mkdir()
        (workplace / "issuer-keys/key-1.pem").write_text(issuer.public_pem)
        client = client_behind(requirement(run(self.DOCUMENT, 'FileKeyProvider("issuer-keys"')))
        assert client.get("/", headers=bearer(issuer.token("alice", aud=API))).text == "alice"
        other = issuer.token(aud=API, header={"kid": "key-2"})
        assert client.get("/", headers=bearer(other)).status_code == 401

    def test_a_file_is_a_fallback(
        self, run: Run, reach: Reach, internet: Any, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """Keys of the issuer and of the file are used, and the file's while the issuer is down."""
        (workplace / "emergency-keys.json").write_text(
            json.dumps({"keys": [{**issuer.jwk, "kid": "emergency"}]})
        )
        good = {"iss": self.STAFF, "aud": API}
        of_the_file = issuer.token("alice", header={"kid": "emergency"}, **good)
        usual = reach(self.STAFF).token("bob", **good)
        client = client_behind(requirement(run(self.DOCUMENT, "CompositeKeyProvider(")))
        assert client.get("/", headers=bearer(usual)).text == "bob"
        assert client.get("/", headers=bearer(of_the_file)).text == "alice"
        internet.idp.stop()
        client = client_behind(requirement(run(self.DOCUMENT, "CompositeKeyProvider(")))
        assert client.get("/", headers=bearer(of_the_file)).text == "alice"
        assert client.get("/", headers=bearer(usual)).status_code == 503

    def test_issuers_are_kept_apart(self, run: Run, reach: Reach, issuer: TokenIssuer) -> None:
        """Each issuer's tokens are verified by its own keys, for its own audience, by its own rules."""
        customers, staff, jobs = AUTH0["iss"], self.STAFF, "https://jobs.example"
        of_customers, of_staff = reach(str(customers)), reach(str(staff))
        client = client_behind(requirement(run(self.DOCUMENT, "IssuerRouter(")))
        for signer, claims, status in (
            (of_customers, {"iss": customers, "aud": API}, 200),
            (of_staff, {"iss": staff, "aud": "desk"}, 200),
            (issuer, {"iss": jobs, "aud": API, "jti": "1"}, 200),
            (of_staff, {"iss": customers, "aud": API}, 401),
            (of_customers, {"iss": customers, "aud": "desk"}, 401),
            (issuer, {"iss": jobs, "aud": API}, 401),
            (issuer, {"iss": "https://nobody.example", "aud": API}, 401),
        ):
            response = client.get("/", headers=bearer(signer.token(**claims)))
            assert response.status_code == status, claims

    @staticmethod
    def write(database: Path, *issuers: TokenIssuer) -> None:
        """Write issuers' keys to a table."""
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS keys (kid TEXT, pem TEXT)")
            rows: Iterable[Any] = [(issuer.kid, issuer.public_pem) for issuer in issuers]
            connection.executemany("INSERT INTO keys VALUES (?, ?)", rows)

    def test_a_function_queries_a_database(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """Keys that the replica lacks are read from the primary, and an outage is handled as described."""
        client = client_behind(requirement(run(self.DOCUMENT, "def keys_of_the_database")))
        newer = TokenIssuer(kid="key-2")
        for name in ("KEY_PRIMARY", "KEY_REPLICA"):
            client.application.config[name] = workplace / name
        outage = client.get("/", headers=bearer(issuer.token()))
        assert (outage.status_code, outage.headers["Retry-After"]) == (503, "10")
        self.write(workplace / "KEY_REPLICA", issuer)
        self.write(workplace / "KEY_PRIMARY", issuer, newer)
        program = run(self.DOCUMENT, "def keys_of_the_database")
        client = client_behind(requirement(program))
        for name in ("KEY_PRIMARY", "KEY_REPLICA"):
            client.application.config[name] = workplace / name
        with client.application.app_context():
            program["auth"].keys.warm_up()
        for one in (issuer, newer):
            assert client.get("/", headers=bearer(one.token("alice"))).text == "alice"
        assert program["auth"].keys.status()["fetches"].keys() == {"cold", "unknown_kid"}

    def test_a_subclass_queries_a_database(
        self, run: Run, issuer: TokenIssuer, workplace: Path
    ) -> None:
        """The subclass takes the options of the provider."""
        self.write(workplace / "keys.sqlite", issuer)
        program = run(self.DOCUMENT, "class DatabaseKeyProvider")
        client = client_behind(requirement(program))
        assert client.get("/", headers=bearer(issuer.token("alice"))).text == "alice"
        assert program["auth"].keys.ttl == 60
