"""Every name in the documents exists, and every public name is documented."""

from __future__ import annotations

import importlib
import os
import pkgutil
import pydoc
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Protocol

import pytest

import flask_jwtlib
import flask_jwtlib_strategies

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst"))
)


class Listed(Protocol):
    """A name in ``docs/api.rst``: its text, its module, and the modules of its heading."""

    name: str
    bare: str
    module: str
    defined_in: list[str]


def public_modules() -> Iterator[ModuleType]:
    """Return both packages and their modules, without those whose name starts with an underscore."""
    for package in (flask_jwtlib, flask_jwtlib_strategies):
        yield package
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "._" not in module.name:
                yield importlib.import_module(module.name)


def test_every_public_name_is_listed(listed: list[Listed]) -> None:
    """``docs/api.rst`` lists each name of any public module's ``__all__`` once, and nothing else."""
    public = {name for module in public_modules() for name in module.__all__}
    assert sorted(each.bare for each in listed) == sorted(public)


def test_every_name_is_where_the_list_says(listed: list[Listed]) -> None:
    """A name is in ``flask_jwtlib``, or in the module it is written with, as its heading says."""
    for each in listed:
        assert each.bare in importlib.import_module(each.module).__all__, each
        top = each.module == "flask_jwtlib"
        assert top == (each.bare in flask_jwtlib.__all__), each
        if top:
            homes = [importlib.import_module(name) for name in each.defined_in]
            # A name that a private module defines counts as the package's own.
            assert any(each.bare in home.__all__ for home in homes), each
            public = [module for module in public_modules() if each.bare in module.__all__]
            assert homes != [flask_jwtlib] or public == [flask_jwtlib], each
        else:
            assert any(each.module.startswith(name) for name in each.defined_in), each


def test_every_public_name_can_be_reached() -> None:
    """A public module has every name of its ``__all__``, and one name has one meaning everywhere."""
    for module in public_modules():
        for name in module.__all__:
            assert hasattr(module, name), f"{module.__name__}.{name}"
            if name in flask_jwtlib.__all__:
                assert getattr(module, name) is getattr(flask_jwtlib, name)


@pytest.mark.parametrize("module", [module.__name__ for module in public_modules()])
def test_pydoc_shows_every_public_name(module: str) -> None:
    """``python -m pydoc flask_jwtlib.NAME`` works, or the module's page shows a setting that is None."""
    page = pydoc.render_doc(module, renderer=pydoc.plaintext)
    for name in importlib.import_module(module).__all__:
        assert name in page
        if getattr(importlib.import_module(module), name) is None:
            # pydoc reads None as a name that it hasn't found.
            assert f"{name} = None" in page
        else:
            assert pydoc.render_doc(f"{module}.{name}", renderer=pydoc.plaintext)


def test_the_version_is_that_of_the_distribution() -> None:
    """``flask_jwtlib.__version__`` equals the installed distribution's version."""
    assert flask_jwtlib.__version__ == version("flask-jwtlib")


def test_every_extra_is_used_and_documented() -> None:
    """The README shows each extra; the code imports its packages, except for Flask's own extra."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    _, _, table = text.partition("[project.optional-dependencies]\n")
    extras = re.findall(r"^(\w+) = \[(.*)\]$", table.partition("\n[")[0], re.MULTILINE)
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    sources = [
        path.read_text(encoding="utf-8")
        for top in ("flask_jwtlib", "strategies/flask_jwtlib_strategies")
        for path in where(top).rglob("*.py")
    ]
    assert extras
    for name, requirements in extras:
        assert f"'.[{name}]'" in readme
        for package in re.findall(r'"(\w+)>=', requirements):
            imported = re.compile(rf"^ *(?:import|from) {package}\b", re.MULTILINE)
            assert any(imported.search(source) for source in sources), package
    assert dict(extras)["async"] == '"Flask[async]>=3.0"'


def where(path: str) -> Path:
    """Find a file of the repository, whose two packages may be installed from a wheel."""
    top, _, rest = path.partition("/")
    if top == "flask_jwtlib":
        return Path(flask_jwtlib.__file__).parent / rest
    if top == "strategies":
        return Path(str(flask_jwtlib_strategies.__file__)).parent.parent / rest
    return ROOT / path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document: str) -> None:
    """Links to files of the repository, and paths in the text, exist."""
    text = (ROOT / document).read_text(encoding="utf-8")
    folder = (ROOT / document).parent
    for target in re.findall(r"`[^`<]+<([^`<>:]+)>`_", text):
        path = os.path.relpath(folder / target.partition("#")[0], ROOT)
        assert where(path).exists(), target
    for path in re.findall(r"``((?:examples|docs|tests|flask_jwtlib|strategies)/[\w/.-]*)``", text):
        assert where(path).exists(), path


def test_the_folder_map_is_true() -> None:
    """Every file and folder in the README's map exists."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    _, _, rest = text.partition("\nLayout\n------\n")
    block = re.findall(
        r"^ {4}( *)(\S.*?) {2,}\S", rest.partition("\nDocumentation\n")[0], re.MULTILINE
    )
    assert len(block) > 10
    top = ""
    for indent, names in block:
        if not indent:
            top = names
        for name in names.split():
            assert where((top if indent else "") + name).exists(), name


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    """Each ``make`` command that the README shows exists."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^    |``)make ([\w-]+)", text, re.MULTILINE))
    assert targets == {"venv", "demo", "serve", "test", "bench", "bench-keys"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
