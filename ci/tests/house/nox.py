"""Real nox on a noxfile, with arguments that start no session; and the noxfile alone."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]


def nox(
    *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What nox ends with in `folder`, whatever environment these tests were started in."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("NOX")}
    command = [sys.executable, "-m", "nox", *arguments]
    env = outer | dict(environment or {})
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@cache
def selected(*names: str, folder: Path = ROOT, **environment: str) -> dict[str, str]:
    """The sessions that nox would run for these, the required ones included, and of which name.

    A session that runs on two Pythons is listed as two of the same name. Without `names`: all.
    """
    options = ("--session", *names) if names else ("-k", "not nothing")
    done = nox("--list", "--json", *options, folder=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return {each["session"]: each["name"] for each in json.loads(done.stdout)}


def load_noxfile(*arguments: str, folder: Path = ROOT) -> dict[str, Any]:
    """What the noxfile defines in `folder` for these arguments of nox.

    Without arguments it is loaded as by a worker of nox; the main process does more at exit.
    """
    with (
        contextlib.chdir(folder),
        patch.object(sys, "argv", ["nox", *(arguments or ["--parallel-worker"])]),
        warnings.catch_warnings(action="ignore", category=FutureWarning),  # of the second time
    ):
        return runpy.run_path(str(ROOT / "noxfile.py"))


def names_of(*names: str, **environment: str) -> set[str]:
    """The names of those sessions."""
    return set(selected(*names, **environment).values())
