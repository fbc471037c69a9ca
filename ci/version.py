"""The tag is the version, of this very commit, and may be released."""

from __future__ import annotations

import argparse
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from ci.errors import Problem, exit_with
from ci.git import changed_files, git, resolve
from ci.project import dist_folder, read_project

if TYPE_CHECKING:
    from ci.project import Project

# "## [1.2.0] - 2026-11-23" of Keep a Changelog; also with a link, with "v", without brackets.
_ENTRY = re.compile(
    r"""^\#\#\ +\[?v?(?P<version>[^\]\s]+)\]?
        (?:\([^)\s]*\))?
        (?:\ +(?:[-\u2013\u2014]\ *)?\(?(?P<date>[^)\s]+))?""",
    re.MULTILINE | re.VERBOSE,
)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LISTED = 10


def main() -> None:
    """Check the checkout in the current folder; `--commit-only` checks only which commit it is."""
    parser = argparse.ArgumentParser(prog="nox -s version --", description=main.__doc__)
    parser.add_argument("--commit-only", action="store_true")
    arguments = parser.parse_args()
    root = Path.cwd()
    check_commit(root, os.environ.get("SOURCE_COMMIT"))
    if not arguments.commit_only:
        check_release(root)


def check_commit(root: Path, source_commit: str | None) -> None:
    """HEAD is the commit that an event named; nothing to compare when none did.

    An event on an annotated tag may name the tag object instead of the commit; either will do.
    """
    head = git(root, "rev-parse", "HEAD")
    if not source_commit:
        print(f"HEAD is {head}; SOURCE_COMMIT does not say what it should be")
        return
    if not _COMMIT.fullmatch(source_commit):
        raise Problem(
            "source-commit-form",
            f"SOURCE_COMMIT is {source_commit!r}",
            "give it the whole id of a commit; a name would agree with whatever is checked out",
        )
    wanted = resolve(root, source_commit)
    if wanted is None:
        raise Problem(
            "source-commit-unknown",
            f"SOURCE_COMMIT is {source_commit!r}, which is no commit of this checkout",
            "check out the commit that the event named, with the whole history",
        )
    if wanted != head:
        raise Problem(
            "source-commit-differs",
            f"HEAD is {head}, and the event was about {wanted} (SOURCE_COMMIT)",
            "start it again for the newer commit; what was cloned is not what was asked for",
        )
    print(f"HEAD is {head}, as SOURCE_COMMIT says")


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
        raise Problem(
            "no-tag-matches",
            f"none of the tags at HEAD ({', '.join(tags)}) is the version {version}",
            f"git tag v{version}, or name the tag in RELEASE_TAG",
        )
    raise Problem(
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
        raise Problem(
            "tag-form",
            f"the tag is {tag!r}",
            'name it "v" and a PEP 440 version, such as v1.2.0 or v1.2.0rc1',
        )
    commit, head = resolve(project.root, f"refs/tags/{tag}"), resolve(project.root, "HEAD")
    if commit is None:
        raise Problem(
            "tag-unknown",
            f"there is no tag {tag} in this repository",
            f"git fetch --tags, or git tag {tag} and push it",
        )
    if commit != head:
        raise Problem(
            "tag-elsewhere",
            f"the tag {tag} is at {commit}, and HEAD is {head}",
            "check out the tag; if it was moved, delete it and release a new version instead",
        )
    if version != project.version:
        raise Problem(
            "tag-version",
            f"the tag {tag} is not the version {project.version} of"
            f" {project.version_file.as_posix()}",
            "change one of them, then tag again",
        )
    if version.local or version.is_devrelease:
        raise Problem(
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
            raise Problem("wheel-name", str(error), f"empty {dist}, and build again") from None
        if version != project.version:
            raise Problem(
                "wheel-version",
                f"{wheel.name} was built as {version}, and the package is {project.version}",
                "build again (nox -s build)",
            )


def check_branch(root: Path, branch: str) -> None:
    """HEAD is on the release branch, here or on any remote."""
    if _branches(root, branch, "--contains", "HEAD"):
        return
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise Problem(
            "shallow-clone",
            f"this clone has no whole history, so it can't tell whether HEAD is on {branch}",
            "git fetch --unshallow, or have a full clone made",
        )
    if not _branches(root, branch):
        raise Problem(
            "release-branch-unseen",
            f"there is no branch {branch} here, nor on a remote",
            f"git fetch origin {branch}:refs/remotes/origin/{branch}, or name another in"
            " RELEASE_BRANCH or in release-branch of [tool.ci]",
        )
    raise Problem(
        "not-on-release-branch",
        f"HEAD is not on the release branch {branch}",
        "merge it there first, then tag the commit on that branch",
    )


def _branches(root: Path, name: str, *options: str) -> list[str]:
    """The branches of exactly that name; git's own patterns also match below it."""
    every = git(root, "for-each-ref", "--format=%(refname)", *options, "refs/heads", "refs/remotes")
    wanted = re.compile(rf"refs/(heads|remotes/[^/]+)/{re.escape(name)}")
    return [ref for ref in every.splitlines() if wanted.fullmatch(ref)]


def check_clean(root: Path) -> None:
    """Nothing differs from HEAD."""
    changed = changed_files(root)
    if changed:
        more = f", and {len(changed) - _LISTED} more" if len(changed) > _LISTED else ""
        raise Problem(
            "tree-dirty",
            f"the tree differs from HEAD: {', '.join(changed[:_LISTED])}{more}",
            "commit it, remove it, or have git ignore it",
        )


def check_changelog(path: Path, version: Version) -> None:
    """There is an entry for `version`, dated today or earlier.

    Tomorrow is fine too: the author's day may be ahead of UTC.
    """
    heading = f"## [{version}] - {datetime.now(UTC).date()}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            "changelog-unreadable",
            f"{path.name} can't be read ({error})",
            "write it, or set changelog = false in [tool.ci] for a package without one",
        ) from None
    entry = next((m for m in _ENTRY.finditer(text) if _is_version(m["version"], version)), None)
    if entry is None:
        raise Problem(
            "changelog-entry", f"{path.name} has no entry for {version}", f"add {heading!r}"
        )
    dated = _parse_date(entry["date"])
    if dated is None or dated > datetime.now(UTC).date() + timedelta(days=1):
        raise Problem(
            "changelog-date",
            f"{path.name} has {entry[0]!r}, without a date of today or earlier (YYYY-MM-DD)",
            f"make it {heading!r}",
        )


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def _parse_date(text: str | None) -> date | None:
    if not text or not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


if __name__ == "__main__":
    exit_with(main)
