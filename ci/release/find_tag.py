"""Check the tag before anything is built, so that a wrong tag fails at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.commit import check_branch, check_clean, check_sources_only
from ci.checkout.version import find_places
from ci.errors import UserError, check_all, exit_with
from ci.package.project import read_project
from ci.release.check_tag import (
    check_releasable,
    check_tag_itself,
    find_tag,
    release_branch,
    tag_version,
    tags_to_release,
)

if TYPE_CHECKING:
    from packaging.version import Version

    from ci.package.project import Project


def main() -> None:
    """Check that the checkout in the current folder has a tag that can be released."""
    root = Path.cwd()
    project = read_project(root)
    tags = tags_to_release(root)
    versions = filter(None, map(tag_version, tags))
    likely = max(versions, key=partial(_likelihood, project), default=None)
    tag = find_tag(root, likely) if likely else tags[0]
    version = check_tag_itself(root, tag)
    check_all(
        partial(check_releasable, project, version),
        partial(check_branch, root, release_branch(project)),
        partial(check_clean, root),
        partial(check_sources_only, root),
    )
    print(f"the tag {tag} may be released, if the wheel will be {version}")


def _likelihood(project: Project, version: Version) -> tuple[bool, bool, Version]:
    """Return how likely the wheel will have `version`, as a key to sort by.

    A version that is written in the sources comes first, then one that can be released, then the
    highest.
    """
    written = bool(find_places(project.root, project.package_dir, version))
    try:
        check_releasable(project, version)
    except UserError:
        return written, False, version
    return written, True, version


if __name__ == "__main__":
    exit_with(main)
