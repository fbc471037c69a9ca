"""Check the tag before anything is built, so that a wrong tag fails at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.commit import check_branch, check_clean, check_sources_only
from ci.checkout.version import all_places, find_places, parse_version
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
        partial(check_meant, project, tag, version),
        partial(check_branch, root, release_branch(project)),
        partial(check_clean, root),
        partial(check_sources_only, root),
    )
    print(f"the tag {tag} may be released, if the wheel will be {version}")


def check_meant(project: Project, tag: str, version: Version) -> None:
    """Check that the tag's `version` can be released.

    Raises UserError. If the sources have another version that can be, the tag is mistyped.
    """
    try:
        check_releasable(project, version)
    except UserError:
        places = all_places(project.root, project.package_dir)
        written = set(filter(None, (parse_version(place.value) for place in places)))
        meant = max(written, key=partial(_likelihood, project), default=version)
        if version in written or not _may_be_released(project, meant):
            raise
        raise UserError(
            "tag-version",
            f"the tag is {tag}, but the package says {meant}",
            f"delete the tag (`git tag -d {tag}`, and `git push origin --delete {tag}` if you"
            f" pushed it), then run `nox -s ready`",
        ) from None


def _likelihood(project: Project, version: Version) -> tuple[bool, bool, Version]:
    """Return how likely the wheel will have `version`, as a key to sort by.

    A version that is written in the sources comes first, then one that can be released, then the
    highest.
    """
    written = bool(find_places(project.root, project.package_dir, version))
    return written, _may_be_released(project, version), version


def _may_be_released(project: Project, version: Version) -> bool:
    try:
        check_releasable(project, version)
    except UserError:
        return False
    return True


if __name__ == "__main__":
    exit_with(main)
