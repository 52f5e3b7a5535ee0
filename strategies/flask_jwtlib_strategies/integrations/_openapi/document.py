"""An OpenAPI document that gets what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from itertools import count
from typing import Any, cast

from attrs import field, frozen

from flask_jwtlib import ConfigurationError

from .._peers import peer

__all__ = ["Document"]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_VERSION = re.compile(r"3\.(\d+)(?:\.\S*)?")
# The methods of apispec that add a component to a section.
_ADDING = {"securitySchemes": "security_scheme", "schemas": "schema", "responses": "response"}


def _member(owner: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member of a document, which is added if it is absent, or empty as in YAML."""
    if owner.get(name) is None:
        owner[name] = {}
    found: dict[str, Any] = owner[name]
    return found


def _always(_: Any, __: Any) -> bool:
    return True


@frozen(eq=False)
class Document:
    """An OpenAPI document, which is changed in place.

    Attributes:
        content: The document. The components of an ``APISpec`` are added to the ``APISpec`` itself.
        minor: The second part of its version: 0 for OpenAPI 3.0, 1 for 3.1.
    """

    content: dict[str, Any]
    minor: int
    _add: Callable[[str, str, dict[str, Any]], object]
    # The components that were asked for. A document may have further ones.
    _named: dict[tuple[str, str], dict[str, Any]] = field(
        factory=dict[tuple[str, str], dict[str, Any]]
    )

    @classmethod
    def of(cls, spec: Any) -> Document:
        """Return the document of a ``dict`` or of apispec's ``APISpec``.

        Raises:
            ConfigurationError: It is anything else, or not a document of OpenAPI 3.
            ModuleNotFoundError: It isn't a ``dict``, and apispec isn't installed.
        """
        if isinstance(spec, dict):
            content = cast("dict[str, Any]", spec)

            def add(section: str, name: str, definition: dict[str, Any]) -> None:
                _member(_member(content, "components"), section)[name] = definition

        elif isinstance(spec, peer("apispec", "apispec").APISpec):
            # Its operations are those of the APISpec, not copies.
            content = spec.to_dict()

            def add(section: str, name: str, definition: dict[str, Any]) -> None:
                getattr(spec.components, _ADDING[section])(name, definition)

        else:
            raise ConfigurationError(
                f"add_security takes an APISpec, such as api.spec of flask-smorest, or a document as a dict, "
                f"not {type(spec).__name__}"
            )
        version = _VERSION.fullmatch(str(content.get("openapi")))
        if version is None:
            raise ConfigurationError(
                f"the document's version is {content.get('openapi', content.get('swagger'))!r}, expected "
                "OpenAPI 3, such as '3.1.0'"
            )
        return cls(content, int(version[1]), add)

    @property
    def has_security(self) -> bool:
        """Whether it has a requirement for all operations that don't state their own."""
        return bool(self.content.get("security"))

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return each operation, with its path and its method in upper case."""
        paths: object = self.content.get("paths") or {}
        for path, item in cast("dict[Any, Any]", paths).items():
            for method in _METHODS if isinstance(item, Mapping) else ():
                operation = cast("Any", item).get(method)
                if isinstance(operation, dict):
                    yield str(path), method.upper(), cast("dict[str, Any]", operation)

    def defined(self, section: str, name: str) -> Any:
        """Return the component of a name, or None."""
        components: dict[str, Any] = self.content.get("components") or {}
        present: dict[str, Any] = components.get(section) or {}
        return present.get(name, self._named.get((section, name)))

    def component(
        self,
        section: str,
        name: str,
        definition: dict[str, Any],
        *,
        fits: Callable[[Any, dict[str, Any]], bool] = _always,
    ) -> str:
        """Return the name of a component, which is added if the document doesn't have it.

        If the name is taken, the component's name ends with a number.

        Args:
            section: The section of ``components``.
            name: The name.
            definition: The component.
            fits: Whether a component of this name that the document has is used in place of the definition.
        """
        for number in count(1):
            numbered = name if number == 1 else f"{name}{number}"
            known = self._named.get((section, numbered))
            if known is not None:
                if known == definition:
                    return numbered
                continue
            present = self.defined(section, numbered)
            if present is not None and not fits(present, definition):
                continue
            self._named[section, numbered] = definition
            if present is None:
                # The document's owner may change it. Ours are shared by all documents.
                self._add(section, numbered, deepcopy(definition))
            return numbered
        raise AssertionError  # pragma: no cover
