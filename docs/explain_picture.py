"""Puts the output of ``flask jwtlib explain`` into the documentation. ``make pictures`` runs it.

It draws ``docs/explain.svg``, and writes the same as text into ``docs/explain.rst``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from unittest import mock
from xml.sax.saxutils import escape

import click
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from flask_jwtlib import Audience, Authenticator, Issuer, JWTValidator, Scope
from flask_jwtlib.cli import jwtlib
from flask_jwtlib.testing import TokenIssuer

PICTURE = Path(__file__).with_name("explain.svg")
PAGE = Path(__file__).with_name("explain.rst")
COMMAND = ["explain", "-", "--endpoint", "orders"]
SHOWN = f"$ flask jwtlib {' '.join(COMMAND)} < token.txt"
ISSUER = "https://login.example/realms/shop"
# In seconds since the epoch: 1 January 2026.
ISSUED = 1_767_225_600.0
# Of the terminal, in characters.
WIDTH = 96
# Of a character, and around the text, in pixels.
ADVANCE, LINE, MARGIN = 7.8, 18, 16
STYLES = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow"}
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
role="img" aria-labelledby="title desc">
<title id="title">flask jwtlib explain refuses a token</title>
<desc id="desc">A terminal with the steps of the decision as a table, the response, the cause and its cure. \
The documentation has them as text, too.</desc>
<style>
text {{ font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }}
.page {{ fill: #f6f8fa; stroke: #d1d9e0 }}
.bold {{ font-weight: 600 }}
.dim {{ fill: #6e7781 }}
.red {{ fill: #cf222e }}
.green {{ fill: #1a7f37 }}
.yellow {{ fill: #9a6700 }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3 }}
.page {{ fill: #0d1117; stroke: #3d444d }}
.dim {{ fill: #8b949e }}
.red {{ fill: #ff7b72 }}
.green {{ fill: #3fb950 }}
.yellow {{ fill: #d29922 }}
}}
</style>
<rect class="page" x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8"/>
"""


def issuer(kid: str, number: int) -> TokenIssuer:
    """Return an issuer whose key is the same in each run."""
    key = ec.derive_private_key(number, ec.SECP256R1())
    return TokenIssuer(ISSUER, algorithm="ES256", kid=kid, private_key=key, clock=lambda: ISSUED)


def printed() -> str:
    """Return what the command prints about the token of a Keycloak without an audience mapper."""
    current, old = issuer("2026-01", 20_260_101), issuer("2025-07", 20_250_701)
    auth = Authenticator(
        keys=[current.verification_key, old.verification_key],
        validator=JWTValidator(
            algorithms=["ES256"],
            rules=[Issuer(ISSUER), Audience("https://api.shop.example")],
            clock=lambda: ISSUED + 60,
        ),
    )
    app = Flask("shop")
    view = auth.requires_authentication(lambda: "", rules=[Scope("orders:read")])
    app.add_url_rule("/orders", "orders", view)
    token = current.token("ada", aud="account", azp="shop-web", scope="orders:read")
    with mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH), "NO_COLOR": "", "TERM": "xterm"}):
        return app.test_cli_runner().invoke(jwtlib, COMMAND, input=token, color=True).stdout


def picture() -> str:
    """Return the picture."""
    lines = printed().rstrip("\n").split("\n")
    lines = [f"\x1b[1m{SHOWN}\x1b[0m", "", *lines]
    width, height = round(WIDTH * ADVANCE) + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    head = HEAD.format(width=width, height=height, inner_width=width - 1, inner_height=height - 1)
    drawn = (text for place, line in enumerate(lines) for text in _texts(line, place))
    return head + "".join(drawn) + "</svg>\n"


def _texts(line: str, place: int) -> Iterator[str]:
    """Draw each word or phrase of a line at its column, since browsers have different fonts."""
    styles: list[str] = []
    column = 0
    y = MARGIN + place * LINE + 13
    for part in re.split(r"(\x1b\[\d*m)", line):
        code = re.fullmatch(r"\x1b\[(\d*)m", part)
        if code is not None:
            styles = [*styles, STYLES[code[1]]] if code[1] in STYLES else []
            continue
        for phrase in re.finditer(r"\S+(?: \S+)*", part):
            x = MARGIN + (column + phrase.start()) * ADVANCE
            length = len(phrase[0]) * ADVANCE
            named = f' class="{" ".join(styles)}"' if styles else ""
            yield (
                f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
                f"{named}>{escape(phrase[0])}</text>\n"
            )
        column += len(part)


def page() -> str:
    """Return the documentation's page, with the present output."""
    before, command, rest = PAGE.read_text(encoding="utf-8").partition(f"    {SHOWN}\n")
    block = re.match(r"(?: {4}.*\n|\n)*", rest)
    output = click.unstyle(printed()).rstrip("\n")
    after = rest[block.end() if block else 0 :]
    return f"{before}{command}\n{indent(output, ' ' * 4)}\n\n{after}"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
