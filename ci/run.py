"""Start a module of ci/, as the noxfile does: `python -I ci/run.py release.publish ARGUMENTS`.

Only `ci` becomes importable. The checkout itself is not on the import path, so a file in it can
neither take the place of a library nor register a plug-in of one (as `*.dist-info` folders do).
"""

from __future__ import annotations

import runpy
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def main() -> None:
    """Run the module that the first argument names, with the arguments after it."""
    checkout = Path(__file__).resolve().parents[1]
    spec = PathFinder.find_spec("ci", [str(checkout)])
    if spec is None or spec.loader is None:
        sys.exit(f"error: {checkout} has no folder ci/ with an __init__.py")
    sys.modules["ci"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["ci"])
    sys.argv = sys.argv[1:]
    runpy.run_module(f"ci.{sys.argv[0]}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
