"""The view that a token is explained for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from attrs import frozen
from flask import Flask
from flask.testing import EnvironBuilder
from werkzeug.routing import Rule

from ..errors import ConfigurationError

__all__ = ["Target"]

_WITHOUT_VIEW = frozenset({"HEAD", "OPTIONS"})


@frozen(kw_only=True)
class Target:
    """The view that the token is sent to.

    Attributes:
        endpoint: Its endpoint; None for no view.
        method: The request's method; None for one that fits the view.
        view_args: The arguments in its URL.
    """

    endpoint: str | None = None
    method: str | None = None
    view_args: Mapping[str, Any]

    def method_for(self, app: Flask, usual: str) -> str:
        """Return the request's method.

        Args:
            app: The app.
            usual: The method with which the extractor finds a token.
        """
        if self.method is not None:
            return self.method.upper()
        accepted: set[str] = set()
        for rule in self._rules(app):
            accepted |= rule.methods or {usual}
        if not accepted or usual in accepted:
            return usual
        return min(accepted - _WITHOUT_VIEW or accepted)

    def url(self, app: Flask, method: str) -> str:
        """Return the URL of the view.

        Raises:
            ConfigurationError: The app has no such endpoint, or its URL needs other arguments.
        """
        endpoint = self.endpoint
        if endpoint is None:
            return "/"
        rules = self._rules(app)
        if not rules:
            raise ConfigurationError(
                f"the app {app.name!r} has no endpoint {endpoint!r}; `flask jwtlib routes` lists them"
            )
        arguments = dict(self.view_args)
        app.inject_url_defaults(endpoint, arguments)
        adapter: Any = app.create_url_adapter(_request(app, "/"))
        try:
            url: str = adapter.build(endpoint, arguments, method, force_external=True)
        # A converter raises anything for a value of another type.
        except Exception as error:
            raise ConfigurationError(
                f"no URL of {endpoint!r} fits the method {method} and the arguments "
                f"{sorted(arguments)}: {_needed(rules)}"
            ) from error
        if "?" in url:
            raise ConfigurationError(
                f"no URL of {endpoint!r} has all the arguments {sorted(arguments)}: {_needed(rules)}"
            )
        return url

    def _rules(self, app: Flask) -> list[Rule]:
        return [rule for rule in app.url_map.iter_rules() if rule.endpoint == self.endpoint]


def _request(app: Flask, path: str) -> Any:
    builder = EnvironBuilder(app, path)
    try:
        return app.request_class(builder.get_environ())
    finally:
        builder.close()


def _needed(rules: list[Rule]) -> str:
    """Describe what the URLs of an endpoint need."""
    return "; ".join(
        f"{rule.rule} takes {', '.join(_arguments(rule)) or 'no arguments'} and the methods "
        f"{', '.join(sorted(rule.methods or ['any']))}"
        for rule in rules
    )


def _arguments(rule: Rule) -> list[str]:
    arguments = cast("set[str]", cast("Any", rule).arguments)
    return sorted(arguments)
