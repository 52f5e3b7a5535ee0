"""Modules that importing the package loads."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import flask_jwtlib, flask_jwtlib_strategies
from flask_jwtlib import Authenticator, JWTValidator
from flask_jwtlib.testing import TokenIssuer, bearer
from flask import Flask

for package in (flask_jwtlib, flask_jwtlib_strategies):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
app = Flask("app")
for algorithm in ("HS256", "RS256", "PS256", "ES256", "EdDSA"):
    issuer = TokenIssuer(algorithm=algorithm)
    auth = Authenticator(
        keys=issuer.verification_key, validator=JWTValidator(algorithms=algorithm)
    )
    with app.test_request_context("/", headers=bearer(issuer.token("alice"))):
        assert auth.authenticate().subject == "alice"
print(sorted({"ecdsa", "pyasn1", "rsa"} & set(sys.modules)))
"""


def test_the_pure_python_backends_of_python_jose_are_never_imported() -> None:
    """SECURITY.rst: python-jose installs ``ecdsa``, ``rsa`` and ``pyasn1``, and nothing loads them."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"
