"""What the documents name exists, and what exists is named."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from pathlib import Path

import pytest

import flask_jwtlib
import flask_jwtlib.testing
import flask_jwtlib_strategies
from flask_jwtlib.testing import contracts

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst"))
)


def test_every_public_name_is_listed(public_names: set[str]) -> None:
    """``docs/api.rst`` lists the public names, all of them and no others."""
    catalogue = (
        importlib.import_module(f"flask_jwtlib_strategies.{module.name}")
        for module in pkgutil.iter_modules(flask_jwtlib_strategies.__path__)
    )
    packages = (flask_jwtlib, flask_jwtlib.testing, contracts, *catalogue)
    assert public_names == {name for package in packages for name in package.__all__}


def where(path: str) -> Path:
    """Find a file of the repository, whose two packages may be installed from a wheel."""
    top, _, rest = path.partition("/")
    if top == "flask_jwtlib":
        return Path(flask_jwtlib.__file__).parent / rest
    if top == "strategies":
        return Path(str(flask_jwtlib_strategies.__file__)).parent.parent / rest
    return ROOT / path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_is_there(document: str) -> None:
    """Links to files of the repository, and paths in the text, lead somewhere."""
    text = (ROOT / document).read_text(encoding="utf-8")
    folder = (ROOT / document).parent
    for target in re.findall(r"`[^`<]+<([^`<>:]+)>`_", text):
        path = os.path.relpath(folder / target, ROOT)
        assert where(path).exists(), target
    for path in re.findall(r"``((?:examples|docs|tests|flask_jwtlib|strategies)/[\w/.-]*)``", text):
        assert where(path).exists(), path


def test_the_folder_map_is_true() -> None:
    """Every file and folder in the README's map is there."""
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    _, _, rest = text.partition("What is where\n-------------\n")
    block = re.findall(r"^ {4}( *)(\S.*?) {2,}\S", rest.partition("\nRead on\n")[0], re.MULTILINE)
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
    targets = re.findall(r"^ *\$ make (\w+)", text, re.MULTILINE)
    assert targets == ["demo", "serve", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
