"""Print pip constraints that install each direct dependency in its lowest supported version."""

import re
import sys
from importlib.metadata import requires

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*(?P<versions>[^;]*)")


def main() -> None:
    """Read the requirements of the installed package, as pip does."""
    bounds: dict[str, str] = {}
    for requirement in requires("flask-jwtlib") or []:
        parts = REQUIREMENT.match(requirement)
        lowest = parts and re.search(r">=\s*([\w.]+)", parts["versions"])
        if not parts or not lowest:
            sys.exit(f"{requirement!r} has no lower bound: add the oldest version that works")
        name = parts["name"].lower()
        if bounds.setdefault(name, lowest[1]) != lowest[1]:
            sys.exit(f"{name} has two lower bounds, {bounds[name]} and {lowest[1]}: keep one")
    for name, version in sorted(bounds.items()):
        print(f"{name}=={version}")


main()
