"""The programs of ``docs/testing.rst``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from flask import Request

from flask_jwtlib import BearerToken, TokenExtractor
from flask_jwtlib.testing import BAD_CREDENTIALS, GOOD_TOKENS
from flask_jwtlib.testing.contracts import ContractError, check

from .conftest import ROOT, programs

Run = Callable[[str, str], dict[str, Any]]

TESTING = "docs/testing.rst"


@pytest.mark.parametrize("containing", ["def test_reports()", "def test_tenants"])
def test_the_tests_pass(run: Run, containing: str) -> None:
    """The test functions that the page shows pass."""
    names = run(TESTING, containing)
    tests = [value for name, value in names.items() if name.startswith("test_") and callable(value)]
    assert tests
    for test in tests:
        test()


pytest_plugins = ["pytester"]


def test_the_parametrised_tests_pass(pytester: pytest.Pytester) -> None:
    """The test module of the page with every bad token passes, in a project of its own."""
    (program,) = (each for each in programs(TESTING) if "BAD_CREDENTIALS" in each.text)
    pytester.makepyfile(program.text)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    passed = len(BAD_CREDENTIALS) + len(GOOD_TOKENS)
    result.assert_outcomes(passed=passed)


def test_the_page_names_every_rule() -> None:
    """The table has each rule that a bad token or request names."""
    text = (ROOT / TESTING).read_text(encoding="utf-8")
    rows = text.partition("   * - ``rule``\n")[2].partition("\n\n")[0]
    assert {bad.rule for bad in BAD_CREDENTIALS} - {None} == set(
        re.findall(
            r"``([^`]+)``",
            "".join(line for line in rows.splitlines() if line.startswith("   * - ")),
        )
    )


def test_the_tests_of_the_example_pass(pytester: pytest.Pytester) -> None:
    """``python -m pytest examples/tested_app.py`` passes, with every bad and good token."""
    example = ROOT / "examples" / "tested_app.py"

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", str(example))

    result.assert_outcomes(passed=len(BAD_CREDENTIALS) + len(GOOD_TOKENS) + 3)


class FirstTicketExtractor(TokenExtractor):
    """The extractor that the page describes."""

    vary = ("X-Ticket",)

    def extract(self, request: Request) -> BearerToken | None:
        """Take the first ticket."""
        ticket = request.headers.get("X-Ticket", "").partition(",")[0]
        return BearerToken(ticket, source="ticket") if ticket else None


def test_the_report_is_that_of_check() -> None:
    """The page shows what ``check`` says about an extractor."""
    with pytest.raises(ContractError) as error:
        check(FirstTicketExtractor())
    shown = textwrap.indent(str(error.value), "    ")
    assert shown.replace("\n    \n", "\n\n") in (ROOT / TESTING).read_text(encoding="utf-8")
