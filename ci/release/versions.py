"""Check that a version is public, and above every released version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection

    from packaging.version import Version


def check_public(version: Version) -> None:
    """Check that `version` is public. Raises UserError for local and development versions."""
    if version.local or version.is_devrelease:
        raise UserError(
            "version-not-public",
            f"{version} is a {'local' if version.local else 'development'} version",
            'release a version such as "1.2.0" or "1.2.0rc1"',
        )


def check_above(version: Version, released: Collection[Version], where: str) -> None:
    """Check that `version` is above all `released` ones; `where` is the text for messages.

    An installer takes the highest version, so a lower one would reach nobody. Raises UserError.
    """
    if not released or version > max(released):
        return
    if version in released:
        raise UserError(
            "version-published",
            f"{where} already has {version}",
            f"release a version above {max(released)}: published files can't be replaced",
        )
    raise UserError(
        "version-not-above",
        f"{version} is not above {max(released)}, the highest that {where} has",
        f"release a version above {max(released)}",
    )
