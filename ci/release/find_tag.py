"""Check the tag before anything is built, so that a wrong tag fails at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ci.checkout.commit import check_branch, check_clean, check_sources_only
from ci.errors import check_all, exit_with
from ci.package.project import read_project
from ci.release.check_tag import (
    check_entry,
    check_tag_itself,
    release_branch,
    tag_version,
    tags_to_release,
)
from ci.release.versions import check_public


def main() -> None:
    """Check that the checkout in the current folder has a tag that can be released."""
    root = Path.cwd()
    project = read_project(root)
    tags = tags_to_release(root)
    tag = next(filter(tag_version, tags), tags[0])
    version = check_tag_itself(root, tag)
    check_all(
        partial(check_public, version),
        partial(check_branch, root, release_branch(project)),
        partial(check_clean, root),
        partial(check_sources_only, root),
        partial(check_entry, project, version),
    )
    print(f"the tag {tag} may be released, if the wheel will be {version}")


if __name__ == "__main__":
    exit_with(main)
