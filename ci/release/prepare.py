"""Write a new version and its changelog entry; show the diff, commit nothing.

All of it is written or nothing: the build backend is asked what it reads then. A version that comes
from git's tags is written nowhere, so there it is the changelog alone.
"""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.version import Version

from ci.checkout.changelog import entries, headings, new_heading, read_changelog
from ci.checkout.git import git, is_shallow
from ci.checkout.version import (
    ASSIGNMENT,
    PYPROJECT,
    candidates,
    find_places,
    parse_version,
    text_at,
)
from ci.distributions.version import backend_version
from ci.errors import UserError, exit_with, printable
from ci.package.project import read_project
from ci.release.check_tag import tag_version
from ci.release.versions import check_above, check_public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from ci.checkout.changelog import Entry
    from ci.checkout.version import Place
    from ci.package.project import Project

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINKS = re.compile(r"(?:^\[[^\]\n]+\]: .*\n?|\n)*\Z", re.MULTILINE)
# "[unreleased]: https://…/compare/v1.1.0...HEAD", as Keep a Changelog has it at its end.
_COMPARISON = re.compile(
    r"^(?P<label>\[unreleased\]: *)(?P<address>\S+/)(?P<last>[^\s/]+?)\.\.\.HEAD[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Write VERSION and its changelog entry into the package in the current folder."""
    version = _parse(argv).version
    project = read_project(Path.cwd())
    current = check_next(project, version)
    place = find_place(project, current)
    changes = {}
    if place and version != current:
        changes[place.path] = with_version(place, _text(project, place.path), version)
    if project.settings.changelog:
        path = Path(project.settings.changelog)
        text = read_changelog(project.root / path)
        today = datetime.now(UTC).date()
        changes[path] = with_entry(project.root, path, text, version, today)
    for path, text in changes.items():
        # A commit's subject may become an entry.
        print("\n".join(map(printable, diff(path, _text(project, path), text).splitlines())))
    write(project, changes, confirm=version if place else None)
    print(f"{project.name} {version} is written, but not committed. If the diff is right:\n")
    print(f'    git commit -am "Release {version}"')
    ready = "nox -s ready" if place else f"nox -s ready -- {version}"
    print(f"\nthen push it, have it merged, and run `{ready}` on the release branch")


def check_next(project: Project, version: Version) -> Version:
    """Return the current version; check that `version` can follow it.

    The one that the checkout has may be named, if no tag is of it yet: a first release has that.
    Raises UserError for a version that is not public, or not above the current one.
    """
    check_public(version)
    current = backend_version(project.root)
    if version != current or version in _tagged(project.root):
        check_above(version, [current], "this checkout")
    return current


def find_place(project: Project, current: Version) -> Place | None:
    """Return the one place where the version is written; None if it comes from git's tags.

    Raises UserError for two places, and for none where it does not come from tags.
    """
    places = find_places(project.root, project.package_dir, current)
    if len(places) == 1:
        return places[0]
    if places:
        raise UserError(
            "version-places",
            f"the version {current} is written in {len(places)} places: "
            + ", ".join(map(str, places)),
            "keep it in one of them and let the others read it, or change all of them by hand",
        )
    if current.is_devrelease or current.local or current in _tagged(project.root, "HEAD"):
        return None
    files = candidates(project.root, project.package_dir)
    raise UserError(
        "version-place",
        f"the version {current} is in none of these files: {', '.join(map(str, files))}",
        "change the version by hand, in the file that has it",
    )


def _tagged(root: Path, *where: str) -> set[Version]:
    """Return the versions of all tags, or of the tags at a commit."""
    options = [f"--points-at={commit}" for commit in where]
    versions = map(tag_version, git(root, "tag", *options).split())
    return {version for version in versions if version}


# --- the version ---------------------------------------------------------------------------------


def with_version(place: Place, text: str, version: Version) -> str:
    """Return `text`, the file of `place`, with `version` in that place."""
    if place.path == PYPROJECT:
        document = tomlkit.parse(text)
        *tables, key = place.key.split(".")
        table: Any = document
        for name in tables:
            table = table[name]
        table[key] = str(version)
        return tomlkit.dumps(document)
    if not place.key:
        return text.replace(place.value, str(version))
    return ASSIGNMENT.sub(
        lambda found: (
            f"{found['before']}{version}"
            if (found["name"], found["value"]) == (place.key, place.value)
            else found[0]
        ),
        text,
    )


# --- the changelog -------------------------------------------------------------------------------


def with_entry(root: Path, path: Path, text: str, version: Version, day: date) -> str:
    """Return the changelog `text` with an entry for `version`: unreleased changes or commits.

    Raises UserError when it has a dated entry already, or an uncommitted one for another version,
    or nothing has changed.
    """
    found = list(entries(text))
    heading = "".join(f"{line}\n" for line in new_heading(path, found, version, day))
    own = next((entry for entry in found if parse_version(entry.version) == version), None)
    if own and re.match(r"\d", own.date or ""):
        raise UserError(
            "changelog-has-it",
            f"{path} already has an entry for {version}: {own.heading!r}",
            "choose another version, or remove the entry",
        )
    check_no_other(root, path, found)
    if own:  # "1.2.0 (unreleased)"
        return text[: own.start] + heading + text[own.body :]
    unreleased = next((entry for entry in found if entry.is_unreleased), None)
    at = _insertion(text, found, unreleased)
    if unreleased and _says_something(text[unreleased.body : at]):
        return _compared(
            text[: unreleased.body] + "\n" + heading + text[unreleased.body :], version
        )
    before = f"{text[:at].rstrip()}\n\n" if text[:at].strip() else ""
    after = text[at:].lstrip("\n")
    entry = f"{heading}\n{commits(root)}\n"
    return _compared(before + entry + (f"\n{after}" if after else ""), version)


def check_no_other(root: Path, path: Path, found: list[Entry]) -> None:
    """Check that every dated entry is committed; another one is left from an earlier `prepare`."""
    try:
        committed = {parse_version(each.version) for each in entries(text_at(root, "HEAD", path))}
    except UserError:
        return  # git does not have the file yet
    for entry in found:
        is_new = parse_version(entry.version) not in committed
        if is_new and re.match(r"\d", entry.date or ""):
            raise UserError(
                "changelog-uncommitted",
                f"{path} has an entry that is not committed: {entry.heading!r}",
                "commit it; or, if an earlier `nox -s prepare` wrote it and you want another"
                " version, take back what that changed: `git checkout FILE` for each file of"
                " `git status`",
            )


def _insertion(text: str, found: list[Entry], unreleased: Entry | None) -> int:
    """Return the line of a new entry: below unreleased changes, above other entries and links."""
    if unreleased:
        end = unreleased.end
    elif found:
        return found[0].start
    else:
        end = len(text)
    links = _LINKS.search(text)
    return min(end, links.start()) if links else end


def _says_something(body: str) -> bool:
    """Return whether there is anything except headings, comments and blank lines."""
    body = _COMMENT.sub("", body)
    for heading in reversed(list(headings(body))):
        body = body[: heading.start] + body[heading.body :]
    return bool(body.strip())


def commits(root: Path) -> str:
    """Return a list of the commits' subjects since the last tag, newest first.

    Raises UserError when there is none, or the clone may lack some.
    """
    try:
        last = git(root, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*", "--match=[0-9]*")
    except UserError:
        last = ""
    if not last and is_shallow(root):
        raise UserError(
            "shallow-clone",
            "this clone is shallow, so git can't tell what changed since the last release",
            "run `git fetch --unshallow --tags`, or write what changed under Unreleased",
        )
    since = f"{last}..HEAD" if last else "HEAD"
    subjects = git(root, "log", "--no-merges", "--format=%s", since).splitlines()
    if not subjects:
        raise UserError(
            "changelog-nothing",
            f"the changelog has no unreleased changes, and there is no commit since {last}",
            "write what changed under the heading Unreleased",
        )
    text = "\n".join(f"- {subject}" for subject in subjects)
    return text.encode(errors="surrogateescape").decode(errors="replace")  # not all is UTF-8


def _compared(text: str, version: Version) -> str:
    """Return `text`; its link that compares the last release with HEAD begins at `version` now."""
    return _COMPARISON.sub(
        rf"\g<label>\g<address>v{version}...HEAD\n[{version}]: \g<address>\g<last>...v{version}",
        text,
    )


# --- all or nothing ------------------------------------------------------------------------------


def _text(project: Project, path: Path) -> str:
    """Return the text of a file, with the bytes kept that are not UTF-8."""
    return (project.root / path).read_text(encoding="utf-8", errors="surrogateescape")


def diff(path: Path, before: str, after: str) -> str:
    """Return the change of the file `path`, in the form of `git diff`."""
    lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    return "".join(unified_diff(*lines, f"a/{path.as_posix()}", f"b/{path.as_posix()}"))


def write(project: Project, changes: Mapping[Path, str], *, confirm: Version | None) -> None:
    """Write the new texts of `changes`; if one fails, restore all files.

    Raises UserError unless the build backend then says the version to `confirm`.
    """
    before: dict[Path, bytes] = {}
    try:
        for path, text in changes.items():
            file = project.root / path
            before[file] = file.read_bytes()
            line_end = "\r\n" if b"\r\n" in before[file] else "\n"
            file.write_text(text, encoding="utf-8", errors="surrogateescape", newline=line_end)
        if confirm:
            check_written(project.root, confirm)
    except BaseException:
        for file, content in before.items():
            file.write_bytes(content)
        raise


def check_written(root: Path, version: Version) -> None:
    """Raise UserError if the build backend does not give `version` now."""
    says = backend_version(root)
    if says != version:
        raise UserError(
            "version-unchanged",
            f"{version} was written, but the build backend still says {says}; the files are as"
            " before",
            "change the version by hand, in the place that the backend reads",
        )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s prepare --", description=main.__doc__)
    parser.add_argument(
        "version", type=Version, metavar="VERSION", help='the new version, such as "1.2.0"'
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
