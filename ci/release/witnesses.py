"""Check that both builds of a release made the files that will be published.

Check and Build, two projects of the pipeline, each export the sha256 of the SHA256SUMS that they
made. The publisher gets them as CHECK_DIST_SHA256 and BUILD_DIST_SHA256. On a laptop there are no
such builds, and nothing to compare.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ci.distributions.manifest import NAME, file_sha256
from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VARIABLES = ("CHECK_DIST_SHA256", "BUILD_DIST_SHA256")


def check_witnesses(dist: Path, environ: Mapping[str, str]) -> None:
    """Raise UserError unless the two builds agree with each other and with `dist`."""
    said = {name: environ[name] for name in _VARIABLES if name in environ}
    if not said:
        return
    if len(said) == 1:
        (name,) = said
        (other,) = set(_VARIABLES) - {name}
        raise UserError(
            "witness-missing",
            f"{name} is set, but {other} is not",
            "set both to the values that the two builds exported; on a laptop, run `unset"
            f" {name}`",
        )
    for name, value in said.items():
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            raise UserError(
                "witness-form",
                f"{name} is {value[:100]!r}, not a sha256 in 64 hexadecimal digits",
                "read that build's log: it must export DIST_SHA256",
            )
    check, build = (said[name] for name in _VARIABLES)
    if check != build:
        raise UserError(
            "witnesses-differ",
            f"from the same commit, Check made the SHA256SUMS {check}, but Build made {build}",
            "publish nothing; run `nox -s reproduce` to see what differs",
        )
    manifest = dist / NAME
    found = file_sha256(manifest) if manifest.is_file() else None
    if found != build:
        raise UserError(
            "witnesses-disown",
            (
                f"{manifest} has sha256 {found}, but both builds made {build}"
                if found
                else f"there is no {manifest}, but both builds made {build}"
            ),
            "don't publish this: somebody changed it after the build; find out who, then"
            " release again",
        )
