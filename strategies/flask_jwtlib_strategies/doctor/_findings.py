"""What an examination finds."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from flask_jwtlib.log_text import one_line

__all__ = ["Finding", "Level", "Report"]

Level = Literal["OK", "WARN", "FAIL"]
"""``"FAIL"``: tokens are refused, or wrong ones accepted. ``"WARN"``: that may happen. ``"OK"``: neither."""

_LONGEST_NAME = 200
_LONGEST_TEXT = 1000


def _as_name(text: str) -> str:
    return one_line(text, _LONGEST_NAME)


def _as_text(text: str) -> str:
    return one_line(text, _LONGEST_TEXT)


@frozen
class Finding:
    """The result of one check. All texts are safe for a terminal and a log: they show no query of a URL.

    Attributes:
        level: How bad it is.
        subject: What was examined: a key provider and the issuer, URL or place of its keys, or the app.
        check: What was checked, such as ``"issuer"``.
        text: What was found.
        cure: What to change, in one sentence; empty if nothing needs to be changed.
    """

    level: Level
    subject: str = field(converter=_as_name)
    check: str = field(converter=_as_name)
    text: str = field(converter=_as_text)
    cure: str = field(default="", converter=_as_text)


class Report:
    """The findings about one subject so far.

    Args:
        subject: What is examined.

    Attributes:
        findings: The findings.
    """

    def __init__(self, subject: str) -> None:
        self.findings: list[Finding] = []
        self._subject = subject

    @property
    def failed(self) -> bool:
        """Whether a check has failed."""
        return any(finding.level == "FAIL" for finding in self.findings)

    def ok(self, check: str, text: str) -> None:
        """Add that nothing needs to be changed."""
        self.findings.append(Finding("OK", self._subject, check, text))

    def warn(self, check: str, text: str, cure: str) -> None:
        """Add a possible problem."""
        self.findings.append(Finding("WARN", self._subject, check, text, cure))

    def fail(self, check: str, text: str, cure: str) -> None:
        """Add a problem."""
        self.findings.append(Finding("FAIL", self._subject, check, text, cure))
