"""Build the distributions: an sdist, and a wheel from that sdist.

They go into a folder of their own, unchecked. Only `ci.distributions.check` puts them into dist/.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import commit_time, git
from ci.distributions.checks import matches
from ci.distributions.manifest import NAME as MANIFEST
from ci.distributions.manifest import dist_folder
from ci.distributions.normalize import normalize_sdist
from ci.errors import UserError, exit_with, printable
from ci.package.project import read_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.package.project import Project

_LEFT_BY_BUILDS = (".tar.gz", ".zip", ".whl", ".asc", ".gitignore")


def main(argv: Sequence[str] | None = None) -> None:
    """Build the package in the current folder into the folder OUT, and empty dist/."""
    parser = argparse.ArgumentParser(prog="nox -s wheel --", description=main.__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args(argv).out
    root = Path.cwd()
    clear(dist_folder(root))  # it would be of another state of the sources
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    build(root, out)
    for name in untracked_sources(read_project(root)):
        print(
            f"warning: git does not track {printable(name)}: git add it, or `build` will refuse it"
        )


def untracked_sources(project: Project) -> list[str]:
    """Return the package's files that git does not track or ignore, and no setting allows."""
    options = ("--others", "--exclude-standard", "-z")
    names = git(project.root, "ls-files", *options, "--", str(project.package_dir)).split("\0")
    return [name for name in names if name and not matches(name, project.settings.not_in_git)]


def clear(dist: Path) -> None:
    """Remove the files of an earlier build.

    Raises UserError when `dist` holds anything but what a build leaves: it is the user's then.
    """
    if not os.path.lexists(dist):
        return
    foreign = _foreign(dist)
    if foreign:
        raise UserError(
            "dist-not-ours",
            f"the build would empty {dist}, but {foreign} is not from a build",
            "move it to another place, or set DIST_DIR to another folder",
        )
    shutil.rmtree(dist)


def _foreign(dist: Path) -> str | None:
    if dist.is_symlink() or not dist.is_dir():
        return "the path itself"
    # Under another name it is ours only with our manifest: anybody may keep archives in a folder.
    ours = dist.name == "dist" or (dist / MANIFEST).is_file()
    for path in sorted(dist.iterdir()):
        if path.is_dir() or not ours or not path.name.endswith((*_LEFT_BY_BUILDS, MANIFEST)):
            return path.name
    return None


def build(root: Path, out: Path) -> None:
    """Build the package in `root` into the folder `out`: an sdist, and from it a wheel.

    The backend is the installed one, pinned by its lock. SOURCE_DATE_EPOCH is when HEAD was
    committed. Raises UserError when the backend fails.
    """
    epoch = commit_time(root)
    _run_build("--sdist", source=root, out=out, epoch=epoch)
    for sdist in out.glob("*.tar.gz"):
        normalize_sdist(sdist, epoch=epoch)
        _run_build("--wheel", source=sdist, out=out, epoch=epoch)


def _run_build(kind: str, *, source: Path, out: Path, epoch: int) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "build", kind, "--no-isolation", "--outdir", out, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        # Some backends put the modes of files that they make into the wheel.
        umask=0o022,
        check=False,
    )
    if done.returncode:
        raise UserError(
            "build-failed",
            f"python -m build {kind} failed for {source.name}",
            "fix the error above; if a requirement is missing, add it to requires in"
            " [build-system] and run `nox -s lock`",
        )


if __name__ == "__main__":
    exit_with(main)
