"""Start a module of ci/, as the noxfile does: `python -I ci/run.py release.publish ARGUMENTS`.

Only `ci` becomes importable. The checkout itself is not on the import path, so a file in it can
neither take the place of a library nor register a plug-in of one (as `*.dist-info` folders do).
And only sources are imported from ci/: an extension module, which nobody can review, would win.
"""

from __future__ import annotations

import runpy
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, PathFinder, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import PathEntryFinder


def main() -> None:
    """Run the module that the first argument names, with the arguments after it."""
    checkout = Path(__file__).resolve().parents[1]
    sources = FileFinder.path_hook((SourceFileLoader, SOURCE_SUFFIXES))

    def only_sources(path: str) -> PathEntryFinder:
        if Path(path) != checkout and not Path(path).is_relative_to(checkout / "ci"):
            raise ImportError(path)  # the next hook's
        return sources(path)

    sys.path_hooks.insert(0, only_sources)
    spec = PathFinder.find_spec("ci", [str(checkout)])
    if spec is None or spec.loader is None:
        sys.exit(
            f"error: {checkout} has no folder ci/ with an __init__.py\n"
            "help: restore it: git checkout -- ci"
        )
    sys.modules["ci"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["ci"])
    sys.argv = sys.argv[1:]
    runpy.run_module(f"ci.{sys.argv[0]}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
