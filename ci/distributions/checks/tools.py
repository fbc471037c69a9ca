"""Run twine check and check-wheel-contents."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from ci.distributions.archive import is_wheel
from ci.distributions.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ci.package.project import Project


def twine_check(project: Project, distributions: Sequence[Path]) -> Iterator[Finding]:
    """Check with `twine check --strict` that PyPI accepts and renders the metadata."""
    about = ""
    names = {str(path): path.name for path in distributions}
    for line in _complaints(project, "twine", "--no-color", "check", "--strict", *names):
        checking = re.match("Checking (.+): ", line)
        if checking:
            about = names.get(checking[1], "")
        else:
            remedy = "fix [project] in pyproject.toml, or the file that its readme names"
            yield Finding(about, "", "twine-check", line.removesuffix("."), remedy)


def wheel_contents(project: Project, distributions: Sequence[Path]) -> Iterator[Finding]:
    """Run check-wheel-contents on a wheel, with the package's settings."""
    for path in filter(is_wheel, distributions):
        for line in _complaints(project, "check_wheel_contents", str(path)):
            yield Finding(
                path.name,
                "",
                "wheel-contents",
                line.removeprefix(f"{path}: "),
                "leave it out of the wheel; if it belongs there, add the code to ignore in"
                " [tool.check-wheel-contents]",
            )


def _complaints(project: Project, module: str, *arguments: str) -> list[str]:
    """Return a failed tool's output, line by line; nothing if it passed."""
    # Their environment is made anew each time; what was compiled of them is kept where ours is.
    kept = ("-X", f"pycache_prefix={sys.pycache_prefix}") if sys.pycache_prefix else ()
    done = subprocess.run(
        [sys.executable, "-I", *kept, "-u", "-m", module, *arguments],
        cwd=project.root,
        # rich folds lines for a dumb terminal, and colours them where FORCE_COLOR is set. twine
        # colours them in any case, without --no-color.
        env=os.environ | {"NO_COLOR": "1", "FORCE_COLOR": "", "TERM": "xterm", "COLUMNS": "1000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not done.returncode:
        return []
    # An indented line goes on with what the one before it says.
    folded = re.sub(r"\n[ \t]+", " ", done.stdout)
    return [" ".join(line.split()) for line in folded.splitlines() if line.strip()]
