"""Build the distributions: an sdist, and a wheel from that sdist.

They go into a folder of their own, unchecked. Only `ci.distributions.check` puts them into dist/.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from build import BuildBackendException, BuildException, ProjectBuilder

from ci.checkout.git import commit_time, git
from ci.distributions.checks import matches
from ci.distributions.manifest import clear, dist_folder
from ci.distributions.normalize import BROKEN_TAR, normalize_sdist
from ci.errors import UserError, exit_with, printable
from ci.package.project import read_project

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ci.package.project import Project


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
    """Return the packages' files that git does not track or ignore, and no setting allows."""
    options = ("--others", "--exclude-standard", "-z")
    folders = map(str, project.packages.values())
    names = git(project.root, "ls-files", *options, "--", *folders).split("\0")
    return [name for name in names if name and not matches(name, project.settings.not_in_git)]


def build(root: Path, out: Path) -> None:
    """Build the package in `root` into the folder `out`: an sdist, and from it a wheel.

    The backend is the installed one, pinned by its lock. SOURCE_DATE_EPOCH is when HEAD was
    committed. Raises UserError when the backend fails.
    """
    out = out.resolve()
    epoch = commit_time(root)
    sdist = _call_backend("sdist", root, out, epoch)
    with tempfile.TemporaryDirectory(prefix="sdist-") as folder:
        try:
            normalize_sdist(sdist, epoch=epoch)
            with tarfile.open(sdist) as members:
                members.extractall(folder, filter="data")
        except BROKEN_TAR as problem:
            raise _failed("sdist", root, f"{sdist.name} can't be unpacked: {problem}") from None
        _call_backend("wheel", Path(folder, sdist.name.removesuffix(".tar.gz")), out, epoch)


def _call_backend(kind: Literal["sdist", "wheel"], source: Path, out: Path, epoch: int) -> Path:
    def run(
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        env = {**os.environ, **(extra_environ or {}), "SOURCE_DATE_EPOCH": str(epoch)}
        # Some backends put the modes of files that they make into the wheel.
        subprocess.run(cmd, cwd=cwd, env=env, umask=0o022, check=True)

    try:
        builder = ProjectBuilder(source, runner=run)
        missing = [chain[-1] for chain in builder.check_dependencies(kind)]
        if missing:
            raise _failed(kind, source, f"missing in the environment: {', '.join(sorted(missing))}")
        made = Path(builder.build(kind, out))
    except (BuildException, BuildBackendException) as problem:
        raise _failed(kind, source, str(problem)) from None
    if made.parent != out or not made.is_file():
        raise _failed(kind, source, f"the backend says {str(made)!r}, which is no file in {out}")
    print(f"built {printable(made.name)}", flush=True)
    return made


def _failed(kind: str, source: Path, why: str) -> UserError:
    return UserError(
        "build-failed",
        f"the {kind} of {source.name} was not built: {printable(why)}",
        "fix the error above; if a requirement is missing, add it to requires in"
        " [build-system] and run `nox -s lock`",
    )


if __name__ == "__main__":
    exit_with(main)
