"""The arena: apps with one algorithm each, a forger who knows all public data, and a trap server."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from flask import Flask, Response, g

import flask_jwtlib
from flask_jwtlib import (
    Authenticator,
    BearerToken,
    InvalidTokenError,
    JWTValidator,
    StaticKeyProvider,
    current_principal,
)
from flask_jwtlib.log_text import error_text
from flask_jwtlib.signals import request_refused
from flask_jwtlib.testing import TokenIssuer, base64url, bearer

FORM = "application/x-www-form-urlencoded"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
VIEW = "the body that only a caller may read"
# Long enough for every hash.
SECRET = b"the issuer's secret, which is text so that the module API can take it as a str"
OTHER_SECRET = b"the forger's secret, which is just as long and of which no part is the issuer's"
NOBODY = "nobody is calling"
# The apps are in testing mode: what would be a 5xx propagates as an exception to the test.
REFUSALS = {400, 401}


class Target:
    """An app that accepts one algorithm, by a composed Authenticator or by the documented module API.

    Attributes:
        algorithm: The one algorithm.
        issuer: Signs the tokens that the app trusts.
        forger: Signs with another key of the same kind, under the same name and key ID.
        client: Calls the app: ``/required`` and ``/optional``.
        seen: What ``flask.g`` held at the end of each request.
        errors: The refusals that were signalled.
    """

    def __init__(self, algorithm: str, *, module: bool = False) -> None:
        self.algorithm = algorithm
        self.module = module
        own, other = (
            ({"private_key": secret} for secret in (SECRET, OTHER_SECRET))
            if self.symmetric
            else ({}, {})
        )
        self.issuer = TokenIssuer(algorithm=algorithm, **own)
        self.forger = TokenIssuer(algorithm=algorithm, **other)
        self.forger_with_a_public_key = TokenIssuer() if self.symmetric else self.forger
        # What is public; for an issuer with only a secret, another key.
        self._published = self.forger_with_a_public_key if self.symmetric else self.issuer
        self.validator = JWTValidator(algorithms=algorithm)
        self.keys = StaticKeyProvider(self.issuer.verification_key)
        self.seen: list[tuple[object, object, object, bool]] = []
        self.errors: list[Exception] = []
        self.app = self._app()
        self.client = self.app.test_client()
        request_refused.connect(self._refused, self.app)

    def arm(self) -> None:
        """Set the module API up, if it guards the app."""
        if self.module:
            flask_jwtlib.JWT_ALGO = self.algorithm
            flask_jwtlib.set_permanent_verification_key(self.module_key)

    @property
    def module_key(self) -> str:
        """Return the key in the form that the module API gets."""
        return SECRET.decode() if self.symmetric else self.issuer.public_pem

    @property
    def symmetric(self) -> bool:
        return self.algorithm.startswith("HS")

    @property
    def public_pem(self) -> str:
        return self._published.public_pem

    @property
    def public_jwk(self) -> dict[str, str]:
        return self._published.jwk

    def public_key(self, encoding: str, form: str) -> bytes:
        """Return the public key in one of ``cryptography``'s encodings and formats."""
        key = serialization.load_pem_public_key(self.public_pem.encode())
        return key.public_bytes(
            getattr(serialization.Encoding, encoding), getattr(serialization.PublicFormat, form)
        )

    @property
    def openssh(self) -> bytes:
        """Return the public key as an OpenSSH line, or as one for a curve that OpenSSH lacks (RFC 8709)."""
        name = {"ES256K": b"ecdsa-sha2-1.3.132.0.10", "Ed448": b"ssh-ed448"}.get(self.algorithm)
        if name is None:
            return self.public_key("OpenSSH", "OpenSSH")
        point = self.public_key("DER", "SubjectPublicKeyInfo")[-57:]
        fields = b"".join(len(field).to_bytes(4, "big") + field for field in (name, point))
        return b"%s %s" % (name, b64encode(fields))

    def good(self, **claims: Any) -> str:
        """Return a token that the app accepts."""
        return self.issuer.token("mallory", **claims)

    def header(self, **members: Any) -> dict[str, Any]:
        return {"alg": self.algorithm, "typ": "JWT", "kid": "key-1", **members}

    def payload(self, **claims: Any) -> dict[str, Any]:
        return {"sub": "mallory", "iss": self.issuer.issuer, "exp": 9_999_999_999, **claims}

    def signed(self, header: Any = None, payload: Any = None) -> str:
        """Return a token with the issuer's signature, with any header and payload: objects, or bytes."""
        return self._compact(self.issuer, header, payload)

    def forged(self, header: Any = None, payload: Any = None) -> str:
        """Return a token with the forger's signature."""
        return self._compact(self.forger, header, payload)

    def unsigned(self, header: Any, signature: bytes = b"", payload: Any = None) -> str:
        """Return a token with any bytes for a signature."""
        body = json_bytes(self.payload() if payload is None else payload)
        return f"{base64url(json_bytes(header))}.{base64url(body)}.{base64url(signature)}"

    def with_signature(self, change: Callable[[bytes], bytes]) -> str:
        """Return a valid token with its signature replaced."""
        text, _, _ = self.good().rpartition(".")
        return f"{text}.{base64url(change(self.issuer.sign(text.encode())))}"

    def hmac(self, algorithm: str, key: bytes, **members: Any) -> str:
        """Return a token with a MAC, by anything that the attacker guesses as the secret."""
        text = self.unsigned(self.header(alg=algorithm, **members)).rpartition(".")[0]
        mac = hmac.HMAC(key, getattr(hashes, f"SHA{algorithm[2:]}")())
        mac.update(text.encode())
        return f"{text}.{base64url(mac.finalize())}"

    def _compact(self, signer: TokenIssuer, header: Any, payload: Any) -> str:
        return signer.compact(
            json_bytes(self.header() if header is None else header),
            json_bytes(self.payload() if payload is None else payload),
        )

    def _refused(self, sender: object, *, error: Exception, **_: object) -> None:
        self.errors.append(error)

    def _app(self) -> Flask:
        app = Flask(f"target-{self.algorithm}")
        app.testing = True
        guard: Any = (
            flask_jwtlib if self.module else Authenticator(keys=self.keys, validator=self.validator)
        )

        @app.route("/required", methods=METHODS, provide_automatic_options=False)
        @guard.requires_authentication
        def required() -> str:
            return VIEW

        @app.route("/optional", methods=METHODS, provide_automatic_options=False)
        @guard.optional_authentication
        def optional() -> str:
            return VIEW if flask_jwtlib.is_authenticated() or current_principal else NOBODY

        @app.after_request
        def look(response: Response) -> Response:
            self.seen.append(
                (
                    g.get("authenticated"),
                    g.get("raw_token"),
                    g.get("json_token"),
                    bool(current_principal),
                )
            )
            return response

        return app


def json_bytes(value: Any) -> bytes:
    """Return JSON bytes; bytes are returned unchanged."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


TARGETS = {
    "RS256": ("RS256", False),
    "ES256": ("ES256", False),
    "HS256": ("HS256", False),
    "EdDSA": ("EdDSA", False),
    "ES256K": ("ES256K", False),
    "Ed448": ("Ed448", False),
    "module-RS256": ("RS256", True),
    "module-HS256": ("HS256", True),
}


@pytest.fixture(scope="session")
def targets() -> dict[str, Target]:
    """The apps of the arena, made once."""
    return {name: Target(algorithm, module=module) for name, (algorithm, module) in TARGETS.items()}


# Everything before the signature check is independent of the algorithm, so most groups
# use two apps: a composed one with a public key, and the module API with a secret.
FEW_TARGETS = ("RS256", "module-HS256")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test against two apps, or against all of them if it is marked ``every_algorithm``."""
    if "target" in metafunc.fixturenames:
        every = metafunc.definition.get_closest_marker("every_algorithm")
        metafunc.parametrize("target", TARGETS if every else FEW_TARGETS, indirect=True)


@pytest.fixture
def target(request: pytest.FixtureRequest, targets: dict[str, Target]) -> Target:
    """The app under attack."""
    chosen = targets[request.param]
    chosen.arm()
    chosen.seen.clear()
    chosen.errors.clear()
    return chosen


class _LogKeeper(logging.Handler):
    """Records log lines as a file would have them, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Everything that is logged, at any level."""
    keeper = _LogKeeper()
    root, ours = logging.getLogger(), logging.getLogger("flask_jwtlib")
    levels = root.level, ours.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield keeper.lines
    root.removeHandler(keeper)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def _secrets(target: Target, token: str) -> list[str]:
    """Return what must never be shown: the token, its signature, and the key in its given forms."""
    segments = token.split(".")
    secrets = [token, segments[-1] if len(segments) == 3 else ""]
    if target.symmetric:
        secrets += [SECRET.decode(), base64url(SECRET)]
    else:
        secrets += [*target.issuer.public_pem.splitlines()[1:-1], *target.issuer.jwk.values()]
    return [secret for secret in secrets if len(secret) >= 16]


@pytest.fixture
def assert_no_secret_is_shown(target: Target, log: list[str]) -> Callable[..., None]:
    """Assert that errors, log lines and responses show no secret, and that each log record is one line."""

    def check(token: str, *texts: str) -> None:
        shown = [*texts, *log]
        for error in target.errors:
            shown += [error_text(error), str(error), repr(error)]
            shown.append("".join(traceback.format_exception(error)))
        for secret in _secrets(target, token):
            assert not [text for text in shown if secret in text], "a secret is shown"
        assert all(line.isprintable() for line in log if "Traceback" not in line), (
            "a log line was injected"
        )

    return check


@pytest.fixture
def assert_refused(
    target: Target, assert_no_secret_is_shown: Callable[..., None]
) -> Callable[..., None]:
    """Assert that a request is refused, or anonymous on the optional route.

    Refused is 400 or 401 with a challenge. The response never has the view's body or a secret, and
    ``flask.g`` keeps no trace of the attempt.
    """

    def check(token: str = "", **request: Any) -> None:
        for path in ("/required", "/optional"):
            target.seen.clear()
            response = target.client.open(path, **request)
            body = response.get_data(as_text=True)

            assert response.status_code in REFUSALS or (
                path == "/optional" and response.status_code == 200
            )
            assert VIEW not in body
            if response.status_code == 200:
                assert body == NOBODY or request.get("method") == "HEAD"
            if response.status_code in {400, 401}:
                assert response.headers["WWW-Authenticate"].split(" ")[0] == "Bearer"
                assert len(response.headers.getlist("WWW-Authenticate")) == 1
            assert target.seen == [(False, None, None, False)]
            assert response.headers.get("Cache-Control", "private") == "private"
            assert set(response.headers.keys()) <= {
                "Allow",
                "Cache-Control",
                "Content-Length",
                "Content-Type",
                "Vary",
                "WWW-Authenticate",
            }
            assert_no_secret_is_shown(token, body, str(response.headers))

    return check


@pytest.fixture
def assert_token_refused(
    target: Target,
    assert_refused: Callable[..., None],
    assert_no_secret_is_shown: Callable[..., None],
) -> Callable[..., None]:
    """Assert that a token is refused: by the validator (as one of ``kinds``), and in a request."""

    def check(token: str, *kinds: type[InvalidTokenError]) -> None:
        with pytest.raises(kinds or InvalidTokenError) as refusal:
            target.validator.validate(BearerToken(token), target.keys)
        assert refusal.value.status == 401
        target.errors.append(refusal.value)
        # A header's value has no control characters, and white space around it is not part of it.
        if token.isascii() and token.isprintable() and token == token.strip():
            assert_refused(token, headers=bearer(token))
        else:
            encoded = quote(token.encode("utf-8", "surrogatepass"), safe="").encode()
            form = b"access_token=" + encoded
            assert_refused(token, method="POST", data=form, content_type=FORM)

    return check


@pytest.fixture
def each_entry(target: Target, log: list[str]) -> Callable[..., None]:
    """Run a check for each entry of a table. A test for each entry would take twice as long."""

    def run(check: Callable[[Any], None], table: Mapping[str, Any]) -> None:
        for name, entry in table.items():
            target.errors.clear()
            log.clear()
            try:
                check(entry)
            except (Exception, pytest.fail.Exception) as error:
                raise AssertionError(f"the entry {name!r}") from error

    return run


@pytest.fixture
def assert_tokens_refused(
    target: Target, assert_token_refused: Callable[..., None], each_entry: Callable[..., None]
) -> Callable[..., None]:
    """Assert that each token of a table is refused. An entry makes its token for the app."""

    def check(
        table: Mapping[str, Callable[[Target], str]], *kinds: type[InvalidTokenError]
    ) -> None:
        each_entry(lambda make: assert_token_refused(make(target), *kinds), table)

    return check


@pytest.fixture
def assert_requests_refused(
    target: Target, assert_refused: Callable[..., None], each_entry: Callable[..., None]
) -> Callable[..., None]:
    """Assert that each request of a table is refused. An entry makes its request from a valid token."""

    def check(table: Mapping[str, Callable[[str], dict[str, Any]]]) -> None:
        token = target.good()
        each_entry(lambda make: assert_refused(token, **make(token)), table)

    return check


class Trap:
    """An HTTP server on loopback that an attacker wants the app to request a key from.

    Attributes:
        url: Its URL.
        hits: The requests that came.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        hits: list[str] = []
        body = json.dumps(document).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Write no log."""

        self.hits = hits
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="session")
def traps(targets: dict[str, Target]) -> Iterator[dict[str, Trap]]:
    """A key server of each target's forger, made once."""
    made = {
        name: Trap({"keys": [target.forger_with_a_public_key.jwk]})
        for name, target in targets.items()
    }
    yield made
    for trap in made.values():
        trap.close()


@pytest.fixture
def trap(target: Target, targets: dict[str, Target], traps: dict[str, Trap]) -> Iterator[Trap]:
    """The forger's key server, which must get no request."""
    chosen = next(traps[name] for name, candidate in targets.items() if candidate is target)
    chosen.hits.clear()
    yield chosen
    assert chosen.hits == [], "a key was fetched from where the token said"
