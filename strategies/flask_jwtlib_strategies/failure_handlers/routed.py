"""A failure handler for each blueprint or path."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from attrs import Attribute, field, frozen
from flask import Request, current_app

from flask_jwtlib import (
    AuthenticationError,
    ConfigurationError,
    FailureHandler,
    VerificationUnavailable,
)
from flask_jwtlib.dry_run import is_dry_run
from flask_jwtlib.log_text import library_logger

from ._wrapped import check_handler, current_request, set_realm

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

__all__ = ["RoutedHandler"]

_logger = library_logger("flask_jwtlib")


def _handlers(option: str, given: Any, example: str) -> dict[str, FailureHandler]:
    several: object = given
    if not isinstance(several, Mapping):
        raise ConfigurationError(
            f"{option} is {given!r}, expected a dict, such as {option}={{{example!r}: …}}"
        )
    handlers = cast("Mapping[Any, FailureHandler]", several)
    for name, handler in handlers.items():
        if not isinstance(name, str) or not name:
            raise ConfigurationError(
                f"{option} has {name!r}, expected a name such as {example!r}: {option}={{{example!r}: …}}"
            )
        check_handler(f"RoutedHandler(…, {option}=…)", handler)
    return dict(handlers)


def _check_blueprints(given: Mapping[str, FailureHandler]) -> Mapping[str, FailureHandler]:
    return MappingProxyType(_handlers("blueprints", given, "api"))


def _check_paths(given: Mapping[str, FailureHandler]) -> Mapping[str, FailureHandler]:
    found: dict[str, FailureHandler] = {}
    for path, handler in _handlers("paths", given, "/api").items():
        prefix = path.rstrip("/")
        if not prefix.startswith("/") or "//" in prefix or prefix in found:
            raise ConfigurationError(
                f"paths has {path!r}, expected different paths such as '/api', which includes "
                "'/api/reports'. The handler of all other paths is the first argument"
            )
        found[prefix] = handler
    # The longest one first.
    return MappingProxyType(dict(sorted(found.items(), key=lambda each: -len(each[0]))))


def _check_default(_: object, __: Attribute[Any], value: object) -> None:
    check_handler("RoutedHandler", value)


@frozen(eq=False)
class RoutedHandler(FailureHandler):
    """Chooses another failure handler by the request's blueprint or path.

    ::

        RoutedHandler(
            LoginRedirectHandler("auth.login"),
            blueprints={"api": ProblemDetailsHandler()},
            paths={"/api": ProblemDetailsHandler()},
        )

    A request for an unknown path has no blueprint: name the path as well if the app refuses such requests, as
    with ``protect``.

    Args:
        default: Responds to all other requests.
        blueprints: The handlers of blueprints, by their names. That of a nested blueprint, ``"api.v1"``, goes
            before that of its parent, and a blueprint's before that of a path.
        paths: The handlers of paths. ``"/api"`` is for ``/api`` and everything below it, but not for
            ``/apis``. The longest path is used. ``SCRIPT_NAME`` doesn't belong to the path, and case matters,
            as it does in routes.

    Raises:
        ConfigurationError: An argument isn't a failure handler, or a name or a path is wrong.
    """

    default: FailureHandler = field(validator=_check_default)
    blueprints: Mapping[str, FailureHandler] = field(
        factory=dict[str, FailureHandler], converter=_check_blueprints, kw_only=True
    )
    paths: Mapping[str, FailureHandler] = field(
        factory=dict[str, FailureHandler], converter=_check_paths, kw_only=True
    )
    # The names of blueprints that the app doesn't have and that were logged.
    _reported: set[str] = field(init=False, factory=set[str], repr=False)

    def deny(self, error: AuthenticationError | VerificationUnavailable) -> ResponseReturnValue:
        """Return the response of the handler for the request's blueprint or path."""
        handler = self._chosen()
        set_realm(error, handler)
        return handler.deny(error)

    def anonymous(self, error: AuthenticationError) -> None:
        """Tell the handler for the request's blueprint or path."""
        handler = self._chosen()
        set_realm(error, handler)
        handler.anonymous(error)

    def _chosen(self) -> FailureHandler:
        request = current_request()
        return self.default if request is None else self._for(request)

    def _for(self, request: Request) -> FailureHandler:
        # The innermost one first.
        for name in request.blueprints:
            if name in self.blueprints:
                return self.blueprints[name]
        unknown = self.blueprints.keys() - current_app.blueprints.keys() - self._reported
        for name in () if is_dry_run() else unknown:
            self._reported.add(name)
            _logger.error(
                "RoutedHandler has a handler for the blueprint %s, which the app doesn't have", name
            )
        path = f"{request.path}/"
        for prefix, handler in self.paths.items():
            if path.startswith(f"{prefix}/"):
                return handler
        return self.default
