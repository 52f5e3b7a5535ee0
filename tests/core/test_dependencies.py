"""Modules that importing the package loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flask_jwtlib

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


# Flask's own dependencies may be used, too. `pytest` runs the plugin of the test kit.
AT_RUN_TIME = {
    *(
        "attr",
        "attrs",
        "blinker",
        "click",
        "cryptography",
        "flask",
        "flask_jwtlib",
        "jose",
        "werkzeug",
    ),
}


def imports(node: ast.AST) -> Iterator[str]:
    """Yield the packages that code imports when it runs, wherever the import is."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in child.names)
        if isinstance(child, ast.ImportFrom) and not child.level:
            yield str(child.module).partition(".")[0]
        yield from imports(child)


def test_the_core_imports_its_dependencies_and_no_others() -> None:
    """What only the tools install, such as ``typing_extensions``, is imported for type checkers only."""
    root = Path(flask_jwtlib.__file__).parent
    found = {
        package: path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if path.relative_to(root).as_posix() != "testing/plugin.py"
        for package in imports(ast.parse(path.read_text(encoding="utf-8")))
        if package not in sys.stdlib_module_names
    }
    assert {name: path for name, path in found.items() if name not in AT_RUN_TIME} == {}
