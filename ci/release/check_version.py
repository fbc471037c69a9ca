"""Check a version that a change sets: it must be new and have a changelog entry.

A change that leaves the version alone is not judged: until the next one is named, every commit has
the version that was published last. A development version is not judged either; it is never
released. An index that can't be read is said, and stops nobody: `ready` asks again.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import git, is_shallow, resolve
from ci.checkout.version import find_places, version_at
from ci.distributions.manifest import dist_folder, read_release
from ci.errors import UserError, check_all, exit_with
from ci.package.project import read_project
from ci.release.check_tag import check_entry, release_branch, tag_version
from ci.release.ready import published_versions
from ci.release.versions import check_above, check_public

if TYPE_CHECKING:
    from packaging.version import Version

    from ci.package.project import Project


def main() -> None:
    """Check the version in dist/, if this change sets it."""
    root = Path.cwd()
    project = read_project(root)
    version = read_release(dist_folder(root)).version
    base = change_base(root, release_branch(project))
    before = version_before(project, version, base) if base else highest_tag(root)
    if before is None and is_shallow(root):
        print(
            "not judged: this clone is shallow, so git can't tell whether this change sets the"
            f" version {version}; run `git fetch --unshallow`"
        )
        return
    if before in {None, version}:
        print(f"the version is {version}, and this change does not set it")
        return
    print(f"this change sets the version: {before} before, {version} now")
    try:
        check_public(version)
    except UserError as error:
        print(f"{error.found}, so it is not judged as a release")
        return
    check_all(
        partial(check_entry, project, version),
        partial(check_new, project, version, may_be_published=base is None),
    )


def change_base(root: Path, branch: str) -> str | None:
    """Return the release branch's commit where the change began; None if HEAD is on the branch.

    DESTINATION_COMMIT, where a pull request's event names one, is that branch as it was then.
    """
    for name in (
        os.environ.get("DESTINATION_COMMIT"),
        f"refs/remotes/origin/{branch}",
        f"refs/heads/{branch}",
    ):
        commit = resolve(root, name) if name else None
        base = _said(root, "merge-base", "HEAD", commit) if commit else None
        if base:
            return base if base != git(root, "rev-parse", "HEAD") else None
    return None


def version_before(project: Project, version: Version, base: str) -> Version | None:
    """Return the version at `base`, from the place of `version` now; None if there was none."""
    places = find_places(project.root, project.package_dir, version)
    before = (version_at(project.root, base, place) for place in places)
    return next(filter(None, before), None)


def highest_tag(root: Path) -> Version | None:
    """Return the highest version that has a tag before HEAD; None if there is none."""
    tags = _said(root, "tag", "--merged", "HEAD^") or ""
    return max(filter(None, map(tag_version, tags.split())), default=None)


def check_new(project: Project, version: Version, *, may_be_published: bool) -> None:
    """Raise UserError if `version` is not above all published versions.

    On the release branch it may be published: then publishing again is what is tried, and `publish`
    compares the bytes.
    """
    pypi_or_environment = argparse.Namespace(repository=None, repository_url=None, index_url=None)
    try:
        where, published = published_versions(project, pypi_or_environment)
    except UserError as error:
        print(f"not judged: {error.found}")
        return
    if not (may_be_published and version in published):
        check_above(version, published, where)


def _said(root: Path, *arguments: str) -> str | None:
    """Return git's output; None if git fails."""
    try:
        return git(root, *arguments)
    except UserError:
        return None


if __name__ == "__main__":
    exit_with(main)
