"""oidc_authenticator: an issuer's URL and an audience protect an app."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import pytest
import requests
from flask import Flask

from flask_jwtlib import (
    AuthenticationError,
    Authenticator,
    ConfigurationError,
    Scope,
    current_principal,
)
from flask_jwtlib.errors import ClaimError
from flask_jwtlib.testing import TokenIssuer, bearer, make_request
from flask_jwtlib.testing.identity_provider import IdentityProvider
from flask_jwtlib_strategies.authenticators.oidc import oidc_authenticator
from tests.kit import raises

AUDIENCE = "https://api.example"


def make_app(auth: Authenticator) -> Flask:
    """Return an app whose every route needs authentication."""
    app = Flask("resource_server")
    auth.protect(app)

    @app.get("/")
    def index() -> dict[str, Any]:
        return {"subject": current_principal.subject}

    return app


def test_oidc_authenticator_protects_an_app(idp: IdentityProvider) -> None:
    """From the issuer's URL and the audience alone, valid tokens are accepted and others refused."""
    signer = idp.add_key()
    auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
    client = make_app(auth).test_client()
    assert idp.connections == 0
    assert client.get("/").status_code == 401
    assert idp.connections == 0

    accepted = client.get("/", headers=bearer(signer.token(aud=AUDIENCE)))
    assert (accepted.status_code, accepted.json) == (200, {"subject": "alice"})
    forger = TokenIssuer(idp.issuer_url)
    confused = TokenIssuer(
        idp.issuer_url, algorithm="HS256", private_key=signer.public_pem.encode()
    )
    for refused in (
        signer.token(),
        signer.token(aud="https://other.example"),
        signer.token(aud=AUDIENCE, iss=f"{idp.issuer_url}/"),
        signer.token(aud=AUDIENCE, iss=None),
        signer.token(aud=AUDIENCE, exp=1),
        forger.token(aud=AUDIENCE),
        confused.token(aud=AUDIENCE),
    ):
        assert client.get("/", headers=bearer(refused)).status_code == 401
    assert idp.count() == 2


def test_an_outage_is_503(idp: IdentityProvider) -> None:
    """If the issuer can't be reached, the client gets 503 with Retry-After."""
    idp.stop()
    auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
    token = TokenIssuer(idp.issuer_url).token(aud=AUDIENCE)
    response = make_app(auth).test_client().get("/", headers=bearer(token))
    assert response.status_code == 503
    assert "Retry-After" in response.headers
    idp.start()


def subject_of(auth: Authenticator, token: str) -> str | None:
    """Return the subject of a token's caller."""
    return auth.authenticate(make_request(headers=bearer(token))).subject


@pytest.mark.parametrize("algorithm", ["PS256", "ES256", "EdDSA"])
def test_algorithms_can_be_given(idp: IdentityProvider, algorithm: str) -> None:
    """Only the given algorithms are accepted; the default is RS256."""
    signer = idp.add_key(algorithm=algorithm)
    rs256 = idp.add_key(kid="rs256")
    auth = oidc_authenticator(
        idp.issuer_url, AUDIENCE, algorithms=algorithm, allow_http_on_loopback=True
    )
    assert subject_of(auth, signer.token(aud=AUDIENCE)) == "alice"
    with pytest.raises(AuthenticationError):
        subject_of(auth, rs256.token(aud=AUDIENCE))
    auth = oidc_authenticator(idp.issuer_url, AUDIENCE, allow_http_on_loopback=True)
    assert subject_of(auth, rs256.token(aud=AUDIENCE)) == "alice"


def test_rules_leeway_and_several_audiences_are_applied(idp: IdentityProvider) -> None:
    """Additional rules apply, the leeway extends the expiry, and any of the audiences is accepted."""
    signer = idp.add_key()
    auth = oidc_authenticator(
        idp.issuer_url,
        ["https://a.example", "https://b.example"],
        rules=[Scope("read")],
        leeway=60,
        allow_http_on_loopback=True,
    )
    just_expired = {"exp": int(time.time()) - 10, "scope": "read"}
    assert subject_of(auth, signer.token(aud="https://b.example", **just_expired)) == "alice"
    with raises(AuthenticationError, match="scope"):
        subject_of(auth, signer.token(aud="https://a.example"))
    with raises(ClaimError, match="aud is"):
        subject_of(auth, signer.token(aud="https://c.example", **just_expired))


def test_a_session_can_be_passed() -> None:
    """The session's CA and headers are used for the metadata and for the keys."""
    with IdentityProvider(tls=True) as idp, requests.Session() as session:
        signer = idp.add_key()
        session.verify = str(idp.certificate)
        session.headers["X-Tenant"] = "acme"
        auth = oidc_authenticator(idp.issuer_url, AUDIENCE, session=session)
        assert subject_of(auth, signer.token(aud=AUDIENCE)) == "alice"
        assert [request.headers["X-Tenant"] for request in idp.requests] == ["acme", "acme"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"audience": None}, "there is no audience", id="None"),
        pytest.param({"audience": ()}, "there is no audience", id="no audience"),
        pytest.param({"audience": ""}, "non-empty strings", id="empty audience"),
        pytest.param({"audience": ["a", ""]}, "non-empty strings", id="one empty audience"),
        pytest.param({"audience": 7}, "non-empty strings", id="audience of digits"),
        pytest.param({"issuer": "issuer"}, "expected a URL", id="issuer"),
        pytest.param({"algorithms": "HS256"}, "HS256 needs a secret", id="HS256"),
        pytest.param(
            {"algorithms": ["RS256", "HS384", "HS512"]}, "HS384 and HS512", id="HS among others"
        ),
        pytest.param(
            {"algorithms": "none"}, "'none' is not a known signature algorithm", id="none"
        ),
        pytest.param({"algorithms": ()}, "algorithms is empty", id="no algorithm"),
        pytest.param({"leeway": -1}, "leeway", id="negative leeway"),
        pytest.param({"leeway": math.inf}, "leeway", id="infinite leeway"),
        pytest.param({"rules": ["aud"]}, "rule", id="rule"),
    ],
)
def test_an_invalid_composition_is_refused(options: dict[str, Any], message: str) -> None:
    """Settings that can't work raise at once, with a message that says how to fix them."""
    given = {"issuer": "https://issuer.example", "audience": AUDIENCE, **options}
    issuer, audience = given.pop("issuer"), given.pop("audience")
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        oidc_authenticator(issuer, audience, **given)
