"""All key providers of an app are examined, each once, by its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Authenticator,
    KeyProvider,
    TTLKeyProvider,
    UnverifiedHeader,
    VerificationKey,
)
from flask_jwtlib.key_providers import CheckedKeyProvider
from flask_jwtlib.testing import IdentityProvider, TokenIssuer
from flask_jwtlib_strategies.key_providers.composite import CompositeKeyProvider
from flask_jwtlib_strategies.key_providers.files import FileKeyProvider
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider
from flask_jwtlib_strategies.key_providers.per_kid import PerKidKeyProvider
from flask_jwtlib_strategies.validators.access_tokens import access_token_validator
from flask_jwtlib_strategies.validators.api_keys import APIKeyValidator
from flask_jwtlib_strategies.validators.caching import CachingValidator
from flask_jwtlib_strategies.validators.issuers import IssuerRouter, TrustedIssuer
from flask_jwtlib_strategies.validators.per_scheme import PerSchemeValidator

from .kit import Expected, bad, check, findings_about, oidc, protected, with_keys

ISSUER = "https://issuer.example"


class SilentProvider(KeyProvider):
    """A provider with nothing but the method of its interface."""

    def keys_for(self, header: UnverifiedHeader) -> Sequence[VerificationKey]:
        return ()


def subjects(found: Any) -> list[str]:
    """Return what is examined, in order."""
    return list(dict.fromkeys(each.subject for each in findings_about(found)))


def test_each_member_of_a_composite(
    idp: IdentityProvider, issuer: TokenIssuer, tmp_path: Path
) -> None:
    """The members are examined one by one, also of a composite within a composite."""
    idp.add_key(kid="a")
    file = tmp_path / "key.pem"
    file.write_text(issuer.public_pem)
    static = Authenticator(keys=issuer.public_pem).keys
    keys = CompositeKeyProvider(
        JWKSKeyProvider(f"{idp.jwks_url}?key=SECRET", allow_http_on_loopback=True),
        CompositeKeyProvider(FileKeyProvider(file), CheckedKeyProvider(static)),
    )
    assert subjects(with_keys(keys)) == [
        f"CompositeKeyProvider > JWKSKeyProvider {idp.jwks_url}",
        f"CompositeKeyProvider > CompositeKeyProvider > FileKeyProvider {file}",
        "CompositeKeyProvider > CompositeKeyProvider > StaticKeyProvider",
    ]
    assert not bad(findings_about(with_keys(keys)))


def test_each_issuer_of_a_router(idp: IdentityProvider, issuer: TokenIssuer) -> None:
    """Also of a router that is wrapped in other validators; a validator without keys has none to examine."""
    idp.add_key(kid="a")
    router = IssuerRouter(
        TrustedIssuer(
            idp.issuer_url,
            keys=OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True),
            audience="api",
        ),
        TrustedIssuer("https://b", keys=issuer.public_pem, audience="api"),
        TrustedIssuer("https://c", keys=TokenIssuer().public_pem, audience="api"),
    )
    api_keys = APIKeyValidator(lambda digest: None)
    validator = PerSchemeValidator({"Bearer": CachingValidator(router), "ApiKey": api_keys})
    found = Authenticator(validator=validator)

    assert subjects(found) == [
        f"OIDCKeyProvider {idp.issuer_url}",
        "StaticKeyProvider",
        "StaticKeyProvider (2)",
        "APIKeyValidator",
    ]
    assert not bad(findings_about(found))


def test_a_validator_that_two_issuers_of_a_router_share(idp: IdentityProvider) -> None:
    """The accepted ``iss`` of each is compared."""
    idp.add_key(kid="a")
    keys = OIDCKeyProvider(idp.issuer_url, allow_http_on_loopback=True)
    validator = access_token_validator(idp.issuer_url, "api")
    names = idp.issuer_url, f"{idp.issuer_url}/"
    router = IssuerRouter(*(TrustedIssuer(name, keys=keys, validator=validator) for name in names))
    findings = findings_about(Authenticator(validator=router))
    levels = [each.level for each in findings if each.check == "iss of tokens"]
    assert levels == ["OK", "FAIL"]


def test_a_provider_that_several_authenticators_share(idp: IdentityProvider) -> None:
    """It is asked once."""
    idp.add_key(kid="a")
    auth = oidc(idp.issuer_url)
    app = protected(auth)
    app.get("/b", endpoint="b")(
        auth.evolve(scope_hierarchy={"a": ["b"]}).requires_authentication(lambda: "b")
    )

    assert subjects(app) == [f"OIDCKeyProvider {idp.issuer_url}"]
    assert idp.count() == 4


def test_one_url_for_each_key(idp: IdentityProvider) -> None:
    """The host is asked for a key that doesn't exist: 404 and 403 are right."""
    keys = PerKidKeyProvider(f"{idp.url}/keys/{{kid}}", allow_http_on_loopback=True)
    findings = findings_about(with_keys(keys))
    check(findings, Expected("keys", "OK", "each is fetched when the first token names it"))
    check(findings, Expected("connection", "OK", "plain HTTP to this machine"))
    assert not bad(findings)
    assert subjects(with_keys(keys)) == [f"PerKidKeyProvider {idp.url}/keys/{{kid}}"]


@pytest.mark.parametrize(
    ("how", "check_name", "text"),
    [
        ({"status": 500}, "keys", "HTTP status 500: the provider fails"),
        ({"reset": True}, "connection", "sent no HTTP response"),
    ],
    ids=["broken", "reset"],
)
def test_one_url_for_each_key_that_fails(
    how: dict[str, Any], check_name: str, text: str, idp: IdentityProvider
) -> None:
    """Any other response means that keys can't be fetched."""
    idp.behave(**how)
    keys = PerKidKeyProvider(f"{idp.url}/keys/{{kid}}", allow_http_on_loopback=True)
    found = check(findings_about(with_keys(keys)), Expected(check_name, "FAIL", text))
    assert found.text.startswith(f"GET {idp.url}/keys/{{kid}}: ")


def test_files(tmp_path: Path, issuer: TokenIssuer) -> None:
    """A path that doesn't exist is named, also if other files have keys."""
    file, missing = tmp_path / "key.pem", tmp_path / "missing.pem"
    file.write_text(issuer.public_pem)
    findings = findings_about(with_keys(FileKeyProvider(file, missing)))
    cure = "Correct the path, or deploy the file."
    check(findings, Expected("files", "WARN", f"{missing} doesn't exist", cure))
    check(findings, Expected("readiness", "OK", "fresh, 1 key"))
    check(findings, Expected("algorithms", "OK", "RS256"))


def test_a_damaged_file(tmp_path: Path) -> None:
    """The reason is shown."""
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN PUBLIC KEY-----\nMII")
    findings = findings_about(with_keys(FileKeyProvider(file)))
    check(findings, Expected("readiness", "FAIL", "key.pem", "Correct the key or the setting"))
    assert "MII" not in str(findings)


def test_a_function_that_fetches_keys(issuer: TokenIssuer) -> None:
    """The app's own function is called as a request would, in the app's context."""
    from flask import current_app

    names: list[str] = []

    def fetch() -> str:
        names.append(current_app.name)
        return issuer.public_pem

    findings = findings_about(with_keys(TTLKeyProvider(fetch)))
    assert check(findings, Expected("readiness", "OK", "fresh")).text == "fresh, 1 key"
    check(findings, Expected("keys", "OK", "1 key"))
    assert names == ["api"]
    assert not bad(findings)


def test_a_function_that_fails() -> None:
    """Its exception's text may be a secret."""

    def fetch() -> str:
        raise ValueError("SECRET")

    findings = findings_about(with_keys(fetch))
    text = (
        "there are no usable keys (cold): the verification keys could not be fetched (ValueError)"
    )
    check(findings, Expected("readiness", "FAIL", text, "Make the source of the keys available"))
    assert "SECRET" not in str(findings)


def test_a_provider_that_tells_nothing() -> None:
    """A provider of the app's own needs no more than its interface."""
    findings = findings_about(with_keys(SilentProvider()))
    check(findings, Expected("readiness", "OK", "the provider doesn't tell its state"))
    assert not bad(findings)


def test_an_empty_function(issuer: TokenIssuer) -> None:
    """A source without keys isn't ready."""
    findings = findings_about(with_keys(lambda: {"keys": []}))
    check(findings, Expected("readiness", "FAIL", "there are no usable keys"))


def test_validators_of_other_kinds(issuer: TokenIssuer) -> None:
    """A validator that wraps another in a way of its own, or itself, is examined as far as it is known."""

    class Wrapper:
        validators = None

        def __init__(self, inner: Any) -> None:
            self.validator = inner

        def validate(self, token: Any, keys: Any) -> Any:
            raise NotImplementedError

    endless = Wrapper(None)
    endless.validator = endless

    class Broken(Wrapper):
        validators = property(lambda self: 1 / 0)

    app = Flask("api")
    for name, validator in {
        "broken": Broken(None),
        "endless": endless,
        "wrapped": Wrapper(access_token_validator(ISSUER, "api", algorithms=["RS256", "ES256"])),
    }.items():
        auth = Authenticator(keys=TokenIssuer().public_pem, validator=validator)  # type: ignore[arg-type]
        app.get(f"/{name}", endpoint=name)(auth.requires_authentication(lambda: "x"))

    findings = findings_about(app)
    assert subjects(app) == ["StaticKeyProvider", "StaticKeyProvider (2)", "StaticKeyProvider (3)"]
    assert [each.text for each in findings if each.check == "algorithms"] == [
        "accepted and supported by a key: RS256; accepted, but no key is for it: ES256"
    ]


def test_keys_that_no_request_gets_after_all(idp: IdentityProvider) -> None:
    """If the documents are right when they are asked for, but the provider can't use them, it isn't ready."""
    idp.add_key(kid="a")
    idp.behave(path=idp.jwks_path, status=500)
    idp.behave(path=idp.jwks_path, times=1)
    findings = findings_about(oidc(idp.issuer_url))
    expected = Expected(
        "readiness",
        "FAIL",
        "there are no usable keys (cold): the verification keys could not be fetched (FetchError): GET",
        "Make the source of the keys available",
    )
    check(findings, expected)
