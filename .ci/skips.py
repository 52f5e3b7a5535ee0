"""Fail in CI if a test run skipped a test: it showed nothing, and nobody reads a green log."""

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def skipped(report: Path) -> list[str]:
    """Name the tests of a JUnit report that were skipped, each with its reason."""
    return [
        f"{report.stem}: {case.get('classname')}::{case.get('name')}: {skip.get('message')}"
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - pytest of this run wrote it
        for skip in case.iter("skipped")
        # An expected failure did run. JUnit has no word for it, so pytest files it here too.
        if skip.get("type") != "pytest.xfail"
    ]


def main() -> None:
    """Take the reports' paths from the command line."""
    reports = [Path(argument) for argument in sys.argv[1:]]
    found = [line for report in reports for line in skipped(report)]
    print(*found, f"{len(found)} skipped tests in {len(reports)} runs", sep="\n")
    if found and os.environ.get("CI") == "true":
        sys.exit(1)


main()
