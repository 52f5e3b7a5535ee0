"""Check that the wheel has both packages, their type markers and the licence, and nothing else.

check-wheel-contents compares the wheel with the source tree, this script with what the project promises.
"""

import sys
from zipfile import ZipFile

PACKAGES = ("flask_jwtlib", "flask_jwtlib_strategies")
DEPENDENCIES = {"attrs", "cryptography", "flask", "python-jose"}


def faults(wheel: ZipFile) -> list[str]:
    """List what is wrong with the wheel, one line for each fault."""
    names = wheel.namelist()
    info = next(top for name in names if (top := name.split("/")[0]).endswith(".dist-info"))
    expected = [f"{package}/{file}" for package in PACKAGES for file in ("__init__.py", "py.typed")]
    expected += [f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"]
    found = [f"{name} is missing" for name in expected if name not in names]
    found += [
        f"{name} is unexpected"
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
        found.append(f"it requires {sorted(required)}; expected {sorted(DEPENDENCIES)}")
    return found


def main() -> None:
    """Check the wheel whose path is the first argument."""
    with ZipFile(sys.argv[1]) as wheel:
        if found := faults(wheel):
            sys.exit("\n".join(found))
        print(f"{len(wheel.namelist())} files, as expected")


main()
