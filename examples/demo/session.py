"""The session that is played: each request, and the answer that it should get."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from typing import Any

from attrs import define, field

from examples.issuer import RotatingIssuer
from flask_jwtlib.log_text import one_line
from flask_jwtlib.testing import TokenIssuer

from .api import AUDIENCE, TTL
from .servers import send
from .terminal import Terminal

__all__ = ["Session"]

_READ = "reports:read"


@define
class Session:
    """Sends requests to the API, shows them, and holds the answers against what is expected.

    Args:
        issuer: The issuer that the API trusts.
        port: The API's port.
        terminal: Where to show it.

    Attributes:
        played: How many requests were sent.
        surprises: How many answers were not as expected.
    """

    issuer: RotatingIssuer
    port: int
    terminal: Terminal
    played: int = field(default=0, init=False)
    surprises: int = field(default=0, init=False)

    def play(self) -> None:
        """Play it from the beginning to the end."""
        self._refusals()
        self._rotation()

    def _refusals(self) -> None:
        good = self.issuer.token(aud=AUDIENCE, scope=_READ)
        forger = TokenIssuer(self.issuer.name, kid="key-1", lifetime=3600)
        self._request(
            "No token",
            "Nobody says who is calling. The challenge names the scheme, and no error.",
            expect=(401, "Bearer"),
        )
        self._request(
            "A good token",
            "Signed by the issuer, made for this API, in time, and with the scope of the route.",
            token=good,
            expect=(200, None),
        )
        self._request(
            "An expired token",
            "The same, but its time was over a minute ago.",
            token=self.issuer.token(aud=AUDIENCE, scope=_READ, exp=int(time.time()) - 60),
            expect=(401, "expired"),
        )
        self._request(
            "A forged token",
            "It says the same and names the issuer's key; somebody else's key signed it.",
            token=forger.token(aud=AUDIENCE, scope=_READ),
            expect=(401, "signature is invalid"),
        )
        self._request(
            "A token for another audience",
            "The issuer signed it, for another API. Whoever runs that one can't use it here.",
            token=self.issuer.token(aud="https://payroll.example", scope=_READ),
            expect=(401, "another audience"),
        )
        self._request(
            "A token without the scope",
            "The caller is known and may read. Deleting needs another scope, which is named: 403.",
            method="DELETE",
            path="/reports/2024",
            token=good,
            expect=(403, 'scope="reports:delete"'),
        )

    def _rotation(self) -> None:
        old = self.issuer.token(aud=AUDIENCE, scope=_READ)
        self._meanwhile("The issuer publishes key-2 beside key-1, and signs with it from now on.")
        self.issuer.publish()
        self.issuer.switch()
        new = self.issuer.token(aud=AUDIENCE, scope=_READ)
        self._request(
            "The new key",
            "The API did not know it, and fetched the issuer's key set again, for this request.",
            token=new,
            expect=(200, None),
        )
        self._request(
            "The old key, still published",
            "Tokens that were signed with key-1 before live out their time.",
            token=old,
            expect=(200, None),
        )
        self._meanwhile("The issuer withdraws key-1.")
        self.issuer.withdraw()
        self._let_keys_age()
        self._request(
            "The old key, withdrawn",
            "Its tokens are not expired, and are refused: no key of the issuer's verifies them.",
            token=old,
            expect=(401, "signing key is unknown"),
        )
        self._request(
            "The new key, again",
            "Nobody else noticed.",
            token=new,
            expect=(200, None),
        )

    def _request(
        self,
        title: str,
        explanation: str,
        *,
        expect: tuple[int, str | None],
        method: str = "GET",
        path: str = "/reports",
        token: str | None = None,
    ) -> None:
        self.played += 1
        terminal = self.terminal
        answer = send(self.port, method, path, token)
        terminal.line()
        terminal.line(f"{self.played:2}. {title}", "bold")
        terminal.indented(explanation, "dim")
        terminal.indented(f"{method} {path} HTTP/1.1", "cyan", mark="> ")
        if token is not None:
            terminal.indented(f"Authorization: Bearer {token[:16]}...", "cyan", mark="> ")
            terminal.indented(f"which says: {_described(token)}", "dim", mark="  ")
        colour = "green" if answer.status < 400 else "yellow"
        terminal.indented(f"HTTP/1.1 {answer.status} {answer.reason}", colour, mark="< ")
        if answer.challenge is not None:
            first, *others = f"WWW-Authenticate: {answer.challenge}".replace(
                ", ", ",\n"
            ).splitlines()
            terminal.indented(first, colour, mark="< ")
            for other in others:
                terminal.indented(other, colour, mark="      ")
        for line in answer.body.decode("utf-8", "backslashreplace").splitlines():
            terminal.indented(one_line(line), colour, mark="< ")
        status, challenge = expect
        as_expected = answer.status == status and (
            answer.challenge is None
            if challenge is None
            else answer.challenge is not None and challenge in answer.challenge
        )
        if not as_expected:
            self.surprises += 1
            wanted = f"{status} and {challenge or 'no challenge'}"
            terminal.indented(f"This is not what should have come: {wanted}", "red", "bold")

    def _meanwhile(self, event: str) -> None:
        self.terminal.line()
        self.terminal.line(f"--- {event}", "bold", "cyan")

    def _let_keys_age(self) -> None:
        self.terminal.line(
            f"    The API fetches keys again when they are {TTL:g} s old (300 is usual): waiting.",
            "dim",
        )
        time.sleep(TTL + 0.1)


def _described(token: str) -> str:
    """What a token says of itself, true or not."""
    header, claims = (_decoded(part) for part in token.split(".")[:2])
    seconds = claims["exp"] - time.time()
    expiry = f"good for {seconds / 60:.0f} min" if seconds > 0 else f"expired {-seconds:.0f} s ago"
    return f"{header['kid']}, {claims['sub']}, for {claims['aud']}, {claims['scope']}, {expiry}"


def _decoded(part: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members
