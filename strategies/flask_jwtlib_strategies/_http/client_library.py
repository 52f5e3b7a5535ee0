"""The HTTP library ``requests``, which the extra ``http`` installs."""

from __future__ import annotations

try:
    import requests
    from urllib3 import Timeout
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"fetching keys over HTTP needs the package {error.name}, which isn't installed: "
        "python -m pip install 'flask-jwtlib[http]'",
        name=error.name,
        path=error.path,
    ) from error

__all__ = ["Timeout", "requests"]
