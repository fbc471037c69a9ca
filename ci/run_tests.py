"""Run pytest in the environment of the wheel, and name files in its reports as git has them.

The installed package is what is tested and stays so. Its files lie in site-packages, where nobody
edits them: where the checkout has the same file, byte for byte, a traceback names that one. This
runs on the package's own Pythons, with pytest and nothing else of the pipeline.
"""

from __future__ import annotations

import filecmp
import sys
from pathlib import Path

import pytest


def name_in_checkout(path: str) -> str:
    """The same file below the current folder or its src/, or `path` if there is none."""
    parts = Path(path).parts
    if "site-packages" in parts:
        inside = Path(*parts[parts.index("site-packages") + 1 :])
        for candidate in (Path("src") / inside, inside):
            if candidate.is_file() and filecmp.cmp(path, candidate, shallow=False):
                return str(candidate)
    return path


class NamesInCheckout:
    """A plugin of pytest that rewrites the paths of tracebacks, which every report then has."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Rewrite the file of every entry of the report's traceback, and of its causes."""
        for traceback, *_ in getattr(report.longrepr, "chain", ()):
            for entry in traceback.reprentries:
                location = getattr(entry, "reprfileloc", None)
                if location:
                    location.path = name_in_checkout(location.path)


if __name__ == "__main__":
    del sys.path[0]  # the folder ci/, in which modules have names of libraries
    sys.exit(pytest.main(plugins=[NamesInCheckout()]))
