"""The catalogue as a package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import pytest

import flask_jwtlib_strategies

FOLDER = Path(flask_jwtlib_strategies.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    for path in FOLDER.glob("*/*.py")
    if not any(part.startswith("_") for part in path.relative_to(FOLDER).parts)
)
OVER_HTTP = {
    "authenticators.configured",
    "authenticators.oidc",
    "key_providers.jwks",
    "key_providers.oidc",
    "key_providers.per_kid",
}


def test_importing_it_loads_no_strategy() -> None:
    """Importing the package imports none of its strategies."""
    program = (
        "import sys, flask_jwtlib_strategies;"
        "sys.exit(any(name.startswith('flask_jwtlib_strategies.') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("module", MODULES)
def test_every_strategy_is_listed(module: str) -> None:
    """The package's docstring names each module, in the entry of its folder."""
    folder, _, name = module.partition(".")
    entries = re.findall(
        r"^- ``(\w+)``: ((?:.|\n  )*)", str(flask_jwtlib_strategies.__doc__), re.MULTILINE
    )
    assert f"``{name}``" in dict(entries)[folder]


@pytest.mark.parametrize("module", MODULES)
def test_every_strategy_uses_public_modules_of_the_core(module: str) -> None:
    """A module imports no private module of ``flask_jwtlib``, as a third party's strategies can't either."""
    source = FOLDER.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8")
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level == 0
        for alias in node.names
    ]

    assert [name for name in imported if name.startswith("flask_jwtlib.")]
    assert not [name for name in imported if "flask_jwtlib." in name and "._" in name]


@pytest.mark.parametrize("package", ["requests", "urllib3"])
@pytest.mark.parametrize("module", sorted(OVER_HTTP))
def test_a_missing_extra_is_named_by_its_install_command(module: str, package: str) -> None:
    """Without the packages of the extra ``http``, the import error has the install command."""
    program = (
        f"import sys; sys.modules[{package!r}] = None; import flask_jwtlib_strategies.{module}"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )

    last_line = run.stderr.rstrip().splitlines()[-1]
    assert last_line.startswith("ModuleNotFoundError: ")
    assert last_line.endswith("python -m pip install 'flask-jwtlib[http]'")


@pytest.mark.parametrize("package", ["requests", "urllib3"])
def test_the_error_of_a_missing_extra_names_the_package(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """The import error's ``name`` is the package, and its cause is the original error."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "flask_jwtlib_strategies._http.client_library", raising=False)

    with pytest.raises(ModuleNotFoundError, match=f"the package {package}, ") as caught:
        import_module("flask_jwtlib_strategies._http.client_library")

    assert caught.value.name == package
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("module", sorted({*MODULES} - OVER_HTTP))
def test_other_strategies_need_no_extra(module: str) -> None:
    """A module that doesn't use HTTP is imported without ``requests``."""
    program = f"import sys; sys.modules['requests'] = None; import flask_jwtlib_strategies.{module}"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_the_package_is_typed() -> None:
    """The package is marked as typed (PEP 561)."""
    assert files(flask_jwtlib_strategies).joinpath("py.typed").is_file()
