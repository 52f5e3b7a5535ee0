"""The catalogue as a package."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.resources import files
from importlib.util import resolve_name
from pathlib import Path

import pytest

import flask_jwtlib_strategies

CATALOGUE = flask_jwtlib_strategies.__name__
FOLDER = Path(flask_jwtlib_strategies.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    for path in FOLDER.glob("*/*.py")
    if not any(part.startswith("_") for part in path.relative_to(FOLDER).parts)
)
PRIVATE_MODULES = sorted(
    ".".join(path.relative_to(FOLDER).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if any(re.match("_(?!_)", part) for part in path.relative_to(FOLDER).parts)
)
OVER_HTTP = {
    "authenticators.configured",
    "authenticators.mcp",
    "authenticators.oidc",
    "cli.doctor",
    "key_providers.jwks",
    "key_providers.oidc",
    "key_providers.per_kid",
}

MADE_OF = {
    "authenticators.configured": {
        "key_providers.jwks",
        "key_providers.oidc",
        "validators.access_tokens",
    },
    "authenticators.mcp": {
        "authenticators.oidc",
        "extractors.origin",
        "metadata.protected_resource",
    },
    "authenticators.oidc": {"key_providers.oidc", "validators.access_tokens"},
    "cli.api_key": {"validators.api_keys"},
    "cli.token": {"development.issue"},
    "development.tokens": {"validators.caching"},
    "integrations.openapi": {
        "csrf.double_submit",
        "extractors.api_key",
        "extractors.composite",
        "extractors.cookie",
        "extractors.json_body",
        "extractors.session",
        "extractors.websocket",
        "failure_handlers.json_template",
        "failure_handlers.login_redirect",
        "failure_handlers.problem_details",
        "failure_handlers.routed",
    },
    "failure_handlers.login_redirect": {"failure_handlers.problem_details"},
    "validators.per_scheme": {"key_providers.warm_up"},
    "validators.issuers": {"key_providers.warm_up", "validators.access_tokens"},
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


def imports_of(file: Path) -> set[str]:
    """Return what a file of the catalogue imports: modules and their members, by their full names."""
    package = ".".join([CATALOGUE, *file.relative_to(FOLDER).parent.parts])
    imported: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            imported.update(f"{module}.{alias.name}" for alias in node.names)
    return imported


@pytest.mark.parametrize(
    "file", sorted(FOLDER.rglob("*.py")), ids=lambda file: str(file.relative_to(FOLDER))
)
def test_every_module_uses_only_public_modules_of_the_core(file: Path) -> None:
    """A module imports no private module of ``flask_jwtlib``, just as a third party's strategy."""
    private = [name for name in imports_of(file) if re.match(r"flask_jwtlib\.(\w+\.)*_(?!_)", name)]

    assert not private


def strategies_in(module: str, seen: set[str]) -> set[str]:
    """Return the strategies' modules that a module imports, itself or through private modules."""
    seen.add(module)
    imported = imports_of(FOLDER.joinpath(*module.split(".")).with_suffix(".py"))
    others = {
        other
        for other in {*MODULES, *PRIVATE_MODULES} - seen
        if any(f"{name}.".startswith(f"{CATALOGUE}.{other}.") for name in imported)
    }
    behind = [strategies_in(other, seen) for other in sorted(others - {*MODULES})]
    return (others & {*MODULES}).union(*behind)


@pytest.mark.parametrize("module", MODULES)
def test_a_strategy_imports_another_only_to_be_made_of_it(module: str) -> None:
    """``MADE_OF`` has every import of one strategy's module by another."""
    assert strategies_in(module, set()) == MADE_OF.get(module, set())


def import_errors(modules: Iterable[str], *, without: str) -> list[str]:
    """Return the error of each import, or an empty text, in one new process that lacks a package."""
    program = f"""
import sys
from importlib import import_module

sys.modules[{without!r}] = None
for module in {sorted(modules)}:
    try:
        import_module(f"{CATALOGUE}.{{module}}")
    except ImportError as error:
        print(type(error).__name__, error)
    else:
        print()
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize("package", ["requests", "urllib3"])
def test_a_missing_extra_is_named_by_its_install_command(package: str) -> None:
    """Without the packages of the extra ``http``, the import error has the install command."""
    errors = import_errors(OVER_HTTP, without=package)

    assert len(errors) == len(OVER_HTTP)
    for error in errors:
        assert error.startswith("ModuleNotFoundError ")
        assert error.endswith("python -m pip install 'flask-jwtlib[http]'")


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


def test_other_strategies_need_no_extra() -> None:
    """A module that doesn't use HTTP is imported without ``requests``."""
    others = {*MODULES} - OVER_HTTP

    assert import_errors(others, without="requests") == [""] * len(others)


def test_the_package_is_typed() -> None:
    """The package is marked as typed (PEP 561)."""
    assert files(flask_jwtlib_strategies).joinpath("py.typed").is_file()
