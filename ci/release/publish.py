"""Upload the built distributions: only missing files; if one differs, upload nothing.

It can be run again at any time. Nothing is uploaded before the builds, the commit and the index
have been compared with the manifest; success means that the index shows every file with the sha256
it was built with.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ci.checkout.commit import check_clean, check_sources_only
from ci.distributions.checks.provenance import require_provenance
from ci.distributions.manifest import dist_folder, read_release
from ci.errors import UserError, exit_with, printable
from ci.index.credentials import find_credentials, take_from_environment
from ci.index.listing import find_index, missing_files, wait_for_files
from ci.index.redaction import Redactor
from ci.index.repository import add_repository_arguments, read_repository
from ci.index.retry import Transient, read_retry_policy
from ci.index.upload import upload
from ci.package.project import read_project
from ci.release.check_tag import check_tag, find_tag
from ci.release.witnesses import check_witnesses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.distributions.manifest import Release
    from ci.index.credentials import Credentials
    from ci.index.listing import Index
    from ci.index.repository import Repository

_AGAIN = "run this again; files that have arrived are skipped"

_console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Publish the release in DIST_DIR (default: dist) to the repository that the arguments name."""
    given = take_from_environment(os.environ)
    arguments = _parse(argv)
    root = Path.cwd()
    dist = dist_folder(root)
    check_witnesses(dist, os.environ)
    release = read_release(dist)
    repository = read_repository(arguments, os.environ)
    check_commit_of(release, root, tagged=not (arguments.untagged or repository.is_local))
    redactor = Redactor()
    index = find_index(repository, read_retry_policy(os.environ), say, redactor)
    missing = plan(release, repository, index)
    if missing:
        credentials = find_credentials(repository, given, os.environ)
        redactor.hide(credentials.username, credentials.password)
        say(f"as {credentials.username}, with the password from {credentials.source}")
    if arguments.dry_run:
        say("dry run: nothing uploaded")
        return
    claimed = [
        name for name in missing if not _upload(name, release, repository, index, credentials)
    ]
    confirm(release, index, claimed)


def say(text: str) -> None:
    """Print one line for a person."""
    _console.print(printable(text))


def check_commit_of(release: Release, root: Path, *, tagged: bool) -> None:
    """Check that the distributions belong to the commit in `root` and its release.

    `tagged`: without a tag the commit is no release. Raises UserError for distributions of another
    package, a tree that differs from the commit, files that hide code, distributions that hold
    something else than the commit says, and a tag that is not the version.
    """
    project = read_project(root)
    if release.name != project.normalized_name:
        raise UserError(
            "another-release",
            f"{release.folder} has {release.name}, but this checkout is {project.name}",
            "check out the release's tag, or build the distributions again",
        )
    check_clean(root)
    check_sources_only(root)
    require_provenance(project, [release.folder / name for name in release.files])
    if tagged or os.environ.get("RELEASE_TAG"):
        check_tag(root, find_tag(root, release.version), release.version)


def plan(release: Release, repository: Repository, index: Index) -> list[str]:
    """Print the plan, and return the names of the files that the index lacks.

    Raises UserError when the index has other files of that version.
    """
    say(f"{release.name} {release.version} from {release.folder} to {repository.upload_url}")
    say(f"index: {index.url}")
    missing = missing_files(release, index.files(release.name, release.version), index)
    for name, digest in release.files.items():
        say(f"  {'upload' if name in missing else 'skip, already there'}: {name} {digest}")
    return missing


def _upload(
    name: str, release: Release, repository: Repository, index: Index, credentials: Credentials
) -> bool:
    """Upload one file, with retries; return False if the index says that it already exists.

    A failed upload may have arrived all the same, so the index is asked after each.
    """
    path = release.folder / name
    with _console.status(f"uploading {name}"):
        try:
            for attempt in index.retry.retrying(index.say):
                with attempt:
                    say(f"uploading {name} ({path.stat().st_size / 1000:.0f} kB)")
                    try:
                        return upload(
                            path,
                            repository,
                            credentials,
                            index.redactor,
                            seconds=index.retry.upload_timeout,
                        )
                    except Transient:
                        if not _has_arrived(name, release, index):
                            raise
        except Transient as error:
            raise UserError("upload-failed", f"{name} was not uploaded: {error}", _AGAIN) from None
    return True


def _has_arrived(name: str, release: Release, index: Index) -> bool:
    try:
        found = index.look(release.name, release.version)
    except Transient:
        return False
    return name not in missing_files(release, found, index)


def confirm(release: Release, index: Index, claimed: list[str]) -> None:
    """Wait until the index shows the release as it was built; raise UserError after the wait.

    `claimed` are the files of which the index has said that it has them already.
    """
    with _console.status(f"waiting for {index.url}"):
        missing = wait_for_files(index, release)
    if not missing:
        say(f"published: {index.url} has {' and '.join(release.files)}")
        return
    where = f"on {index.url} after {index.retry.wait:g} s"
    if unseen := [name for name in claimed if name in missing]:
        raise UserError(
            "exists-unseen",
            f"the index says that it has {' and '.join(unseen)}, but does not show it {where}",
            "check that --index-url (or UV_INDEX) belongs to this repository; " + _AGAIN,
        )
    raise UserError(
        "not-indexed", f"{' and '.join(missing)}: uploaded, but not yet {where}", _AGAIN
    )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s publish --", description=main.__doc__)
    parser.add_argument("--dry-run", action="store_true", help="do everything except the upload")
    parser.add_argument("--untagged", action="store_true", help="allow a commit without a tag")
    add_repository_arguments(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
