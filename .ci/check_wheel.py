"""Check that the wheel holds both packages with their type markers, the licence, and nothing else.

check-wheel-contents compares the wheel with the source tree; this knows what this project promises.
"""

import sys
from zipfile import ZipFile

PACKAGES = ("flask_jwtlib", "flask_jwtlib_strategies")
DEPENDENCIES = {"attrs", "cryptography", "flask", "python-jose"}


def faults(wheel: ZipFile) -> list[str]:
    """Say what is wrong with the wheel, one line each."""
    names = wheel.namelist()
    info = next(top for name in names if (top := name.split("/")[0]).endswith(".dist-info"))
    wanted = [f"{package}/{file}" for package in PACKAGES for file in ("__init__.py", "py.typed")]
    wanted += [f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"]
    found = [f"{name} is missing" for name in wanted if name not in names]
    found += [
        f"{name} does not belong there"
        for name in names
        if not name.startswith(f"{info}/")
        and not (name.split("/")[0] in PACKAGES and name.endswith((".py", "/py.typed")))
    ]
    required = {
        line.partition(":")[2].split("[")[0].split(">")[0].strip().lower()
        for line in wheel.read(f"{info}/METADATA").decode().partition("\n\n")[0].splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    }
    if required != DEPENDENCIES:
        found.append(f"it requires {sorted(required)}, promised are {sorted(DEPENDENCIES)}")
    return found


def main() -> None:
    """Take the wheel's path from the command line."""
    with ZipFile(sys.argv[1]) as wheel:
        if found := faults(wheel):
            sys.exit("\n".join(found))
        print(f"{len(wheel.namelist())} files, all of them where they belong")


main()
