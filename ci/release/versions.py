"""Which versions may be released: public ones, above all that were released before."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ci.errors import UserError
from ci.index.listing import find_index
from ci.index.repository import read_repository
from ci.index.retry import read_retry_policy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from packaging.version import Version

    from ci.package.project import Project


def check_public(version: Version) -> None:
    """Check that an index would take `version`. Raises UserError for local and development ones."""
    if version.local or version.is_devrelease:
        raise UserError(
            "version-not-public",
            f"{version} is a {'local' if version.local else 'development'} version",
            'release one such as "1.2.0" or "1.2.0rc1"',
        )


def check_above(version: Version, released: Collection[Version], where: str) -> None:
    """Check that `version` is above all that were `released`; `where` says by whom, for people.

    An installer takes the highest version, so a lower one would reach nobody. Raises UserError.
    """
    if not released or version > max(released):
        return
    if version in released:
        raise UserError(
            "version-published",
            f"{where} has {version} already",
            f"release a version above {max(released)}; what is published can't be replaced",
        )
    raise UserError(
        "version-not-above",
        f"{version} is not above {max(released)}, the highest that {where} has",
        f"release a version above {max(released)}",
    )


def released_versions(project: Project, arguments: argparse.Namespace) -> tuple[str, set[Version]]:
    """The URL of the index that `arguments` or the environment name, and all versions it has.

    It is asked twice at most, 10 seconds each: a person waits. Raises UserError when it can't be
    read.
    """
    retry = read_retry_policy(os.environ)
    retry = replace(
        retry, attempts=min(retry.attempts, 2), request_timeout=min(retry.request_timeout, 10)
    )
    index = find_index(read_repository(arguments, os.environ), retry, print)
    return index.url, index.versions(project.normalized_name)
