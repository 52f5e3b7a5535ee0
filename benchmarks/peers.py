"""Other ways to guard a Flask route: python-jose by itself, and other packages as their documentation shows.

All are configured to check the same. Those that take a prepared key get one.
"""

# ruff: noqa: PLC0415 - a peer that is not installed is left out, so it is imported where it is used.

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from jose import jwt as jose_jwt
from jose.exceptions import JOSEError

from .contenders import OWN, Contender, Decorator, View
from .naive_port import naive_port
from .scenarios import Service

# joserfc warns of the algorithm's name at each request.
warnings.filterwarnings("ignore", "EdDSA is deprecated")


def _thin_decorator(verify: Callable[[str], Any], refusals: type[Exception]) -> Decorator:
    """Put a function that verifies tokens in front of a view, as one does without a framework."""

    def decorator(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return "", 401, {"WWW-Authenticate": "Bearer"}
            try:
                claims = verify(token)
            except refusals:
                return "", 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            g.authenticated, g.raw_token, g.json_token = True, token, claims
            return view(*args, **kwargs)

        return guarded

    return decorator


def _jose_once(_app: Flask, service: Service) -> Decorator:
    key, algorithm = service.key_text, service.algorithm
    issuer, audience = service.issuer, service.audience
    return _thin_decorator(
        lambda token: jose_jwt.decode(
            token, key, algorithms=algorithm, issuer=issuer, audience=audience
        ),
        JOSEError,
    )


def _pyjwt_verify(service: Service) -> Callable[[str], dict[str, Any]]:
    import jwt

    algorithms, issuer, audience = [service.algorithm], service.issuer, service.audience
    keys: dict[Any, Any] = {service.kid: service.key}

    def verify(token: str) -> dict[str, Any]:
        key = keys.get(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise jwt.InvalidTokenError("unknown kid")
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            options={"require": ["exp", "nbf", "iss", "aud"]},
        )

    return verify


def _joserfc_verify(service: Service) -> Callable[[str], dict[str, Any]]:
    from joserfc import jwt
    from joserfc.jwk import KeySet

    keys = KeySet.import_key_set({"keys": [service.jwk]})
    algorithms = [service.algorithm]
    rules = jwt.JWTClaimsRegistry(
        exp={"essential": True},
        nbf={"essential": True},
        iss={"essential": True, "value": service.issuer},
        aud={"essential": True, "value": service.audience},
    )

    def verify(token: str) -> dict[str, Any]:
        claims = jwt.decode(token, keys, algorithms=algorithms).claims
        rules.validate(claims)
        return claims

    return verify


def _flask_httpauth(verify: Callable[[str], Any], refusals: type[Exception]) -> Decorator:
    from flask_httpauth import HTTPTokenAuth

    auth = HTTPTokenAuth("Bearer")

    @auth.verify_token
    def verify_token(token: str) -> Any:
        try:
            return verify(token)
        except refusals:
            return None

    return cast("Decorator", auth.login_required)


def _pyjwt(_app: Flask, service: Service) -> Decorator:
    import jwt

    return _thin_decorator(_pyjwt_verify(service), jwt.PyJWTError)


def _pyjwt_httpauth(_app: Flask, service: Service) -> Decorator:
    import jwt

    return _flask_httpauth(_pyjwt_verify(service), jwt.PyJWTError)


def _joserfc_httpauth(_app: Flask, service: Service) -> Decorator:
    from joserfc.errors import JoseError

    return _flask_httpauth(_joserfc_verify(service), JoseError)


def _authlib(_app: Flask, service: Service) -> Decorator:
    from authlib.integrations.flask_oauth2 import ResourceProtector
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
    from joserfc.jwk import KeySet

    keys = KeySet.import_key_set({"keys": [service.jwk]})

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self) -> KeySet:
            return keys

    require_oauth = ResourceProtector()
    require_oauth.register_token_validator(Validator(service.issuer, service.audience))
    return cast("Decorator", require_oauth())


def _flask_jwt_extended(app: Flask, service: Service) -> Decorator:
    from flask_jwt_extended import JWTManager, jwt_required

    app.config["JWT_ALGORITHM"] = service.algorithm
    app.config["JWT_PUBLIC_KEY"] = app.config["JWT_SECRET_KEY"] = service.key_text
    app.config["JWT_DECODE_ISSUER"] = service.issuer
    app.config["JWT_DECODE_AUDIENCE"] = service.audience
    JWTManager(app)
    return cast("Decorator", jwt_required())


def flask_jwt_extended_cookie(
    app: Flask, service: Service, cookie: str, csrf_header: str
) -> Decorator:
    """Accept the token in a cookie together with its claim ``csrf`` in a header (double submit).

    Args:
        app: The app.
        service: The configuration.
        cookie: The cookie's name.
        csrf_header: The header's name.
    """
    app.config["JWT_TOKEN_LOCATION"] = ["cookies"]
    app.config["JWT_COOKIE_SECURE"] = app.config["JWT_COOKIE_CSRF_PROTECT"] = True
    app.config["JWT_ACCESS_COOKIE_NAME"] = cookie
    app.config["JWT_ACCESS_CSRF_HEADER_NAME"] = csrf_header
    return _flask_jwt_extended(app, service)


def _flask_jwt_extended_prepared(app: Flask, service: Service) -> Decorator:
    from jwt import InvalidTokenError

    decorator = _flask_jwt_extended(app, service)
    keys = {service.kid: service.key}

    @app.extensions["flask-jwt-extended"].decode_key_loader
    def key_of(header: dict[str, Any], _claims: dict[str, Any]) -> Any:
        if header.get("kid") not in keys:
            raise InvalidTokenError("unknown kid")
        return keys[header["kid"]]

    return decorator


NAIVE_PORT = Contender("naive port on python-jose", lambda _app, service: naive_port(service))
JOSERFC = Contender(
    "joserfc, Flask-HTTPAuth", _joserfc_httpauth, needs=("joserfc", "flask_httpauth")
)
AUTHLIB = Contender("Authlib", _authlib, needs=("authlib", "joserfc"))
FLASK_JWT_EXTENDED = Contender(
    "flask-jwt-extended", _flask_jwt_extended, needs=("flask_jwt_extended",)
)

PEERS = (
    Contender("python-jose, decoded once", _jose_once),
    NAIVE_PORT,
    JOSERFC,
    Contender("PyJWT", _pyjwt, needs=("jwt",)),
    Contender("PyJWT, Flask-HTTPAuth", _pyjwt_httpauth, needs=("jwt", "flask_httpauth")),
    AUTHLIB,
    Contender(
        "flask-jwt-extended, by kid", _flask_jwt_extended_prepared, needs=("flask_jwt_extended",)
    ),
    FLASK_JWT_EXTENDED,
)


def installed() -> list[Contender]:
    """Our own contenders, and the peers whose packages are installed."""
    return [contender for contender in (*OWN, *PEERS) if not contender.missing]
