"""Check the distributions that were built, and put them into dist/ with their manifest.

dist/ is there only when every check of `ci.distributions.checks` has passed.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ci.distributions.build import clear
from ci.distributions.checks import contents, identity, privacy, tools
from ci.distributions.manifest import NAME as MANIFEST
from ci.distributions.manifest import dist_folder, write_manifest
from ci.errors import UserError, exit_with
from ci.package.project import read_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.distributions.checks import Finding
    from ci.package.project import Project

GATES = (
    identity.size,
    identity.metadata,
    identity.stated_version,
    contents.safe_paths,
    contents.roots,
    contents.untracked,
    contents.missing,
    privacy.private_names,
    privacy.secrets,
    tools.twine_check,
    tools.wheel_contents,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Check the distributions in the folder BUILT; leave DIST_DIR (dist/), or nothing."""
    parser = argparse.ArgumentParser(prog="nox -s build --", description=main.__doc__)
    parser.add_argument("built", type=Path)
    built = parser.parse_args(argv).built
    root = Path.cwd()
    dist = dist_folder(root)
    clear(dist)
    require_clean(inspect(read_project(root), built))
    copy(built, dist)
    print((dist / MANIFEST).read_text(encoding="utf-8"), end="")


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


def copy(built: Path, dist: Path) -> None:
    """Copy what was `built` to `dist`; the manifest comes last, so it vouches for a whole."""
    try:
        dist.mkdir(parents=True)
        for path in sorted(built.iterdir()):
            shutil.copyfile(path, dist / path.name)
        write_manifest(dist)
    except BaseException:
        shutil.rmtree(dist, ignore_errors=True)
        raise


if __name__ == "__main__":
    exit_with(main)
