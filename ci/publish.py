"""Upload the distributions that were built: what is missing goes up, what differs stops all of it.

It can be run again at any time. Nothing is uploaded before the manifest has been checked and the
index asked; success means that the index shows every file with the sha256 it was built with.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ci.credentials import find_credentials, take_from_environment
from ci.errors import Problem, exit_with
from ci.index import find_index, missing_files, wait_for_files
from ci.manifest import read_release
from ci.patience import Transient, read_patience
from ci.project import read_project
from ci.target import add_target_arguments, read_target
from ci.upload import upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.credentials import Credentials
    from ci.index import Index
    from ci.manifest import Release
    from ci.project import Project
    from ci.target import Target

_AGAIN = "run this again, that is safe: what has arrived is skipped"

_console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Publish the release in DIST_DIR (default: dist) to the target that the arguments name."""
    given = take_from_environment(os.environ)
    arguments = _parse(argv)
    patience = read_patience(os.environ)
    release = read_release(Path(os.environ.get("DIST_DIR") or "dist"))
    check_is_of(release, read_project(Path.cwd()))
    target = read_target(arguments, os.environ)
    index = find_index(target, patience, _console.print)
    missing = plan(release, target, index)
    if missing:
        credentials = find_credentials(target, given, os.environ)
        _console.print(f"as {credentials.username}, with the password from {credentials.source}")
    if arguments.dry_run:
        _console.print("dry run: nothing uploaded")
        return
    claimed = [name for name in missing if not _upload(name, release, target, index, credentials)]
    confirm(release, index, claimed)


def check_is_of(release: Release, project: Project) -> None:
    """Raise Problem when the distributions are not those of this checkout's package and version."""
    wanted, found = (project.normalized_name, project.version), (release.name, release.version)
    if wanted != found:
        raise Problem(
            "another-release",
            "{} holds {} {}, this checkout is {} {}".format(release.folder, *found, *wanted),
            "check the release's tag out, or build the distributions again",
        )


def plan(release: Release, target: Target, index: Index) -> list[str]:
    """Say what goes where, and return the names of the files that the index lacks.

    Raises Problem when the index has other files of that version.
    """
    _console.print(f"{release.name} {release.version} from {release.folder} to {target.upload_url}")
    _console.print(f"index: {index.url}")
    missing = missing_files(release, index.files(release.name, release.version), index.url)
    for name, digest in release.files.items():
        _console.print(f"  {'upload' if name in missing else 'skip, is there'}: {name} {digest}")
    return missing


def _upload(
    name: str, release: Release, target: Target, index: Index, credentials: Credentials
) -> bool:
    """Upload one file, patiently; False if the index says that it is there already.

    A failed upload may have arrived all the same, so the index is asked after each.
    """
    path = release.folder / name
    with _console.status(f"uploading {name}"):
        try:
            for attempt in index.patience.retrying(_console.print):
                with attempt:
                    _console.print(f"uploading {name} ({path.stat().st_size / 1000:.0f} kB)")
                    try:
                        return upload(
                            path, target, credentials, seconds=index.patience.upload_timeout
                        )
                    except Transient:
                        if not _has_arrived(name, release, index):
                            raise
        except Transient as error:
            raise Problem("upload-failed", f"{name} is not uploaded: {error}", _AGAIN) from None
    return True


def _has_arrived(name: str, release: Release, index: Index) -> bool:
    try:
        found = index.look(release.name, release.version)
    except Transient:
        return False
    return name not in missing_files(release, found, index.url)


def confirm(release: Release, index: Index, claimed: list[str]) -> None:
    """Wait until the index shows the release as it was built; raise Problem if it does not in time.

    `claimed` are the files of which the index has said that it has them already.
    """
    with _console.status(f"waiting for {index.url}"):
        missing = wait_for_files(index, release)
    if not missing:
        _console.print(f"published: {index.url} has {' and '.join(release.files)}")
        return
    where = f"on {index.url} after {index.patience.wait:g} s"
    if set(missing) & set(claimed):
        raise Problem(
            "exists-unseen",
            f"the index claims to have {' and '.join(claimed)}, and does not show it {where}",
            "see that --index-url (or UV_INDEX) belongs to this repository; " + _AGAIN,
        )
    raise Problem(
        "not-indexed", f"uploaded, not indexed yet: {' and '.join(missing)} is not {where}", _AGAIN
    )


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s publish --", description=main.__doc__)
    parser.add_argument("--dry-run", action="store_true", help="everything but the upload")
    add_target_arguments(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
