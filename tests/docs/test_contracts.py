"""The strategies in documents and examples pass the contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Request

import flask_jwtlib
from flask_jwtlib import UnverifiedHeader
from flask_jwtlib.testing import TokenIssuer, make_request
from flask_jwtlib.testing.contracts import (
    FailureHandlerContract,
    KeyProviderContract,
    TokenExtractorContract,
    TokenValidatorContract,
)

Run = Callable[[str, str], dict[str, Any]]
Example = Callable[[str], ModuleType]

EXTENDING = "docs/extending.rst"
KEYS = "docs/keys.rst"
TESTING = "docs/testing.rst"
REFUSALS = "docs/refusals.rst"


def check(contract: object) -> None:
    """Run all tests of a contract."""
    for name in dir(contract):
        if name.startswith("test_"):
            getattr(contract, name)()


class ExtractorOf(TokenExtractorContract):
    def __init__(
        self, extractor: flask_jwtlib.TokenExtractor, header: str, prefix: str = ""
    ) -> None:
        self.extractor = extractor
        self.header = header
        self.prefix = prefix

    def make_extractor(self) -> flask_jwtlib.TokenExtractor:
        return self.extractor

    def request_with(self, token: str) -> Request:
        return make_request(headers={self.header: self.prefix + token})


class PasswordOf(ExtractorOf):
    def __init__(self, extractor: flask_jwtlib.TokenExtractor) -> None:
        super().__init__(extractor, "Authorization")

    def request_with(self, token: str) -> Request:
        return make_request(auth=("git", token))

    def malformed_requests(self) -> Iterable[Request]:
        yield make_request(auth=("git", ""))


class VariableOf(ExtractorOf):
    """An extractor of a variable that the server sets, not of a header."""

    def request_with(self, token: str) -> Request:
        return make_request(environ_overrides={self.header: self.prefix + token})


class ProviderOf(KeyProviderContract):
    def __init__(self, provider: flask_jwtlib.KeyProvider) -> None:
        self.provider = provider

    def make_provider(self) -> flask_jwtlib.KeyProvider:
        return self.provider

    def known_header(self) -> UnverifiedHeader:
        return UnverifiedHeader("RS256", "key-1")


class ValidatorOf(TokenValidatorContract):
    def __init__(
        self, validator: flask_jwtlib.TokenValidator, issuer: TokenIssuer, **claims: str
    ) -> None:
        self.validator = validator
        self.issuer = issuer
        self.claims = claims

    def make_validator(self) -> flask_jwtlib.TokenValidator:
        return self.validator

    def make_keys(self) -> flask_jwtlib.KeyProvider:
        return flask_jwtlib.StaticKeyProvider(self.issuer.verification_key)

    def good_token(self, subject: str) -> str:
        return self.issuer.token(subject, **self.claims)

    def expired_token(self) -> str:
        return self.issuer.token(exp=1, **self.claims)

    def forged_token(self) -> str:
        return TokenIssuer(self.issuer.issuer).token(**self.claims)


class HandlerOf(FailureHandlerContract):
    def __init__(self, handler: flask_jwtlib.FailureHandler) -> None:
        self.handler = handler

    def make_handler(self) -> flask_jwtlib.FailureHandler:
        return self.handler


def test_the_ambient_token_of_extending(run: Run) -> None:
    """The extractor that reads what Apache passes on passes its contract."""
    auth = run(EXTENDING, "class ApacheTokenExtractor")["auth"]
    check(VariableOf(auth.extractor, "OIDC_access_token"))


def test_the_passwords_of_extending(run: Run) -> None:
    """The extractor of passwords and headers passes its contract with either."""
    auth = run(EXTENDING, "class PasswordTokenExtractor")["auth"]
    check(PasswordOf(auth.extractor))
    check(ExtractorOf(auth.extractor, "Authorization", "Bearer "))


def test_the_certificates_of_extending(run: Run, issuer: TokenIssuer) -> None:
    """The extractor and the validator of client certificates pass their contracts."""
    auth = run(EXTENDING, "class CertificateExtractor")["auth"]
    check(ExtractorOf(auth.extractor, "Authorization", "Bearer "))
    check(ValidatorOf(auth.validator, issuer))
    check(ValidatorOf(run(EXTENDING, "class ExpiryHintValidator")["auth"].validator, issuer))


def test_the_handlers_of_extending(run: Run) -> None:
    """The company's error format passes the contract of failure handlers."""
    check(HandlerOf(run(EXTENDING, "class CompanyErrors")["auth"].failure_handler))


def test_the_table_of_extending(run: Run) -> None:
    """The key provider that looks keys up in a table passes its contract."""
    check(ProviderOf(run(EXTENDING, "TableKeyProvider(KeyProvider)")["auth"].keys))


def test_the_subclass_of_extending(run: Run, issuer: TokenIssuer) -> None:
    """The subclass of ``JWTValidator`` keeps its contract."""
    auth = run(EXTENDING, "URLTokenValidator(JWTValidator)")["auth"]
    check(ValidatorOf(auth.validator, issuer))


def test_the_services_of_extending(run: Run, issuer: TokenIssuer) -> None:
    """The validator that has its own keys passes its contract."""
    auth = run(EXTENDING, "ServiceOrUserValidator(TokenValidator)")["auth"]
    check(ValidatorOf(auth.validator, issuer, aud="https://api.example"))


def test_the_providers_of_keys(run: Run, issuer: TokenIssuer, internet: Any) -> None:
    """The provider that withholds a key, and the one that reads files, pass their contract."""
    name = "https://login.example/realms/example"
    internet.publish(name, f"{name}/certs", issuer.jwk)
    check(ProviderOf(run(KEYS, "COMPROMISED")["auth"].keys))
    folder = Path("issuer-keys")
    folder.mkdir()
    (folder / "key-1.pem").write_text(issuer.public_pem)
    check(ProviderOf(run(KEYS, 'FileKeyProvider("issuer-keys"')["auth"].keys))


def test_the_contract_of_testing(run: Run) -> None:
    """The test class that the document shows passes."""
    check(run(TESTING, "TokenExtractorContract")["TestTicketExtractor"]())


def test_the_passwords_of_the_examples(example: Example) -> None:
    """The extractor that reads a password passes its contract."""
    auth = example("custom_extractor").auth
    check(PasswordOf(auth.extractor))
    check(ExtractorOf(auth.extractor, "Authorization", "Bearer "))


def test_the_cookies_of_the_examples(example: Example) -> None:
    """The extractors that read the tokens from two cookies pass their contract."""
    cookies = example("cookies")
    check(ExtractorOf(cookies.auth.extractor, "Cookie", "__Host-access_token="))
    check(ExtractorOf(cookies.refreshing.extractor, "Cookie", "__Secure-refresh_token="))


def test_the_rules_of_the_examples(example: Example) -> None:
    """The organisation's validator and its handler pass their contracts."""
    organisation = example("organisation")
    claims = {"aud": "https://desk.example", "tenant": "acme", "jti": "1"}
    check(ValidatorOf(organisation.auth.validator, organisation.ISSUER, **claims))
    check(HandlerOf(organisation.auth.failure_handler))


@pytest.mark.parametrize(
    "containing",
    [
        "ProblemDetailsHandler(type_base",
        "JSONHandler(as_json)",
        'LoginRedirectHandler("log_in")',
        "RoutedHandler(",
    ],
)
def test_the_handlers_of_refusals(run: Run, containing: str) -> None:
    """The handlers of the page about refusals pass their contract with what programs send."""
    check(HandlerOf(run(REFUSALS, containing)["auth"].failure_handler))


def test_the_redirect_of_the_examples(example: Example) -> None:
    """The handler that redirects to a log-in page passes its contract with what programs send."""
    check(HandlerOf(example("login_redirect").auth.failure_handler))


def test_the_json_of_the_examples(example: Example) -> None:
    """The failure handler that responds in JSON passes its contract."""
    check(HandlerOf(example("custom_failure_handler").auth.failure_handler))


def test_the_check_can_fail() -> None:
    """A strategy that breaks its contract fails the check."""
    with pytest.raises(AssertionError):
        check(ExtractorOf(flask_jwtlib.HeaderTokenExtractor(), "X-Elsewhere"))
