"""Check the distributions that were built, and put them into dist/ with their manifest.

dist/ is there only when every check of `ci.distributions.checks` has passed.
"""

from __future__ import annotations

import argparse
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.tree import committed_tree, working_tree
from ci.distributions.archive import read_archive
from ci.distributions.checks import (
    Subject,
    contents,
    identity,
    privacy,
    provenance,
    require_clean,
    tools,
)
from ci.distributions.checks.packing import packing
from ci.distributions.manifest import NAME as MANIFEST
from ci.distributions.manifest import clear, dist_folder, write_manifest
from ci.errors import exit_with
from ci.package.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.checkout.tree import Tree
    from ci.distributions.checks import Finding
    from ci.package.project import Project

GATES = (
    identity.size,
    *provenance.GATES,
    contents.roots,
    contents.missing,
    privacy.private_names,
    privacy.text,
    privacy.secrets,
)
TOOLS = (tools.twine_check, tools.wheel_contents)


def main(argv: Sequence[str] | None = None) -> None:
    """Check the distributions in the folder BUILT; if they pass, copy them to DIST_DIR (dist/)."""
    parser = argparse.ArgumentParser(prog="nox -s build --", description=main.__doc__)
    parser.add_argument("built", type=Path)
    built = parser.parse_args(argv).built.absolute()
    root = Path.cwd()
    dist = dist_folder(root)
    clear(dist)
    require_clean(inspect(read_project(root), built, sources(root)))
    copy(built, dist)
    print((dist / MANIFEST).read_text(encoding="utf-8"), end="")


def sources(root: Path) -> Tree:
    """Return the files that the distributions are compared with: those of HEAD.

    Where no event named the commit, as on a laptop, uncommitted changes of tracked files count.
    """
    if os.environ.get("SOURCE_COMMIT"):
        return committed_tree(root)
    tree = working_tree(root)
    if tree.changed:
        print(
            f"compared with the working tree, where {len(tree.changed)} file(s) are not committed"
        )
    return tree


def inspect(project: Project, folder: Path, tree: Tree) -> list[Finding]:
    """Return the findings of all checks of the distributions in `folder`."""
    found = list(identity.file_names(project, folder))
    named = {finding.distribution for finding in found}
    paths = [path for path in sorted(folder.iterdir()) if path.name not in named]
    archives = [read_archive(path, max_size=project.settings.max_size) for path in paths]
    sound = [archive for archive in archives if not archive.problem]
    with ThreadPoolExecutor() as pool:  # the tools are processes of their own
        told = [
            pool.submit(list, tool(project, [a.path for a in sound])) for tool in TOOLS if sound
        ]
        for archive in archives:
            found += examine(Subject(project, archive, tree))
        return found + [finding for each in told for finding in each.result()]


def examine(subject: Subject) -> Iterator[Finding]:
    """Return the findings about one distribution; only the packing's, if that is bad."""
    if subject.archive.problem:
        yield from identity.size(subject)
        yield from packing(subject)
        return
    for gate in GATES:
        yield from gate(subject)


def copy(built: Path, dist: Path) -> None:
    """Copy the `built` files to `dist`; the manifest last, so that it lists no missing file."""
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
