"""The demonstration's session: each request, and the response that it should get."""

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
    """Sends requests to the API, shows them, and compares each response with the expected one.

    Args:
        issuer: The issuer that the API trusts.
        port: The API's port.
        terminal: Where to show the session.

    Attributes:
        sent: Number of requests sent.
        unexpected: Number of responses that were not as expected.
    """

    issuer: RotatingIssuer
    port: int
    terminal: Terminal
    sent: int = field(default=0, init=False)
    unexpected: int = field(default=0, init=False)

    def run(self) -> None:
        """Send all requests, in order."""
        self._refusals()
        self._rotation()

    def _refusals(self) -> None:
        good = self.issuer.token(aud=AUDIENCE, scope=_READ)
        forger = TokenIssuer(self.issuer.name, kid="key-1", lifetime=3600)
        self._request(
            "No token",
            "The request doesn't say who is calling. The challenge names the scheme, and no error.",
            expect=(401, "Bearer"),
        )
        self._request(
            "A valid token",
            "The issuer signed it for this API, it has not expired, and it has the route's scope.",
            token=good,
            expect=(200, None),
        )
        self._request(
            "An expired token",
            "The same claims, but the token expired a minute ago.",
            token=self.issuer.token(aud=AUDIENCE, scope=_READ, exp=int(time.time()) - 60),
            expect=(401, "expired"),
        )
        self._request(
            "A forged token",
            "It has the same claims and names the issuer's key, but another key signed it.",
            token=forger.token(aud=AUDIENCE, scope=_READ),
            expect=(401, "signature is invalid"),
        )
        self._request(
            "A token for another audience",
            "The issuer signed it for another API. That API's operator can't use it here.",
            token=self.issuer.token(aud="https://payroll.example", scope=_READ),
            expect=(401, "another audience"),
        )
        self._request(
            "A token without the scope",
            "The caller may read. Deleting requires another scope, which the challenge names.",
            method="DELETE",
            path="/reports/2024",
            token=good,
            expect=(403, 'scope="reports:delete"'),
        )

    def _rotation(self) -> None:
        old = self.issuer.token(aud=AUDIENCE, scope=_READ)
        self._meanwhile("The issuer publishes key-2 next to key-1, and signs new tokens with it.")
        self.issuer.publish()
        self.issuer.switch()
        new = self.issuer.token(aud=AUDIENCE, scope=_READ)
        self._request(
            "The new key",
            "The API doesn't know key-2 yet, so it fetches the issuer's key set again.",
            token=new,
            expect=(200, None),
        )
        self._request(
            "The old key, still published",
            "Tokens that key-1 signed earlier are valid until they expire.",
            token=old,
            expect=(200, None),
        )
        self._meanwhile("The issuer withdraws key-1.")
        self.issuer.withdraw()
        self._let_keys_age()
        self._request(
            "The old key, withdrawn",
            "The token has not expired, but no key of the issuer verifies it any more.",
            token=old,
            expect=(401, "signing key is unknown"),
        )
        self._request(
            "The new key, again",
            "Tokens that key-2 signed are not affected.",
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
        self.sent += 1
        terminal = self.terminal
        response = send(self.port, method, path, token)
        terminal.line()
        terminal.line(f"{self.sent:2}. {title}", "bold")
        terminal.indented(explanation, "dim")
        terminal.indented(f"{method} {path} HTTP/1.1", "cyan", mark="> ")
        if token is not None:
            terminal.indented(f"Authorization: Bearer {token[:16]}...", "cyan", mark="> ")
            terminal.indented(f"its claims: {_described(token)}", "dim", mark="  ")
        colour = "green" if response.status < 400 else "yellow"
        terminal.indented(f"HTTP/1.1 {response.status} {response.reason}", colour, mark="< ")
        if response.challenge is not None:
            first, *others = f"WWW-Authenticate: {response.challenge}".replace(
                ", ", ",\n"
            ).splitlines()
            terminal.indented(first, colour, mark="< ")
            for other in others:
                terminal.indented(other, colour, mark="      ")
        for line in response.body.decode("utf-8", "backslashreplace").splitlines():
            terminal.indented(one_line(line), colour, mark="< ")
        status, challenge = expect
        as_expected = response.status == status and (
            response.challenge is None
            if challenge is None
            else response.challenge is not None and challenge in response.challenge
        )
        if not as_expected:
            self.unexpected += 1
            expected = f"{status} and {challenge or 'no challenge'}"
            terminal.indented(f"Unexpected response. Expected: {expected}", "red", "bold")

    def _meanwhile(self, event: str) -> None:
        self.terminal.line()
        self.terminal.line(f"--- {event}", "bold", "cyan")

    def _let_keys_age(self) -> None:
        self.terminal.line(
            f"    Waiting {TTL:g} s until the API fetches the keys again (by default after 300 s).",
            "dim",
        )
        time.sleep(TTL + 0.1)


def _described(token: str) -> str:
    """Describe a token by its header and claims, without verifying it."""
    header, claims = (_decoded(part) for part in token.split(".")[:2])
    seconds = claims["exp"] - time.time()
    expiry = f"valid for {seconds / 60:.0f} min" if seconds > 0 else f"expired {-seconds:.0f} s ago"
    return f"{header['kid']}, {claims['sub']}, for {claims['aud']}, {claims['scope']}, {expiry}"


def _decoded(part: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return members
