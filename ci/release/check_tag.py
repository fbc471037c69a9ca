"""Check that the tag equals the built wheel's version, is at HEAD, and can be released."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from ci.checkout.changelog import check_changelog
from ci.checkout.commit import check_branch, check_clean, check_commit, check_sources_only
from ci.checkout.git import git, resolve
from ci.distributions.archive import read_archive
from ci.distributions.manifest import dist_folder, read_release
from ci.distributions.metadata import is_version, metadata_version, stated_versions
from ci.errors import UserError, exit_with, printable
from ci.package.project import read_project
from ci.release.versions import check_public

if TYPE_CHECKING:
    from ci.distributions.manifest import Release
    from ci.package.project import Project


def main() -> None:
    """Check that the checkout in the current folder can be released under its tag."""
    root = Path.cwd()
    check_commit(root, os.environ.get("SOURCE_COMMIT"))
    check_sources_only(root)
    check_release(root)


def check_release(root: Path) -> None:
    """Check everything that must be true of the checkout and dist/ before publishing."""
    project = read_project(root)
    release = read_release(dist_folder(root))
    tag = find_tag(root, release.version)
    check_tag(root, tag, release.version)
    check_wheel(project, release)
    check_branch(root, release_branch(project))
    check_clean(root)
    check_entry(project, release.version)
    print(f"tag {tag} is {project.name} {release.version}, ready for release")


def release_branch(project: Project) -> str:
    """Return the branch that releases come from: RELEASE_BRANCH, else the one in `[tool.ci]`."""
    return os.environ.get("RELEASE_BRANCH") or project.settings.release_branch


def check_entry(project: Project, version: Version) -> None:
    """Check that the changelog has an entry for `version`, unless the package has no changelog."""
    if project.settings.changelog:
        check_changelog(project.root / project.settings.changelog, version)


def check_releasable(project: Project, version: Version) -> None:
    """Check that `version` is public and, only then, that the changelog has an entry for it."""
    check_public(version)
    check_entry(project, version)


def tag_version(tag: str) -> Version | None:
    """Return the version in a tag such as "v1.2.0"; None if the tag has another form."""
    try:
        return Version(tag[1:]) if re.match(r"v\d", tag) else None
    except InvalidVersion:
        return None


def tags_to_release(root: Path) -> list[str]:
    """Return the tag in RELEASE_TAG, else all tags at HEAD. Raises UserError if there is none."""
    named = os.environ.get("RELEASE_TAG")
    tags = [named] if named else git(root, "tag", "--points-at", "HEAD").split()
    if not tags:
        raise UserError(
            "no-tag",
            "RELEASE_TAG is not set, and there is no tag at HEAD",
            "run `nox -s ready`; it says what is missing and how to tag",
        )
    return tags


def find_tag(root: Path, version: Version) -> str:
    """Return the tag to release: RELEASE_TAG, else the one at HEAD that matches `version`."""
    tags = tags_to_release(root)
    matching = [tag for tag in tags if tag_version(tag) == version]
    if matching:
        taken = max(matching, key=lambda tag: tag == f"v{version}")
        others = [tag for tag in tags if tag != taken]
        if others:
            names = printable(", ".join(others))
            print(f"HEAD has other tags too, which are ignored: {names}")
        return taken
    if len(tags) == 1:
        return tags[0]
    raise UserError(
        "no-tag-matches",
        f"none of the tags at HEAD ({', '.join(tags)}) matches the version {version}",
        f"run `git tag v{version}`, or set RELEASE_TAG to the right tag",
    )


def check_tag_itself(root: Path, tag: str) -> Version:
    """Return the version in the tag. Raises UserError if it is no version tag at HEAD."""
    version = tag_version(tag)
    if version is None:
        raise UserError(
            "tag-form",
            f"the tag is {tag!r}",
            'use "v" and a PEP 440 version, such as v1.2.0 or v1.2.0rc1',
        )
    commit, head = resolve(root, f"refs/tags/{tag}"), resolve(root, "HEAD")
    if commit is None:
        raise UserError(
            "tag-unknown",
            f"there is no tag {tag} in this repository",
            f"run `git fetch --tags`; if the tag is not at origin either, run `git tag {tag}`"
            " and push it",
        )
    if commit != head:
        raise UserError(
            "tag-elsewhere",
            f"the tag {tag} is at {commit}, but HEAD is {head}",
            f"run `git switch --detach {tag}`; if the tag was moved, delete it and release a new"
            " version",
        )
    return version


def check_tag(root: Path, tag: str, built: Version) -> None:
    """Check that the tag exists, points to HEAD, and equals the built, public version."""
    version = check_tag_itself(root, tag)
    if version != built:
        raise UserError(
            "tag-version",
            f"the tag {tag} does not match the version {built} of the built wheel",
            "change one of them, then tag again; if the version comes from the tag, build again",
        )
    check_public(version)


def check_wheel(project: Project, release: Release) -> None:
    """Check that the wheel's metadata, and `__version__` if it has one, equal the version.

    Raises UserError for another name or version.
    """
    if release.name != project.normalized_name:
        raise UserError(
            "wheel-name",
            f"{release.folder} has {release.name}, but this package is {project.name}",
            "run `nox -s build`",
        )
    name = next(iter(release.files))
    wheel = read_archive(release.folder / name, max_size=project.settings.max_size)
    says = [("the metadata", metadata_version(wheel))]
    says += [
        (f"__version__ in {path}", text)
        for path, text in stated_versions(wheel, project.import_name)
    ]
    for what, text in says:
        if not is_version(text, release.version):
            raise UserError(
                "wheel-version",
                f"{what} of {name} is {text!r}, not {release.version}",
                "keep the version in one place, then run `nox -s build`",
            )


if __name__ == "__main__":
    exit_with(main)
