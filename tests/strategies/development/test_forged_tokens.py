"""Tokens that only look like development tokens, sent from this machine in debug mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flask_jwtlib import (
    Audience,
    BearerToken,
    Claims,
    JWTValidator,
    KeyProvider,
    TokenValidator,
)
from flask_jwtlib.testing import TokenIssuer
from flask_jwtlib.testing.issuer import base64url
from flask_jwtlib_strategies.development.issue import issue_development_token
from flask_jwtlib_strategies.development.tokens import DevelopmentTokens

from .development_kit import AUDIENCE, ISSUER, Served, app_of, claims_in, composed

NOW = 2**31
DAY = 86_400


def unsigned(served: Served) -> str:
    """Return a token with ``alg`` none and no signature."""
    header = base64url(json.dumps({"alg": "none", "typ": "at+jwt"}).encode())
    return f"{header}.{served.token.split('.')[1]}."


def unsigned_with_signature(served: Served) -> str:
    """Return a token with ``alg`` none and any signature."""
    return unsigned(served) + "AAAA"


def by_public_key(served: Served, encoding: Encoding, form: PublicFormat) -> str:
    """Return a token whose HMAC secret is the public key."""
    key: Any = served.forged().private_key
    secret = key.public_key().public_bytes(encoding, form)
    forger = TokenIssuer(served.issuer, algorithm="HS256", private_key=secret, kid=None)
    return forger.token("ada", aud=AUDIENCE)


def by_other_key(served: Served, algorithm: str) -> str:
    """Return a token with the right claims, signed by a key that the sender has made."""
    return TokenIssuer(served.issuer, algorithm=algorithm).token("ada", aud=AUDIENCE)


def by_real_issuer(served: Served) -> str:
    """Return a token of the real issuer that has a development ``iss``."""
    real = TokenIssuer(served.issuer, private_key=ISSUER.private_key, kid=ISSUER.kid)
    return real.token("ada", aud=AUDIENCE)


def with_real_iss(served: Served) -> str:
    """Return a token that the development key has signed in the name of the real issuer."""
    return served.forged().token("ada", iss=ISSUER.issuer, aud=AUDIENCE)


def tampered(served: Served) -> str:
    """Return a good token with another subject."""
    header, _, signature = served.token.split(".")
    payload = base64url(json.dumps(claims_in(served.token) | {"sub": "root"}).encode())
    return f"{header}.{payload}.{signature}"


def of_other_app(served: Served) -> str:
    """Return a token of another app of this user, which has a key of its own."""
    return issue_development_token(app_of(composed(), name="another_app"), "ada").value


def signed(**claims: Any) -> Callable[[Served], str]:
    """Return what makes a token with these claims by the right key."""
    return lambda served: served.forged().token("ada", **{"aud": AUDIENCE, **claims})


def with_header(**header: Any) -> Callable[[Served], str]:
    """Return what makes a token with these header parameters by the right key."""
    return lambda served: served.forged().token("ada", header=header, aud=AUDIENCE)


FORGED: dict[str, Callable[[Served], str]] = {
    "no algorithm": unsigned,
    "no algorithm, with a signature": unsigned_with_signature,
    "public key as a secret": lambda served: by_public_key(
        served, Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    ),
    "raw public key as a secret": lambda served: by_public_key(
        served, Encoding.Raw, PublicFormat.Raw
    ),
    "key of another developer": lambda served: by_other_key(served, "EdDSA"),
    "RSA key": lambda served: by_other_key(served, "RS256"),
    "EC key": lambda served: by_other_key(served, "ES256"),
    "Ed448 key": lambda served: by_other_key(served, "Ed448"),
    "real issuer's key": by_real_issuer,
    "real iss by the development key": with_real_iss,
    "tampered": tampered,
    "of another app": of_other_app,
    "other name of the algorithm": with_header(alg="Ed25519"),
    "other key ID": with_header(kid="another"),
    "expired": signed(exp=1),
    "without exp": signed(exp=None),
    "without iat": signed(iat=None),
    "exp is text": signed(exp="2100-01-01"),
    "valid for years": signed(exp=2**40),
    "issued in a year, for an hour": signed(iat=2**33, exp=2**33 + 3600),
    "not valid yet": signed(nbf=2**40),
    "other audience": signed(aud="https://other.example"),
    "without audience": signed(aud=None),
    "bound to a key": signed(cnf={"jkt": "x"}),
    "bound to a certificate": signed(cnf={"x5t#S256": "x"}),
    "empty cnf": signed(cnf={}),
    "cnf is null": lambda served: served.forged().compact(
        b'{"alg":"EdDSA"}',
        json.dumps(claims_in(served.token) | {"cnf": None}).encode(),
    ),
    "iss of another key": lambda served: served.forged().token(
        "ada", iss=served.issuer[:-1] + "x", aud=AUDIENCE
    ),
    "iss is the prefix only": lambda served: served.forged().token(
        "ada", iss="urn:flask-jwtlib:development:", aud=AUDIENCE
    ),
    "iss with more text": lambda served: served.forged().token(
        "ada", iss=served.issuer + "/", aud=AUDIENCE
    ),
    "iss in upper case": lambda served: served.forged().token(
        "ada", iss=served.issuer.upper(), aud=AUDIENCE
    ),
    "iss in a list": lambda served: served.forged().token("ada", iss=[served.issuer], aud=AUDIENCE),
    "without iss": lambda served: served.forged().token("ada", iss=None, aud=AUDIENCE),
    "iss twice": lambda served: served.forged().compact(
        b'{"alg":"EdDSA"}',
        f'{{"iss":"{ISSUER.issuer}","iss":"{served.issuer}","exp":{NOW}}}'.encode(),
    ),
    "encrypted": lambda served: f"{served.token}.a.b",
    "cut off": lambda served: served.token[:-1],
    "critical extension": with_header(crit=["b64"], b64=False),
    "refresh token": signed(typ="Refresh"),
    "ID token": signed(nonce="n", at_hash="h"),
    "logout token": signed(events={}),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(
    served: Served, forge: Callable[[Served], str], caplog: pytest.LogCaptureFixture
) -> None:
    """None of them is accepted, and the log doesn't show it."""
    token = forge(served)

    assert served.get(token).status_code == 401
    assert served.get(token, "/optional").text == "guest"
    assert token not in caplog.text


def test_the_right_key_signs_what_is_accepted(served: Served) -> None:
    """What the table changes is the only reason for which its tokens are refused."""
    claims = {"aud": AUDIENCE, "exp": int(served.forged().clock()) + DAY}

    assert served.get(served.forged().token("ada", **claims)).text == "ada"
    assert served.get(signed()(served)).text == "ada"


def test_confirmed_elsewhere_confirms_no_development_token(served: Served) -> None:
    """A proxy that checks certificates isn't in front of a local request."""
    app = app_of(composed(confirmed_elsewhere=("x5t#S256",)))
    bound = Served(app, served.token, served.key_file)

    assert bound.get().text == "ada"
    assert bound.get(signed(cnf={"x5t#S256": "x"})(served)).status_code == 401


class Patient(TokenValidator):
    """Verifies longer tokens than anybody else reads, and doesn't look at ``iss``."""

    def validate(self, token: BearerToken, keys: KeyProvider) -> Claims:
        return JWTValidator(rules=[Audience(AUDIENCE)], max_size=100_000).validate(token, keys)


def test_another_validator_accepts_no_development_issuer(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that only the other validator can read is refused if it has such an ``iss``."""
    auth = composed(DevelopmentTokens(rules=[Audience(AUDIENCE)]), validator=Patient())
    app = Served(app_of(auth), served.token, served.key_file)
    real = TokenIssuer(served.issuer, private_key=ISSUER.private_key, kid=ISSUER.kid)

    assert app.get(ISSUER.token("alice", aud=AUDIENCE, more="x" * 9000)).text == "alice"
    assert app.get(real.token("alice", aud=AUDIENCE, more="x" * 9000)).status_code == 401
    assert "another key than that of its iss" in caplog.text
    assert app.get().text == "ada"


def test_real_tokens_work_unchanged(served: Served) -> None:
    """The real issuer's tokens are accepted from everywhere, in debug mode or not."""
    real = ISSUER.token("alice", aud=AUDIENCE)
    for debug in (True, False):
        served.app.debug = debug
        try:
            for peer in ("127.0.0.1", "203.0.113.9"):
                for host in ("localhost", "api.example"):
                    response = served.get(
                        real, REMOTE_ADDR=peer, HTTP_HOST=host, HTTP_X_FORWARDED_FOR="1.2.3.4"
                    )
                    assert response.text == "alice"
        finally:
            served.app.debug = True
    assert served.get(ISSUER.token("alice", aud="other")).status_code == 401
    assert served.get(ISSUER.token("alice", aud=AUDIENCE, exp=1)).status_code == 401
    assert served.get(TokenIssuer().token("alice", aud=AUDIENCE)).status_code == 401
