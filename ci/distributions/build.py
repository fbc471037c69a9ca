"""Build the distributions, and let nothing into dist/ that must not be published.

An sdist, a wheel from that sdist, the checks of `ci.distributions.checks`, then the manifest. dist/
is there only when all of it went well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import commit_time
from ci.distributions.checks import contents, identity, privacy, tools
from ci.distributions.manifest import NAME as MANIFEST
from ci.distributions.manifest import write_manifest
from ci.distributions.normalize import normalize_sdist
from ci.errors import UserError, exit_with
from ci.package.project import dist_folder, read_project

if TYPE_CHECKING:
    from ci.distributions.checks import Finding
    from ci.package.project import Project

GATES = (
    identity.size,
    identity.metadata,
    contents.safe_paths,
    contents.roots,
    contents.untracked,
    contents.missing,
    privacy.private_names,
    privacy.secrets,
    tools.twine_check,
    tools.wheel_contents,
)

_LEFT_BY_BUILDS = (".tar.gz", ".zip", ".whl", ".asc", ".gitignore")


def main() -> None:
    """Build and check the package in the current folder; leave DIST_DIR (dist/), or nothing."""
    root = Path.cwd()
    dist = dist_folder(root)
    clear(dist)
    project = read_project(root)
    with tempfile.TemporaryDirectory(prefix="dist-") as scratch:
        built = Path(scratch)
        build(project.root, built)
        require_clean(inspect(project, built))
        move(built, dist)
    print((dist / MANIFEST).read_text(encoding="utf-8"), end="")


def clear(dist: Path) -> None:
    """Remove what an earlier build left.

    Raises UserError when `dist` holds anything but what a build leaves: it is the user's then.
    """
    if not os.path.lexists(dist):
        return
    foreign = _foreign(dist)
    if foreign:
        raise UserError(
            "dist-not-ours",
            f"{dist} is to be emptied, and {foreign} is nothing that a build leaves there",
            "move it elsewhere, or name another folder in DIST_DIR",
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
        with tempfile.TemporaryDirectory(prefix="sdist-") as sources:
            # A compiler notes where the sources lay, under a name that is another each time.
            flags = f"{os.environ.get('CFLAGS', '')} -ffile-prefix-map={sources}=."
            where = f"--sdist-extract-dir={sources}"
            _run_build("--wheel", where, source=sdist, out=out, epoch=epoch, CFLAGS=flags)


def _run_build(*options: str, source: Path, out: Path, epoch: int, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "build", *options, "--no-isolation", "--outdir", out, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), **environment},
        # Some backends put the modes of files that they make into the wheel.
        umask=0o022,
        check=False,
    )
    if done.returncode:
        raise UserError(
            "build-failed",
            f"python -m build {options[0]} failed for {source.name}",
            "mend what it says above; the build's requirements come from their lock",
        )


def inspect(project: Project, folder: Path) -> list[Finding]:
    """Everything that any gate objects to in the distributions in `folder`."""
    found = list(identity.file_names(project, folder))
    for distribution in sorted([*folder.glob("*.tar.gz"), *folder.glob("*.whl")]):
        for gate in GATES:
            found += gate(project, distribution)
    return found


def require_clean(findings: list[Finding]) -> None:
    """Raise a UserError that lists all `findings`, a line each, if there are any."""
    if not findings:
        return
    lines = "".join(f"\n  {finding}" for finding in findings)
    raise UserError(
        "gates",
        f"the distributions must not be published, for {len(findings)} reason(s):{lines}\n"
        "so no distribution is left behind",
        "mend every line above, then build again",
    )


def move(built: Path, dist: Path) -> None:
    """Move what was `built` to `dist`; the manifest comes last, so it vouches for a whole."""
    try:
        dist.mkdir(parents=True)
        for path in sorted(built.iterdir()):
            shutil.move(path, dist / path.name)
        write_manifest(dist)
    except BaseException:
        shutil.rmtree(dist, ignore_errors=True)
        raise


if __name__ == "__main__":
    exit_with(main)
