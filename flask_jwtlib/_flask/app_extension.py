"""What ``app.extensions["flask_jwtlib"]`` has."""

from __future__ import annotations

from typing import Any

from flask import Flask

__all__ = ["AppExtension"]


class AppExtension:
    """The authenticators of one app.

    Attributes:
        protected_by: The one that denies by default, or None.
        late_configured: For each ``AppAuthenticator``, the ``Authenticator`` that it has in this app.
    """

    def __init__(self) -> None:
        self.protected_by: Any = None
        self.late_configured: dict[Any, Any] = {}

    @classmethod
    def of(cls, app: Flask) -> AppExtension:
        """Return the extension of an app, which is created if necessary."""
        extension: AppExtension = app.extensions.setdefault("flask_jwtlib", cls())
        return extension
