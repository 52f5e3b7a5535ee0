"""Documents for the tests of ``openapi``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Flask
from openapi_spec_validator import validate

from flask_jwtlib_strategies.integrations.openapi import add_security

VERSIONS = ("3.0.3", "3.1.0")
"""Whose requirements differ."""


def fresh() -> Callable[..., str]:
    """Make a view that no other test decorates."""
    return lambda *_, **__: "in"


def bare(app: Flask, version: str = "3.1.0", **members: Any) -> dict[str, Any]:
    """Return a document of all routes of an app but "static", without anything about security."""
    paths: dict[str, Any] = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in sorted(rule.arguments)
        ]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation = {"parameters": parameters, "responses": {"200": {"description": "OK"}}}
            paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": version,
        "info": {"title": "API", "version": "1"},
        "paths": paths,
        **members,
    }


def secured(app: Flask, version: str = "3.1.0", **members: Any) -> dict[str, Any]:
    """Return the same with security. A validator accepts it."""
    document = add_security(bare(app, version, **members), app)
    validate(document)
    return document


def operation_of(
    app: Flask, path: str = "/", method: str = "get", version: str = "3.1.0", **members: Any
) -> dict[str, Any]:
    """Return an operation of the same, with its references resolved."""
    document = secured(app, version, **members)
    operation: dict[str, Any] = dict(document["paths"][path][method])
    operation["responses"] = {
        status: resolved(document, response) for status, response in operation["responses"].items()
    }
    return operation


def resolved(document: dict[str, Any], member: dict[str, Any]) -> Any:
    """Return what a reference refers to."""
    found: Any = member
    while "$ref" in found:
        place = document
        for name in found["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        found = place
    return found
