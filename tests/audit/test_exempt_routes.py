"""What the audit lists where a guard doesn't apply: public and optional views, and redirects."""

from __future__ import annotations

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

from flask_jwtlib import Authenticator, Scope, public
from flask_jwtlib.audit import RouteAccess, route_accesses, unmatched_public_patterns
from flask_jwtlib.testing import TokenIssuer

from .kit import found, fresh, policies

READ, WRITE = Scope("read"), Scope("write")


@pytest.fixture
def auth(issuer: TokenIssuer) -> Authenticator:
    """An authenticator without policies of its own."""
    return Authenticator(keys=issuer.verification_key)


def test_a_guard_does_not_count_for_a_public_view(app: Flask, auth: Authenticator) -> None:
    """A public view has only the policies of its own decorator, and only their scopes are advertised."""
    auth.protect(app, rules=[READ])
    view = public(auth.requires_authentication(rules=[WRITE])(fresh()))
    app.add_url_rule("/", "it", view)
    app.add_url_rule("/open", "open", public(fresh()))

    assert policies(app) == {"GET": (WRITE,)}
    assert found(app, "open")["GET"] == RouteAccess("open", ("GET",), "/open", "public", "@public")
    assert app.test_client().get("/").headers["WWW-Authenticate"] == 'Bearer scope="write"'


def test_the_endpoints_that_protect_names_are_public(app: Flask, auth: Authenticator) -> None:
    """``public=[…]`` of ``protect`` makes endpoints public, and they have no policies."""
    auth.protect(app, public=["static", "docs.*"], rules=[READ])
    docs = Blueprint("docs", "docs")
    docs.add_url_rule("/docs", "page", fresh())
    docs.add_url_rule("/me", "me", auth.requires_authentication(rules=[WRITE])(fresh()))
    app.register_blueprint(docs)
    app.add_url_rule("/", "it", fresh())

    listed = {each.endpoint: (each.access, each.by, each.policies) for each in route_accesses(app)}
    assert listed == {
        "docs.me": ("required", "decorator", (WRITE,)),
        "docs.page": ("public", "public=[…]", ()),
        "it": ("required", "guard of the app", (READ,)),
        "static": ("public", "public=[…]", ()),
    }
    assert app.test_client().get("/docs").status_code == 200
    assert app.test_client().get("/me").headers["WWW-Authenticate"] == 'Bearer scope="write"'


def test_a_blueprints_guard_counts_for_an_endpoint_that_protect_names(
    app: Flask, auth: Authenticator
) -> None:
    """``public=[…]`` opens only the guard of ``protect``."""
    auth.protect(app, public=["api.*"])
    api = Blueprint("api", "api")
    api.before_request(auth.guard(rules=[READ]))
    api.add_url_rule("/", "it", fresh())
    app.register_blueprint(api)

    (access,) = found(app, "api.it").values()
    assert (access.access, access.by) == ("required", "guard of blueprint api")
    assert access.policies == (READ,)
    assert app.test_client().get("/").status_code == 401


def test_an_optional_view_is_left_to_its_decorator(app: Flask, auth: Authenticator) -> None:
    """``protect`` leaves optional methods to their decorator; its policies hold for their callers."""

    class Texts(MethodView):
        @auth.optional_authentication(rules=[WRITE])
        def get(self) -> str:
            return "in"

        def post(self) -> str:
            return "in"

    auth.protect(app, rules=[READ])
    app.add_url_rule("/", view_func=Texts.as_view("it"))

    listed = {
        methods: (each.access, each.by, each.policies) for methods, each in found(app).items()
    }
    assert listed == {
        "GET": ("optional", "decorator", (READ, WRITE)),
        "POST": ("required", "guard of the app", (READ,)),
    }
    client = app.test_client()
    assert [client.get("/").status_code, client.post("/").status_code] == [200, 401]


def test_a_redirect_has_the_policies_of_the_apps_guard(app: Flask, auth: Authenticator) -> None:
    """A redirecting rule runs no view, and only the guards of the app."""
    auth.protect(app, public=["it"], rules=[READ])
    view = auth.requires_authentication(rules=[WRITE])(fresh())
    app.add_url_rule("/old", "it", view, redirect_to="/new")

    assert policies(app) == {"GET": (READ,)}
    assert app.test_client().get("/old").status_code == 401


def test_patterns_that_match_no_endpoint_are_listed(app: Flask, issuer: TokenIssuer) -> None:
    """``unmatched_public_patterns`` lists once what is misspelled in ``public=[…]``."""
    auth = Authenticator(keys=issuer.verification_key)
    auth.protect(app, public=["static", "healt", "openapi.*", "healt"])
    app.before_request(lambda: None)
    app.get("/health", endpoint="health")(lambda: "well")

    assert unmatched_public_patterns(app) == ["healt", "openapi.*"]
    assert unmatched_public_patterns(Flask("unprotected")) == []
