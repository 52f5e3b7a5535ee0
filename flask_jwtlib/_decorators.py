"""Decorators of views and guards of blueprints and apps, which send requests through a ``Pipeline``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from ._flask.decorator_order import remember
from ._flask.marks import is_exempt, mark
from ._flask.state import current_request
from ._flask.view_wrapper import wrap_view
from ._pipeline import Pipeline
from .claim_rules import ClaimRule, as_rules

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

__all__ = ["decorate_view", "decorator", "guard"]


def decorator(
    view: Any,
    *,
    authenticator: object,
    pipeline: Pipeline,
    rules: Iterable[ClaimRule],
    optional: bool,
) -> Any:
    """Decorate a view, or return a decorator if there is no view yet: it was used with parentheses.

    Raises:
        ConfigurationError: The view isn't a function, or a rule isn't callable.
    """
    decorate = partial(
        decorate_view,
        authenticator=authenticator,
        pipeline=pipeline,
        rules=as_rules(rules),
        optional=optional,
    )
    return decorate if view is None else decorate(view)


def decorate_view(
    view: Any,
    *,
    authenticator: object,
    pipeline: Pipeline,
    rules: tuple[ClaimRule, ...],
    optional: bool,
) -> Any:
    """Wrap a view, so that only requests that the pipeline accepts reach it.

    The audit recognises a decorator by this function and reads its keyword arguments.
    """
    wrapped = wrap_view(view, partial(pipeline.enter, authenticator, rules, optional))
    mark(wrapped, "optional" if optional else "required", by=authenticator, view=view)
    return remember(view, wrapped)


def guard(
    *, authenticator: object, pipeline: Pipeline, rules: Iterable[ClaimRule]
) -> Callable[[], ResponseReturnValue | None]:
    """Return a function for ``before_request``.

    Raises:
        ConfigurationError: A rule isn't callable.
    """
    checked = as_rules(rules)

    def check() -> ResponseReturnValue | None:
        if is_exempt(current_request()):
            return None
        return pipeline.enter(authenticator, checked, optional=False)[0]

    return mark(check, "guard", by=authenticator)
