"""The tag is the version, of this very commit, and may be released."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from ci.checkout.changelog import check_changelog
from ci.checkout.commit import check_branch, check_clean, check_commit
from ci.checkout.git import git, resolve
from ci.distributions.manifest import dist_folder
from ci.errors import UserError, exit_with
from ci.package.project import read_project

if TYPE_CHECKING:
    from ci.package.project import Project


def main() -> None:
    """Check that the checkout in the current folder may be released under its tag."""
    root = Path.cwd()
    check_commit(root, os.environ.get("SOURCE_COMMIT"))
    check_release(root)


def check_release(root: Path) -> None:
    """Everything that has to be true of the checkout before its version is published."""
    project = read_project(root)
    tag = find_tag(root, project.version)
    check_tag(project, tag)
    check_wheels(project, dist_folder(root))
    check_branch(root, os.environ.get("RELEASE_BRANCH") or project.settings.release_branch)
    check_clean(root)
    if project.settings.changelog:
        check_changelog(root / project.settings.changelog, project.version)
    print(f"tag {tag} is {project.name} {project.version}, ready for release")


def find_tag(root: Path, version: Version) -> str:
    """The tag to release: RELEASE_TAG, else the one at HEAD that means `version`."""
    named = os.environ.get("RELEASE_TAG")
    if named:
        return named
    tags = git(root, "tag", "--points-at", "HEAD").split()
    matching = [tag for tag in tags if _version_of(tag) == version]
    if matching:
        taken = max(matching, key=lambda tag: tag == f"v{version}")
        others = [tag for tag in tags if tag != taken]
        if others:
            print(f"HEAD has other tags as well, which are left alone: {', '.join(others)}")
        return taken
    if len(tags) == 1:
        return tags[0]
    if tags:
        raise UserError(
            "no-tag-matches",
            f"none of the tags at HEAD ({', '.join(tags)}) is the version {version}",
            f"git tag v{version}, or name the tag in RELEASE_TAG",
        )
    raise UserError(
        "no-tag",
        "RELEASE_TAG is not set, and there is no tag at HEAD",
        f"git tag v{version}, or name the tag in RELEASE_TAG",
    )


def _version_of(tag: str) -> Version | None:
    try:
        return Version(tag[1:]) if re.match(r"v\d", tag) else None
    except InvalidVersion:
        return None


def check_tag(project: Project, tag: str) -> None:
    """The tag exists, points to HEAD, and means the package's version, one that may be public."""
    version = _version_of(tag)
    if version is None:
        raise UserError(
            "tag-form",
            f"the tag is {tag!r}",
            'name it "v" and a PEP 440 version, such as v1.2.0 or v1.2.0rc1',
        )
    commit, head = resolve(project.root, f"refs/tags/{tag}"), resolve(project.root, "HEAD")
    if commit is None:
        raise UserError(
            "tag-unknown",
            f"there is no tag {tag} in this repository",
            f"git fetch --tags, or git tag {tag} and push it",
        )
    if commit != head:
        raise UserError(
            "tag-elsewhere",
            f"the tag {tag} is at {commit}, and HEAD is {head}",
            "check out the tag; if it was moved, delete it and release a new version instead",
        )
    if version != project.version:
        raise UserError(
            "tag-version",
            f"the tag {tag} is not the version {project.version} of"
            f" {project.version_file.as_posix()}",
            "change one of them, then tag again",
        )
    if version.local or version.is_devrelease:
        raise UserError(
            "version-not-public",
            f"{version} is a {'local' if version.local else 'development'} version",
            'release one such as "1.2.0" or "1.2.0rc1"',
        )


def check_wheels(project: Project, dist: Path) -> None:
    """What was built, if anything was, is that version."""
    for wheel in sorted(dist.glob("*.whl")):
        try:
            version = parse_wheel_filename(wheel.name)[1]
        except InvalidWheelFilename as error:
            raise UserError("wheel-name", str(error), f"empty {dist}, and build again") from None
        if version != project.version:
            raise UserError(
                "wheel-version",
                f"{wheel.name} was built as {version}, and the package is {project.version}",
                "build again (nox -s build)",
            )


if __name__ == "__main__":
    exit_with(main)
