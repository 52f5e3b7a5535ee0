"""Every extractor, failure handler and policy of the generated tests, in one document for each version."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView

from flask_jwtlib import Authenticator, Policy, Role, Scope
from flask_jwtlib.testing import TokenIssuer
from tests.strategies.combinations import PLACES, REFUSERS

from .kit import VERSIONS, resolved, secured

WITH_SCOPES = {"oauth2", "openIdConnect"}
EITHER: Policy = Scope("a b") | Role("editor") | (Scope("c") & ~Scope("d"))


@pytest.fixture(scope="module")
def combined() -> Flask:
    """An app with a route for each combination, whose methods have different policies."""
    app, issuer = Flask("combined"), TokenIssuer()
    for place in PLACES:
        for refuser in REFUSERS:
            auth = Authenticator(
                keys=issuer.verification_key,
                extractor=place.extractor,
                failure_handler=refuser.handler,
            )

            class Combination(MethodView):
                get = auth.requires_authentication(rules=[EITHER])(lambda *_, **__: "in")
                post = auth.requires_authentication(lambda *_, **__: "in")
                put = auth.optional_authentication(rules=[Scope("a")])(lambda *_, **__: "in")

            path = f"/{place.name}/{refuser.name}/<int:number>".replace(" ", "-")
            app.add_url_rule(path, view_func=Combination.as_view(path))
    return app


@pytest.mark.parametrize("version", VERSIONS)
def test_every_combination_is_valid(combined: Flask, version: str) -> None:
    """A real validator accepts the document, and each operation has what it must."""
    document = secured(combined, version)
    schemes: dict[str, Any] = document["components"]["securitySchemes"]
    assert len(document["paths"]) == len(PLACES) * len(REFUSERS)
    for item in document["paths"].values():
        assert {method: len(item[method]["responses"]) for method in ("get", "put")} == {
            "get": 3,
            "put": 2,
        }
        assert "401" in item["post"]["responses"]
        *requirements, last = item["put"]["security"]
        assert requirements
        assert last == {}
        for operation in (item["get"], item["post"]):
            requirements.extend(operation["security"])
        for requirement in requirements:
            assert requirement
            for name, scopes in requirement.items():
                assert not scopes or version > "3.1" or schemes[name]["type"] in WITH_SCOPES
        for operation in item.values():
            for response in operation["responses"].values():
                assert resolved(document, response)["description"]
