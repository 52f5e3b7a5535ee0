"""List the skipped tests, and fail in CI if there are any: a skipped test checks nothing.

The tests in tests/browser may be skipped: CI doesn't install a browser.
"""

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def skipped(report: Path) -> list[str]:
    """List the skipped tests of a JUnit report, each with its reason."""
    return [
        f"{report.stem}: {case.get('classname')}::{case.get('name')}: {skip.get('message')}"
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - this run of pytest wrote it
        for skip in case.iter("skipped")
        # pytest also reports expected failures as skipped, because JUnit has no word for them. They ran.
        if skip.get("type") != "pytest.xfail"
    ]


def main() -> None:
    """Read the reports whose paths are the arguments."""
    reports = [Path(argument) for argument in sys.argv[1:]]
    found = [line for report in reports for line in skipped(report)]
    print(*found, f"{len(found)} skipped tests in {len(reports)} runs", sep="\n")
    needed = [line for line in found if ": tests.browser." not in line]
    if needed and os.environ.get("CI") == "true":
        sys.exit(1)


main()
