"""An Authenticator is made as ``app.config`` says, and settings that say nonsense are errors at start."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask

from flask_jwtlib import (
    Audience,
    ConfigurationError,
    Issuer,
    JWTValidator,
    Scope,
    current_principal,
)
from flask_jwtlib.errors import ClaimError, InsufficientScopeError
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.authenticators.configured import configured_authenticator
from flask_jwtlib_strategies.key_providers.jwks import JWKSKeyProvider
from flask_jwtlib_strategies.key_providers.oidc import OIDCKeyProvider

ISSUER = "https://issuer.example/"
AUDIENCE = "https://api.example"
NEEDED = {"JWTLIB_ISSUER": ISSUER, "JWTLIB_AUDIENCE": AUDIENCE}


def app_with(settings: dict[str, Any]) -> Flask:
    """An app with some settings."""
    app = Flask("resource_server")
    app.config.update(settings)
    return app


def validator_by(settings: dict[str, Any]) -> JWTValidator:
    """The validator that the settings make, beside those that are needed."""
    validator = configured_authenticator(app_with({**NEEDED, **settings})).validator
    assert isinstance(validator, JWTValidator)
    return validator


def fault_of(settings: dict[str, Any], app: Flask | None = None) -> str:
    """What the error says that the settings cause, beside those that are needed."""
    app = app or Flask("resource_server")
    app.config.update({**NEEDED, **settings})
    with pytest.raises(ConfigurationError) as error:
        configured_authenticator(app)
    return str(error.value)


def settings_of(idp: IdentityProvider) -> dict[str, Any]:
    """Settings for a real issuer."""
    return {
        "JWTLIB_ISSUER": idp.issuer_url,
        "JWTLIB_AUDIENCE": AUDIENCE,
        "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": True,
    }


# --- What they make


@pytest.mark.parametrize("by", ["mapping", "environment"])
def test_settings_protect_an_app(
    idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """With an issuer and an audience in app.config, its tokens are accepted, and no others."""
    signer = idp.add_key(algorithm="ES256")
    settings = {**settings_of(idp), "JWTLIB_ALGORITHMS": ["RS256", "ES256"]}
    app = Flask("resource_server")
    if by == "mapping":
        app.config.from_mapping(settings)
    else:
        for name, value in settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"FLASK_{name}", text)
        app.config.from_prefixed_env()
    configured_authenticator(app).init_app(app)

    @app.get("/")
    def index() -> dict[str, Any]:
        return {"subject": current_principal.subject}

    client = app.test_client()
    assert idp.connections == 0
    response = client.get("/", headers=bearer(signer.token(aud=AUDIENCE)))
    assert (response.status_code, response.json) == (200, {"subject": "alice"})
    forger = TokenIssuer(idp.issuer_url, algorithm="ES256")
    for refused in (
        signer.token(),
        signer.token(aud="https://other.example"),
        signer.token(aud=AUDIENCE, iss="https://other.example"),
        forger.token(aud=AUDIENCE),
    ):
        assert client.get("/", headers=bearer(refused)).status_code == 401
    assert client.get("/").status_code == 401


def test_an_issuer_without_metadata_has_a_jwks_url(idp: IdentityProvider) -> None:
    """Its keys are fetched from there, and its name need not be a URL."""
    signer = TokenIssuer("accounts")
    idp.jwks = signer.jwks
    settings = {"JWTLIB_ISSUER": "accounts", "JWTLIB_JWKS_URL": idp.jwks_url}
    auth = configured_authenticator(app_with({**settings_of(idp), **settings}))

    request = make_request(headers=bearer(signer.token(aud=AUDIENCE)))
    assert auth.authenticate(request).subject == "alice"
    assert isinstance(auth.keys, JWKSKeyProvider)
    assert [request.path for request in idp.requests] == [idp.jwks_path]


def test_rules_of_the_app_come_on_top(idp: IdentityProvider) -> None:
    """A rule that is given is heeded."""
    signer = idp.add_key()
    auth = configured_authenticator(app_with(settings_of(idp)), rules=[Scope("read")])
    with pytest.raises(InsufficientScopeError):
        auth.authenticate(make_request(headers=bearer(signer.token(aud=AUDIENCE))))
    with pytest.raises(ConfigurationError, match="rule"):
        configured_authenticator(app_with(NEEDED), rules=["read"])  # type: ignore[list-item]


def test_without_more_rs256_is_accepted_and_no_leeway() -> None:
    """Two settings are enough; others that are None are not set."""
    auth = configured_authenticator(app_with({**NEEDED, "JWTLIB_LEEWAY": None}))
    assert isinstance(auth.keys, OIDCKeyProvider)
    assert auth.keys.issuer == ISSUER
    assert isinstance(auth.validator, JWTValidator)
    assert (auth.validator.algorithms, auth.validator.leeway) == (("RS256",), 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("api", ("api",), id="text"),
        pytest.param("api://a, b", ("api://a, b",), id="text with a comma"),
        pytest.param(["a", "b"], ("a", "b"), id="list"),
        pytest.param(("a", "b"), ("a", "b"), id="tuple"),
        pytest.param({"a"}, ("a",), id="set"),
        pytest.param('["a", "b"]', ("a", "b"), id="JSON"),
        pytest.param(162840878694989825, ("162840878694989825",), id="digits"),
        pytest.param("[1, 2]", ("1", "2"), id="JSON of digits"),
    ],
)
def test_an_audience_is_text_or_several(value: Any, expected: tuple[str, ...]) -> None:
    """Digits count as text, for they are numbers when they come from the environment."""
    validator = validator_by({"JWTLIB_AUDIENCE": value})
    assert {rule.accepted for rule in validator.rules if isinstance(rule, Audience)} == {expected}
    assert {rule.accepted for rule in validator.rules if isinstance(rule, Issuer)} == {(ISSUER,)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("ES256", ("ES256",), id="text"),
        pytest.param(["ES256", "EdDSA"], ("ES256", "EdDSA"), id="list"),
        pytest.param('["ES256", "EdDSA"]', ("ES256", "EdDSA"), id="JSON"),
    ],
)
def test_algorithms_are_text_or_several(value: Any, expected: tuple[str, ...]) -> None:
    """One or a list, which may be JSON."""
    assert validator_by({"JWTLIB_ALGORITHMS": value}).algorithms == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (30, 30), ("30", 30), ("0.5", 0.5)])
def test_a_leeway_is_a_number_of_seconds(value: Any, expected: float) -> None:
    """A number, or text that is one."""
    assert validator_by({"JWTLIB_LEEWAY": value}).leeway == expected


@pytest.mark.parametrize(("value", "expected"), [(16384, 16384), ("16384", 16384), (1, 1)])
def test_a_size_is_a_whole_number(value: Any, expected: int) -> None:
    """A number of characters, or text that is one; 8192 if it isn't set."""
    assert validator_by({"JWTLIB_MAX_SIZE": value}).max_size == expected
    assert validator_by({"JWTLIB_MAX_SIZE": None}).max_size == 8192


@pytest.mark.parametrize(
    "value", [0, -1, True, 16384.0, "16 kB", "-5", "1e4", "\u0661", "9" * 5000, [], {}], ids=repr
)
def test_a_size_of_another_kind_is_named(value: Any) -> None:
    """Anything else is an error at start that names the setting."""
    with pytest.raises(ConfigurationError, match=r"JWTLIB_MAX_SIZE is .* whole number"):
        configured_authenticator(app_with({**NEEDED, "JWTLIB_MAX_SIZE": value}))


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE"])
def test_http_on_loopback_is_accepted_on_request(value: Any) -> None:
    """A boolean, or text that is one."""
    settings = {"JWTLIB_ISSUER": "http://127.0.0.1:8080", "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": value}
    configured_authenticator(app_with({**NEEDED, **settings}))


# --- What is an error at start


@pytest.mark.parametrize("name", ["JWTLIB_ISSUER", "JWTLIB_AUDIENCE"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "not set", id="None"),
        pytest.param("", "empty", id="empty"),
        pytest.param(" ", "text with white space around it", id="blank"),
        pytest.param(" x", "text with white space around it", id="blank before"),
        pytest.param("x\n", "text with white space around it", id="blank after"),
        pytest.param(True, "True", id="true"),
        pytest.param(1.5, "1.5", id="number"),
        pytest.param({"x": "hunter2"}, "of type dict", id="object"),
        pytest.param(b"hunter2", "of type bytes", id="bytes"),
    ],
)
def test_an_issuer_and_an_audience_are_needed(name: str, value: Any, told: str) -> None:
    """Without one of them, or with one that is no text, there is no Authenticator."""
    fault = fault_of({name: value})
    assert fault.startswith(f"{name} is {told}")
    assert ": want " in fault
    assert "hunter2" not in fault


def test_settings_that_are_absent_are_named() -> None:
    """An app without any of them is told the first one."""
    with pytest.raises(ConfigurationError, match="JWTLIB_ISSUER is not set: want the issuer's URL"):
        configured_authenticator(Flask("resource_server"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({"JWTLIB_AUDIENCE": []}, "JWTLIB_AUDIENCE is empty", id="no audience"),
        pytest.param({"JWTLIB_AUDIENCE": "[]"}, "JWTLIB_AUDIENCE is empty", id="none, JSON"),
        pytest.param({"JWTLIB_AUDIENCE": [""]}, "JWTLIB_AUDIENCE is empty", id="empty in a list"),
        pytest.param({"JWTLIB_AUDIENCE": ["a", None]}, "JWTLIB_AUDIENCE is not set", id="null"),
        pytest.param({"JWTLIB_AUDIENCE": [["a"]]}, "JWTLIB_AUDIENCE is of type list", id="nested"),
        pytest.param(
            {"JWTLIB_AUDIENCE": "[hunter2"}, "JWTLIB_AUDIENCE is text that begins", id="no JSON"
        ),
        pytest.param(
            {"JWTLIB_ISSUER": ["https://a", "https://b"]},
            "JWTLIB_ISSUER is of type list",
            id="several issuers",
        ),
        pytest.param({"JWTLIB_ISSUER": "issuer"}, "JWTLIB_ISSUER: expected a URL", id="no URL"),
        pytest.param(
            {"JWTLIB_ISSUER": "https://u:hunter2@issuer.example"},
            "JWTLIB_ISSUER: 'https://issuer.example' has credentials",
            id="credentials",
        ),
        pytest.param(
            {"JWTLIB_ISSUER": "https://issuer.example/?p=hunter2"},
            "JWTLIB_ISSUER: an issuer has neither query",
            id="query",
        ),
        pytest.param(
            {"JWTLIB_JWKS_URL": "https://u:hunter2@issuer.example/jwks?k=hunter2"},
            "JWTLIB_JWKS_URL: 'https://issuer.example/jwks' has credentials",
            id="credentials of the keys",
        ),
        pytest.param({"JWTLIB_JWKS_URL": ""}, "JWTLIB_JWKS_URL is empty", id="empty JWKS URL"),
        pytest.param(
            {"JWTLIB_JWKS_URL": "/jwks"}, "JWTLIB_JWKS_URL: expected a URL", id="relative JWKS URL"
        ),
        pytest.param(
            {"JWTLIB_ALGORITHMS": "HS256"},
            "JWTLIB_ALGORITHMS: HS256 needs a secret",
            id="HS256",
        ),
        pytest.param(
            {"JWTLIB_ALGORITHMS": ["RS256", "HS512"], "JWTLIB_JWKS_URL": "https://a.example"},
            "JWTLIB_ALGORITHMS: HS512 needs a secret",
            id="HS512 among others",
        ),
        pytest.param(
            {"JWTLIB_ALGORITHMS": "none"}, "JWTLIB_ALGORITHMS: 'none' is no algorithm", id="none"
        ),
        pytest.param(
            {"JWTLIB_ALGORITHMS": "RS256,ES256"},
            "JWTLIB_ALGORITHMS: 'RS256,ES256' is no algorithm",
            id="comma",
        ),
        pytest.param({"JWTLIB_ALGORITHMS": []}, "JWTLIB_ALGORITHMS is empty", id="no algorithm"),
        pytest.param({"JWTLIB_ALGORITHMS": ""}, "JWTLIB_ALGORITHMS is empty", id="empty algorithm"),
        pytest.param(
            {"JWTLIB_ALGORITHMS": {"RS256": 1}}, "JWTLIB_ALGORITHMS is of type dict", id="object"
        ),
        pytest.param(
            {"JWTLIB_ALGORITHMS": True}, "JWTLIB_ALGORITHMS is True", id="boolean algorithm"
        ),
        pytest.param({"JWTLIB_LEEWAY": -1}, "JWTLIB_LEEWAY is -1: want a number", id="negative"),
        pytest.param({"JWTLIB_LEEWAY": True}, "JWTLIB_LEEWAY is True", id="boolean"),
        pytest.param({"JWTLIB_LEEWAY": "inf"}, "JWTLIB_LEEWAY is other text", id="infinite"),
        pytest.param({"JWTLIB_LEEWAY": float("nan")}, "JWTLIB_LEEWAY is nan", id="no number"),
        pytest.param({"JWTLIB_LEEWAY": "hunter2"}, "JWTLIB_LEEWAY is other text", id="text"),
        pytest.param({"JWTLIB_LEEWAY": [1]}, "JWTLIB_LEEWAY is of type list", id="list"),
        pytest.param({"JWTLIB_LEEWAY": 10**400}, "JWTLIB_LEEWAY is 1000", id="beyond floats"),
        pytest.param(
            {"JWTLIB_ALLOW_HTTP_ON_LOOPBACK": "yes"},
            "JWTLIB_ALLOW_HTTP_ON_LOOPBACK is other text: want true or false",
            id="yes",
        ),
        pytest.param(
            {"JWTLIB_ALLOW_HTTP_ON_LOOPBACK": 1},
            "JWTLIB_ALLOW_HTTP_ON_LOOPBACK is 1: want true or false",
            id="1",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(settings: dict[str, Any], told: str) -> None:
    """The error names the setting, what it is and what is wanted, and shows no secret."""
    fault = fault_of(settings)
    assert fault.startswith(told)
    assert "want" in fault or "expected" in fault or "set " in fault or "choose" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("JWTLIB_ISUER", "want JWTLIB_ISSUER", id="typo"),
        pytest.param("JWTLIB_AUDIENCES", "want JWTLIB_AUDIENCE", id="plural"),
        pytest.param("JWTLIB_ALGORITHM", "want JWTLIB_ALGORITHMS", id="singular"),
        pytest.param("JWTLIB_JWKS_URI", "want JWTLIB_JWKS_URL", id="URI"),
        pytest.param("jwtlib_leeway", "want JWTLIB_LEEWAY", id="small"),
        pytest.param("JWTLIB", "there are JWTLIB_ISSUER", id="nested"),
        pytest.param(
            "JWTLIB_XYZ", "there are JWTLIB_ISSUER, JWTLIB_AUDIENCE", id="nothing like it"
        ),
    ],
)
def test_an_unknown_setting_is_an_error(name: str, told: str) -> None:
    """Whoever set it meant something: the nearest one is named, or all, and the value is not shown."""
    fault = fault_of({name: "hunter2"})
    assert f"{name} is not a setting: {told}" in fault
    assert "hunter2" not in fault


def test_all_unknown_settings_are_named() -> None:
    """So that they are mended at once."""
    fault = fault_of({"JWTLIB_ISUER": ISSUER, "JWTLIB_AUDIENSE": AUDIENCE})
    assert re.findall(r"(\w+) is not a setting", fault) == ["JWTLIB_ISUER", "JWTLIB_AUDIENSE"]


def test_an_unknown_setting_of_none_is_one_too() -> None:
    """Its name is what is wrong."""
    assert "JWTLIB_SCOPE is not a setting" in fault_of({"JWTLIB_SCOPE": None})


def test_settings_of_others_are_theirs() -> None:
    """What is not ours by its name is left alone."""
    configured_authenticator(app_with({**NEEDED, "JWT_ALGORITHM": "HS256", "SECRET_KEY": "x"}))


@pytest.mark.parametrize("allowed", [None, False, "false", "False"])
@pytest.mark.parametrize("name", ["JWTLIB_ISSUER", "JWTLIB_JWKS_URL"])
def test_debugging_and_testing_allow_no_http(name: str, allowed: Any) -> None:
    """Plain HTTP is accepted of this machine alone, and only where the setting says so."""
    app = Flask("resource_server")
    app.debug = app.testing = True
    app.config["ENV"] = "development"
    settings = {name: "HTTP://127.0.0.1:8080", "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": allowed}
    fault = fault_of(settings, app)
    assert fault.startswith(f"{name}: expected an https URL")
    assert "JWTLIB_ALLOW_HTTP_ON_LOOPBACK = true accepts" in fault


def test_http_beyond_loopback_takes_a_host_that_is_listed() -> None:
    """The setting for this machine is for no other; the error shows how to list one."""
    settings = {
        "JWTLIB_ISSUER": "http://keycloak:8080/realms/x",
        "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": True,
    }
    fault = fault_of(settings)
    assert fault.startswith("JWTLIB_ISSUER: expected an https URL")
    assert "JWTLIB_ALLOW_HTTP = ('keycloak:8080',) accepts" in fault
    for hosts in ("keycloak:8080", ["other", "keycloak"], '["keycloak:8080"]'):
        configured_authenticator(app_with({**NEEDED, **settings, "JWTLIB_ALLOW_HTTP": hosts}))


@pytest.mark.parametrize("hosts", ["*", ["10.0.0.0/8"], "http://keycloak:8080", "a, b"])
def test_a_listed_host_is_one(hosts: Any) -> None:
    """The error names the setting."""
    fault = fault_of({"JWTLIB_ALLOW_HTTP": hosts})
    assert fault.startswith("JWTLIB_ALLOW_HTTP: ")
    assert "expected a host" in fault


@pytest.mark.parametrize("hosts", [True, 1.5, {"keycloak": 8080}, [None]])
def test_hosts_are_text(hosts: Any) -> None:
    """There is no switch for all hosts."""
    assert fault_of({"JWTLIB_ALLOW_HTTP": hosts}).startswith("JWTLIB_ALLOW_HTTP is ")


def test_metadata_may_be_elsewhere_and_name_another_issuer_than_tokens(
    idp: IdentityProvider,
) -> None:
    """As with AD FS behind another address: three URLs, each in a setting of its own."""
    signer = TokenIssuer("http://adfs.example/adfs/services/trust")
    idp.jwks = signer.jwks
    idp.documents = {
        "/metadata": {"issuer": "https://adfs.example/adfs", "jwks_uri": idp.jwks_url},
        idp.jwks_path: signer.jwks,
    }
    settings = {
        "JWTLIB_ISSUER": "https://adfs.example/adfs",
        "JWTLIB_TOKEN_ISSUER": signer.issuer,
        "JWTLIB_METADATA_URL": f"{idp.url}/metadata?appid=1",
        "JWTLIB_ALLOW_HTTP": "127.0.0.1",
    }
    auth = configured_authenticator(app_with({**NEEDED, **settings}))

    request = make_request(headers=bearer(signer.token(aud=AUDIENCE)))
    assert auth.authenticate(request).subject == "alice"
    assert [request.path for request in idp.requests] == ["/metadata", idp.jwks_path]
    other = signer.token(aud=AUDIENCE, iss="https://adfs.example/adfs")
    with pytest.raises(ClaimError):
        auth.authenticate(make_request(headers=bearer(other)))


@pytest.mark.parametrize("name", ["JWTLIB_METADATA_URL", "JWTLIB_TOKEN_ISSUER"])
def test_keys_at_a_url_take_no_metadata(name: str) -> None:
    """What contradicts itself is refused."""
    fault = fault_of({"JWTLIB_JWKS_URL": "https://a.example/jwks", name: "https://b.example"})
    assert fault.startswith(f"{name} is for an issuer with metadata")
    assert "JWTLIB_JWKS_URL" in fault


def test_a_bad_metadata_url_is_named() -> None:
    """By its setting."""
    fault = fault_of({"JWTLIB_METADATA_URL": "http://issuer.example?key=hunter2"})
    assert fault.startswith("JWTLIB_METADATA_URL: expected an https URL")
    assert "hunter2" not in fault
