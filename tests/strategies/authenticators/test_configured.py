"""``configured_authenticator``: what the settings in ``app.config`` do, and which ones are errors."""

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
    """Return an app with some settings."""
    app = Flask("resource_server")
    app.config.update(settings)
    return app


def validator_by(settings: dict[str, Any]) -> JWTValidator:
    """Return the validator for the required settings and some others."""
    validator = configured_authenticator(app_with({**NEEDED, **settings})).validator
    assert isinstance(validator, JWTValidator)
    return validator


def fault_of(settings: dict[str, Any], app: Flask | None = None) -> str:
    """Return the error message for the required settings and some others."""
    app = app or Flask("resource_server")
    app.config.update({**NEEDED, **settings})
    with pytest.raises(ConfigurationError) as error:
        configured_authenticator(app)
    return str(error.value)


def settings_of(idp: IdentityProvider) -> dict[str, Any]:
    """Return settings for an identity provider."""
    return {
        "JWTLIB_ISSUER": idp.issuer_url,
        "JWTLIB_AUDIENCE": AUDIENCE,
        "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": True,
    }


# --- Valid settings


@pytest.mark.parametrize("by", ["mapping", "environment"])
def test_settings_protect_an_app(
    idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """With an issuer and an audience in ``app.config``, its tokens are accepted, and others refused."""
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
    configured_authenticator(app).protect(app)

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


def test_jwks_url_replaces_the_metadata(idp: IdentityProvider) -> None:
    """The keys are fetched from ``JWTLIB_JWKS_URL``, and the issuer need not be a URL."""
    signer = TokenIssuer("accounts")
    idp.jwks = signer.jwks
    settings = {"JWTLIB_ISSUER": "accounts", "JWTLIB_JWKS_URL": idp.jwks_url}
    auth = configured_authenticator(app_with({**settings_of(idp), **settings}))

    request = make_request(headers=bearer(signer.token(aud=AUDIENCE)))
    assert auth.authenticate(request).subject == "alice"
    assert isinstance(auth.keys, JWKSKeyProvider)
    assert [request.path for request in idp.requests] == [idp.jwks_path]


def test_additional_rules_are_applied(idp: IdentityProvider) -> None:
    """Rules that are passed apply beside those of the settings."""
    signer = idp.add_key()
    auth = configured_authenticator(app_with(settings_of(idp)), rules=[Scope("read")])
    with pytest.raises(InsufficientScopeError):
        auth.authenticate(make_request(headers=bearer(signer.token(aud=AUDIENCE))))
    with pytest.raises(ConfigurationError, match="rule"):
        configured_authenticator(app_with(NEEDED), rules=["read"])


def test_the_defaults_are_rs256_and_no_leeway() -> None:
    """Two settings are enough; a setting of None counts as missing."""
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
def test_an_audience_is_a_string_or_a_list(value: Any, expected: tuple[str, ...]) -> None:
    """Digits are a string, since settings from the environment may arrive as numbers."""
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
def test_algorithms_are_a_string_or_a_list(value: Any, expected: tuple[str, ...]) -> None:
    """A list may also be JSON."""
    assert validator_by({"JWTLIB_ALGORITHMS": value}).algorithms == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (30, 30), ("30", 30), ("0.5", 0.5)])
def test_a_leeway_is_a_number_of_seconds(value: Any, expected: float) -> None:
    """A leeway is a number, or a string of one."""
    assert validator_by({"JWTLIB_LEEWAY": value}).leeway == expected


@pytest.mark.parametrize(("value", "expected"), [(16384, 16384), ("16384", 16384), (1, 1)])
def test_max_size_is_a_whole_number(value: Any, expected: int) -> None:
    """The size is a number of characters, or a string of one; the default is 8192."""
    assert validator_by({"JWTLIB_MAX_SIZE": value}).max_size == expected
    assert validator_by({"JWTLIB_MAX_SIZE": None}).max_size == 8192


@pytest.mark.parametrize(
    "value", [0, -1, True, 16384.0, "16 kB", "-5", "1e4", "\u0661", "9" * 5000, [], {}], ids=repr
)
def test_an_invalid_max_size_is_an_error(value: Any) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigurationError, match=r"JWTLIB_MAX_SIZE is .* whole number"):
        configured_authenticator(app_with({**NEEDED, "JWTLIB_MAX_SIZE": value}))


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE"])
def test_plain_http_on_loopback_can_be_allowed(value: Any) -> None:
    """The setting is a boolean, or a string of one."""
    settings = {"JWTLIB_ISSUER": "http://127.0.0.1:8080", "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": value}
    configured_authenticator(app_with({**NEEDED, **settings}))


# --- Invalid settings


@pytest.mark.parametrize("name", ["JWTLIB_ISSUER", "JWTLIB_AUDIENCE"])
@pytest.mark.parametrize(
    ("value", "message"),
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
def test_issuer_and_audience_are_required(name: str, value: Any, message: str) -> None:
    """If one of them is missing or isn't a string, the error names it."""
    fault = fault_of({name: value})
    assert fault.startswith(f"{name} is {message}")
    assert "; expected " in fault
    assert "hunter2" not in fault


def test_a_missing_setting_is_named() -> None:
    """For an app without any settings, the error names the first required one."""
    with pytest.raises(
        ConfigurationError, match="JWTLIB_ISSUER is not set; expected the issuer's URL"
    ):
        configured_authenticator(Flask("resource_server"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"JWTLIB_AUDIENCE": []}, "JWTLIB_AUDIENCE is empty", id="no audience"),
        pytest.param({"JWTLIB_AUDIENCE": "[]"}, "JWTLIB_AUDIENCE is empty", id="none, JSON"),
        pytest.param({"JWTLIB_AUDIENCE": [""]}, "JWTLIB_AUDIENCE is empty", id="empty in a list"),
        pytest.param({"JWTLIB_AUDIENCE": ["a", None]}, "JWTLIB_AUDIENCE is not set", id="null"),
        pytest.param({"JWTLIB_AUDIENCE": [["a"]]}, "JWTLIB_AUDIENCE is of type list", id="nested"),
        pytest.param(
            {"JWTLIB_AUDIENCE": "[hunter2"}, "JWTLIB_AUDIENCE is text that starts", id="no JSON"
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
            {"JWTLIB_ALGORITHMS": "none"},
            "JWTLIB_ALGORITHMS: 'none' is not a known signature algorithm",
            id="none",
        ),
        pytest.param(
            {"JWTLIB_ALGORITHMS": "RS256,ES256"},
            "JWTLIB_ALGORITHMS: 'RS256,ES256' is not a known signature algorithm",
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
        pytest.param(
            {"JWTLIB_LEEWAY": -1}, "JWTLIB_LEEWAY is -1; expected a number", id="negative"
        ),
        pytest.param({"JWTLIB_LEEWAY": True}, "JWTLIB_LEEWAY is True", id="boolean"),
        pytest.param({"JWTLIB_LEEWAY": "inf"}, "JWTLIB_LEEWAY is not valid", id="infinite"),
        pytest.param({"JWTLIB_LEEWAY": float("nan")}, "JWTLIB_LEEWAY is nan", id="no number"),
        pytest.param({"JWTLIB_LEEWAY": "hunter2"}, "JWTLIB_LEEWAY is not valid", id="text"),
        pytest.param({"JWTLIB_LEEWAY": [1]}, "JWTLIB_LEEWAY is of type list", id="list"),
        pytest.param({"JWTLIB_LEEWAY": 10**400}, "JWTLIB_LEEWAY is 1000", id="beyond floats"),
        pytest.param(
            {"JWTLIB_ALLOW_HTTP_ON_LOOPBACK": "yes"},
            "JWTLIB_ALLOW_HTTP_ON_LOOPBACK is not valid; expected true or false",
            id="yes",
        ),
        pytest.param(
            {"JWTLIB_ALLOW_HTTP_ON_LOOPBACK": 1},
            "JWTLIB_ALLOW_HTTP_ON_LOOPBACK is 1; expected true or false",
            id="1",
        ),
    ],
)
def test_an_invalid_setting_is_named_without_its_value(
    settings: dict[str, Any], message: str
) -> None:
    """The error names the setting, its fault and what is expected, and shows no secret."""
    fault = fault_of(settings)
    assert fault.startswith(message)
    assert "expected" in fault or "set " in fault or "choose" in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("JWTLIB_ISUER", "did you mean JWTLIB_ISSUER", id="typo"),
        pytest.param("JWTLIB_AUDIENCES", "did you mean JWTLIB_AUDIENCE", id="plural"),
        pytest.param("JWTLIB_ALGORITHM", "did you mean JWTLIB_ALGORITHMS", id="singular"),
        pytest.param("JWTLIB_JWKS_URI", "did you mean JWTLIB_JWKS_URL", id="URI"),
        pytest.param("jwtlib_leeway", "did you mean JWTLIB_LEEWAY", id="small"),
        pytest.param("JWTLIB", "the settings are JWTLIB_ISSUER", id="nested"),
        pytest.param(
            "JWTLIB_XYZ", "the settings are JWTLIB_ISSUER, JWTLIB_AUDIENCE", id="nothing like it"
        ),
    ],
)
def test_an_unknown_setting_is_an_error(name: str, message: str) -> None:
    """The error suggests the nearest setting, or lists all, and doesn't show the value."""
    fault = fault_of({name: "hunter2"})
    assert f"{name} is not a setting; {message}" in fault
    assert "hunter2" not in fault


def test_all_unknown_settings_are_named() -> None:
    """One error lists all unknown settings, so that they can be fixed at once."""
    fault = fault_of({"JWTLIB_ISUER": ISSUER, "JWTLIB_AUDIENSE": AUDIENCE})
    assert re.findall(r"(\w+) is not a setting", fault) == ["JWTLIB_ISUER", "JWTLIB_AUDIENSE"]


def test_an_unknown_setting_of_none_is_an_error() -> None:
    """An unknown name is an error whatever its value."""
    assert "JWTLIB_SCOPE is not a setting" in fault_of({"JWTLIB_SCOPE": None})


def test_settings_without_our_prefix_are_ignored() -> None:
    """Settings of Flask and of other extensions are not checked."""
    configured_authenticator(app_with({**NEEDED, "JWT_ALGORITHM": "HS256", "SECRET_KEY": "x"}))


@pytest.mark.parametrize("allowed", [None, False, "false", "False"])
@pytest.mark.parametrize("name", ["JWTLIB_ISSUER", "JWTLIB_JWKS_URL"])
def test_debug_and_testing_do_not_allow_plain_http(name: str, allowed: Any) -> None:
    """Plain HTTP is only allowed on loopback, and only by its setting."""
    app = Flask("resource_server")
    app.debug = app.testing = True
    app.config["ENV"] = "development"
    settings = {name: "HTTP://127.0.0.1:8080", "JWTLIB_ALLOW_HTTP_ON_LOOPBACK": allowed}
    fault = fault_of(settings, app)
    assert fault.startswith(f"{name}: expected an https URL")
    assert "JWTLIB_ALLOW_HTTP_ON_LOOPBACK = true accepts" in fault


def test_plain_http_to_another_host_must_be_listed() -> None:
    """The loopback setting allows no other host; the error shows how to list one."""
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
def test_an_invalid_listed_host_is_an_error(hosts: Any) -> None:
    """The error names the setting."""
    fault = fault_of({"JWTLIB_ALLOW_HTTP": hosts})
    assert fault.startswith("JWTLIB_ALLOW_HTTP: ")
    assert "expected a host" in fault


@pytest.mark.parametrize("hosts", [True, 1.5, {"keycloak": 8080}, [None]])
def test_listed_hosts_must_be_strings(hosts: Any) -> None:
    """No value allows plain HTTP to all hosts."""
    assert fault_of({"JWTLIB_ALLOW_HTTP": hosts}).startswith("JWTLIB_ALLOW_HTTP is ")


def test_metadata_url_and_token_issuer(
    idp: IdentityProvider,
) -> None:
    """As with AD FS, the metadata's URL, their issuer and the tokens' issuer may be three URLs."""
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
def test_a_jwks_url_excludes_metadata_settings(name: str) -> None:
    """Contradictory settings are refused."""
    fault = fault_of({"JWTLIB_JWKS_URL": "https://a.example/jwks", name: "https://b.example"})
    assert fault.startswith(f"{name} is for an issuer with metadata")
    assert "JWTLIB_JWKS_URL" in fault


def test_an_invalid_metadata_url_is_an_error() -> None:
    """The error names the setting and shows no query."""
    fault = fault_of({"JWTLIB_METADATA_URL": "http://issuer.example?key=hunter2"})
    assert fault.startswith("JWTLIB_METADATA_URL: expected an https URL")
    assert "hunter2" not in fault


def test_the_setting_of_the_log_is_known() -> None:
    """``JWTLIB_EXPLAIN`` is for the log, and only a misspelling or another value of it is refused."""
    configured_authenticator(app_with({**NEEDED, "JWTLIB_EXPLAIN": True}))

    with pytest.raises(ConfigurationError, match=r"JWTLIB_EXPLAIN is .* expected true or false"):
        configured_authenticator(app_with({**NEEDED, "JWTLIB_EXPLAIN": "perhaps"}))
    with pytest.raises(ConfigurationError, match="did you mean JWTLIB_EXPLAIN"):
        configured_authenticator(app_with({**NEEDED, "JWTLIB_EXPLAN": True}))
