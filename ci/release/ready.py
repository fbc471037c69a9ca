"""List, before you tag, every problem that would stop the release.

Nothing is tagged, pushed or uploaded. What the tag's own check judges later is judged here by the
same functions.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from ci.checkout import origin
from ci.checkout.commit import check_branch, check_clean, check_sources_only
from ci.checkout.git import git, resolve
from ci.checkout.version import find_places
from ci.distributions.manifest import dist_folder, read_release
from ci.errors import UserError, check_all, exit_with
from ci.index.listing import find_index
from ci.index.repository import add_repository_arguments, read_repository
from ci.index.retry import read_retry_policy
from ci.package.project import read_project
from ci.release.check_tag import check_releasable, check_wheel, release_branch, tag_version
from ci.release.versions import check_above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ci.package.project import Project


def main(argv: Sequence[str] | None = None) -> None:
    """Check the release in dist/, and print the commands that release it."""
    arguments = _parse(argv)
    root = Path.cwd()
    project = read_project(root)
    built = read_release(dist_folder(root))
    version = version_to_release(project, built.version, arguments.version)
    branch = release_branch(project)
    check_all(
        partial(check_named, project, built.version, version),
        partial(check_releasable, project, version),
        partial(check_wheel, project, built),
        partial(check_index, project, version, arguments),
        partial(check_clean, root),
        partial(check_sources_only, root),
        *origin_checks(root, branch, version),
    )
    head = git(root, "rev-parse", "--short", "HEAD")
    print(f"{project.name} {version} can be released: {head} on {branch}. Type:\n")
    print(f'    git tag -a v{version} -m "Release {version}"')
    if origin.exists(root):
        print(f"    git push origin v{version}")


def version_to_release(project: Project, built: Version, named: Version | None) -> Version:
    """Return the version that a person `named`, else the one that was `built`.

    Raises UserError if none is named, and the version comes from git's tags.
    """
    if named is None and _is_after_tag(project, built):
        raise UserError(
            "version-unnamed",
            f"the version comes from git's tags; the wheel has {built}, which nobody can release",
            "name the version to release: `nox -s ready -- VERSION`",
        )
    return named or built


def _is_after_tag(project: Project, built: Version) -> bool:
    """Return whether a build backend made this version from a tag before HEAD."""
    unreleased = built.is_devrelease or built.local is not None
    return unreleased and not find_places(project.root, project.package_dir, built)


def check_named(project: Project, built: Version, version: Version) -> None:
    """Check that a wheel built at the tag `version` would have that version.

    A version from git's tags becomes that of the tag; one that is written down stays as it is.
    Raises UserError.
    """
    if built != version and not _is_after_tag(project, built):
        raise UserError(
            "version-differs",
            f"the wheel has the version {built}, but you named {version}",
            f"run `nox -s prepare -- {version}` and commit what it wrote, or name no version",
        )


def check_index(project: Project, version: Version, arguments: argparse.Namespace) -> None:
    """Raise UserError if `version` is not above all published versions."""
    where, published = published_versions(project, arguments)
    check_above(version, published, where)


def published_versions(project: Project, arguments: argparse.Namespace) -> tuple[str, set[Version]]:
    """Return the index's URL, from `arguments` or the environment, and all versions it has.

    A person waits, so it is asked twice at most. Raises UserError when it can't be read.
    """
    retry = read_retry_policy(os.environ)
    retry = replace(
        retry, attempts=min(retry.attempts, 2), request_timeout=min(retry.request_timeout, 10)
    )
    index = find_index(read_repository(arguments, os.environ), retry, print)
    return index.url, index.versions(project.normalized_name)


def origin_checks(root: Path, branch: str, version: Version) -> Iterator[Callable[[], None]]:
    """Return the checks of pushed commits, and of the tag's name here and at origin."""
    at_origin: dict[str, str] = {}
    if origin.exists(root):
        try:
            at_origin = origin.fetch(root)
        except UserError as error:
            yield partial(_fail, error)
    yield partial(check_free, root, version, at_origin)
    yield partial(check_branch, root, branch)


def check_free(root: Path, version: Version, at_origin: Mapping[str, str]) -> None:
    """Raise UserError if a tag here or `at_origin` (with its commit) has the version `version`."""
    here = git(root, "tag").split()
    tag = next((tag for tag in [*here, *at_origin] if tag_version(tag) == version), None)
    if tag is None:
        return
    commits = {at_origin.get(tag), resolve(root, f"refs/tags/{tag}")} - {None}
    if commits != {resolve(root, "HEAD")}:
        found = f"the tag {tag} is already at another commit than HEAD"
        delete = [f"`git tag -d {tag}`"] * (tag in here)
        delete += [f"`git push origin --delete {tag}`"] * (tag in at_origin)
        remedy = f"if nothing was published from it, delete it: {', '.join(delete)}; otherwise"
        remedy += " release another version"
    elif tag in at_origin:
        found = f"HEAD has the tag {tag} already, and it is pushed"
        remedy = "do not tag it again; watch its release"
    else:
        found = f"HEAD has the tag {tag} already"
        push = f"git push origin {tag}" if origin.exists(root) else "nox -s release"
        remedy = f"run `{push}`; or delete it: `git tag -d {tag}`"
    raise UserError("tag-taken", found, remedy)


def _fail(error: UserError) -> None:
    raise error


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s ready --", description=main.__doc__)
    parser.add_argument(
        "version", nargs="?", type=Version, help="the version, if it comes from git's tags"
    )
    add_repository_arguments(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
