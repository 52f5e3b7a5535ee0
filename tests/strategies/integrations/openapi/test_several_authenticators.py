"""Several Authenticators in one app, and in one route."""

from __future__ import annotations

from flask import Flask

from flask_jwtlib import AppAuthenticator, Authenticator, HeaderTokenExtractor, Scope
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib_strategies.extractors.api_key import APIKeyExtractor
from flask_jwtlib_strategies.extractors.composite import CompositeTokenExtractor
from flask_jwtlib_strategies.extractors.cookie import CookieTokenExtractor

from .kit import fresh, operation_of, secured

READ, WRITE = Scope("read"), Scope("write")


def test_several_authenticators_have_schemes_of_their_own(app: Flask, auth: Authenticator) -> None:
    """Two Authenticators of one route are needed together; alternatives of one are separate."""
    keys = auth.evolve(extractor=APIKeyExtractor())
    both = auth.evolve(
        extractor=CompositeTokenExtractor(HeaderTokenExtractor(), CookieTokenExtractor())
    )
    app.add_url_rule("/keys", "keys", keys.requires_authentication(fresh()))
    app.add_url_rule("/either", "either", both.requires_authentication(fresh()))
    together = auth.requires_authentication(keys.requires_authentication(fresh()))
    app.add_url_rule("/together", "together", together)
    document = secured(app)
    found = {path: item["get"]["security"] for path, item in document["paths"].items()}
    assert found == {
        "/keys": [{"apiKey": []}],
        "/either": [{"bearer": []}, {"cookie": []}],
        "/together": [{"bearer": [], "apiKey": []}],
    }
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"},
    }


def test_scopes_belong_to_the_authenticator_that_needs_them(
    app: Flask, auth: Authenticator
) -> None:
    """The policies of one Authenticator of a route are not those of the other."""
    keys = auth.evolve(extractor=APIKeyExtractor(), policies=[Scope("keys")])
    both = auth.requires_authentication(rules=[READ | WRITE])(keys.requires_authentication(fresh()))
    app.add_url_rule("/", "it", both)
    operation = operation_of(app)
    assert operation["security"] == [
        {"bearer": ["read"], "apiKey": ["keys"]},
        {"bearer": ["write"], "apiKey": ["keys"]},
    ]
    description = operation["responses"]["403"]["description"]
    assert description.endswith("Scopes to ask for: read keys, or write keys.")


def test_one_scheme_of_two_authenticators_has_the_scopes_of_both(
    app: Flask, auth: Authenticator
) -> None:
    """Two Authenticators may read one header. Then its token needs the scopes of both."""
    other = auth.evolve(policies=[Scope("api"), READ])
    both = auth.requires_authentication(rules=[READ])(other.requires_authentication(fresh()))
    app.add_url_rule("/", "it", both)
    assert operation_of(app)["security"] == [{"bearer": ["read", "api"]}]


def test_optional_authenticators_are_alternatives(app: Flask, auth: Authenticator) -> None:
    """Each of two optional Authenticators suffices; beside a required one, none is needed."""
    keys = auth.evolve(extractor=APIKeyExtractor())
    app.add_url_rule(
        "/either", "either", auth.optional_authentication(keys.optional_authentication(fresh()))
    )
    app.add_url_rule(
        "/one", "one", auth.requires_authentication(keys.optional_authentication(fresh()))
    )
    document = secured(app)
    found = {path: item["get"]["security"] for path, item in document["paths"].items()}
    assert found == {"/either": [{"bearer": []}, {"apiKey": []}, {}], "/one": [{"bearer": []}]}


def test_schemes_that_differ_have_numbers(app: Flask, auth: Authenticator) -> None:
    """Two cookies are two schemes, in the order of the document."""
    for name in ("b", "a"):
        cookie = auth.evolve(extractor=CookieTokenExtractor(name, secure=False))
        app.add_url_rule(f"/{name}", name, cookie.requires_authentication(fresh()))
    document = secured(app)
    names = {
        name: scheme["name"] for name, scheme in document["components"]["securitySchemes"].items()
    }
    assert names == {"cookie": "b", "cookie2": "a"}
    assert document["paths"]["/a"]["get"]["security"] == [{"cookie2": []}]


def test_a_foreign_scheme_of_the_same_name_is_not_used(app: Flask, auth: Authenticator) -> None:
    """A scheme ``apiKey`` that describes another header stays, and ours gets another name."""
    keys = auth.evolve(extractor=APIKeyExtractor())
    app.add_url_rule("/", "it", keys.requires_authentication(fresh()))
    other = {"type": "apiKey", "in": "header", "name": "X-Other"}
    document = secured(app, components={"securitySchemes": {"apiKey": other}})
    assert document["components"]["securitySchemes"] == {
        "apiKey": other,
        "apiKey2": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    assert document["paths"]["/"]["get"]["security"] == [{"apiKey2": []}]


def test_an_authenticator_of_the_app_is_its_own(issuer: TokenIssuer) -> None:
    """An ``AppAuthenticator`` is described as the app's; without one, as an unknown bearer token."""
    late = AppAuthenticator(
        lambda app: Authenticator(
            keys=issuer.verification_key, extractor=CookieTokenExtractor(app.name, secure=False)
        )
    )
    apps = [Flask("one"), Flask("two"), Flask("none")]
    shared = late.requires_authentication(fresh())
    for app in apps:
        app.add_url_rule("/", "it", shared)
    for app in apps[:2]:
        late.init_app(app)
    found = [secured(app)["components"]["securitySchemes"] for app in apps]
    assert found == [
        {"cookie": {"type": "apiKey", "in": "cookie", "name": "one"}},
        {"cookie": {"type": "apiKey", "in": "cookie", "name": "two"}},
        {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    ]
