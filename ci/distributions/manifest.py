"""SHA256SUMS, the manifest of the distributions: the build writes it, later steps check it.

The format is that of `sha256sum`, so that `sha256sum -c SHA256SUMS` checks a release by hand.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

NAME = "SHA256SUMS"

# What a distribution's file name is made of; packaging lets tags be anything, also an escape.
FILE_NAME = re.compile(r"[A-Za-z0-9._+!-]+")

_LEFT_BY_BUILDS = (".tar.gz", ".zip", ".whl", ".asc", ".gitignore")
_LINE = re.compile(rf"([0-9a-f]{{64}}) [ *]({FILE_NAME.pattern})")
_REBUILD = "build the distributions again (nox -s build, or release)"


def dist_folder(root: Path) -> Path:
    """Return the folder of the distributions: DIST_DIR, relative to `root`; by default dist/."""
    return root / (os.environ.get("DIST_DIR") or "dist")


def clear(dist: Path) -> None:
    """Remove the files of an earlier build.

    Raises UserError when `dist` holds anything but what a build leaves: it is the user's then.
    """
    if not os.path.lexists(dist):
        return
    foreign = _foreign(dist)
    if foreign:
        raise UserError(
            "dist-not-ours",
            f"the build would empty {dist}, but {foreign} is not from a build",
            "move it to another place, or set DIST_DIR to another folder",
        )
    shutil.rmtree(dist)


def _foreign(dist: Path) -> str | None:
    if dist.is_symlink() or not dist.is_dir():
        return "the path itself"
    # Under another name it is ours only with our manifest: anybody may keep archives in a folder.
    ours = dist.name == "dist" or (dist / NAME).is_file()
    for path in sorted(dist.iterdir()):
        if path.is_dir() or not ours or not path.name.endswith((*_LEFT_BY_BUILDS, NAME)):
            return path.name
    return None


def write_manifest(folder: Path) -> None:
    """Write SHA256SUMS for all other files in `folder`.

    Raises UserError when the folder holds nothing, or something that is not a regular file.
    """
    digests = {name: file_sha256(folder / name) for name in _names(folder)}
    if not digests:
        raise UserError("manifest-nothing", f"the folder {folder} has no files", _REBUILD)
    text = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    (folder / NAME).write_text(text, encoding="utf-8", newline="\n")


def read_manifest(folder: Path) -> dict[str, str]:
    """Read SHA256SUMS in `folder`: file name -> sha256 in hex, sorted by name.

    Raises UserError when there is no manifest, or a line of it can't be believed.
    """
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        raise UserError("manifest-missing", f"there is no {NAME} in {folder}", _REBUILD) from None
    except UnicodeDecodeError as error:
        raise UserError("manifest-line", f"{NAME} is not UTF-8: {error}", _REBUILD) from None
    digests: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if not match or match[2] in digests:
            raise UserError(
                "manifest-line",
                f"line {number} of {folder / NAME} is {line!r}; it must be a sha256 and a file"
                " name, with each file only once",
                _REBUILD,
            )
        digests[match[2]] = match[1]
    return dict(sorted(digests.items()))


def check_manifest(folder: Path) -> dict[str, str]:
    """Read the manifest and compare it with the files in `folder`.

    Raises UserError that lists every file that is missing, changed, or not in the manifest.
    """
    wanted = read_manifest(folder)
    if not wanted:
        raise UserError("manifest-empty", f"{folder / NAME} lists no files", _REBUILD)
    found = {name: file_sha256(folder / name) for name in _names(folder)}
    wrong = [
        *(f"{name} is missing" for name in wanted.keys() - found.keys()),
        *(f"{name} is not listed" for name in found.keys() - wanted.keys()),
        *(
            f"{name} has sha256 {found[name]}, not {wanted[name]}"
            for name in wanted.keys() & found.keys()
            if found[name] != wanted[name]
        ),
    ]
    if wrong:
        raise UserError(
            "manifest-differs",
            f"the files in {folder} differ from the manifest: {'; '.join(sorted(wrong))}",
            _REBUILD,
        )
    return wanted


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(folder: Path) -> list[str]:
    """Return the files in `folder` without the manifest; refuse folders and links."""
    if not folder.is_dir():
        raise UserError("no-dist", f"there is no folder {folder}", _REBUILD)
    entries = sorted(folder.iterdir())
    odd = [path.name for path in entries if path.is_symlink() or not path.is_file()]
    if odd:
        raise UserError(
            "manifest-not-a-file",
            f"{folder} holds something that is not a regular file: {', '.join(odd)}",
            "remove it, and build the distributions again",
        )
    return [path.name for path in entries if path.name != NAME]


@dataclass(frozen=True)
class Release:
    """The distributions of one version, checked: `files` is name -> sha256, the wheel first.

    Installers take the wheel where there is one: a release that stops half-way then installs as the
    whole one does, and no user builds from an sdist what was to come as a wheel.
    """

    folder: Path
    name: NormalizedName
    version: Version
    files: dict[str, str]


def read_release(folder: Path) -> Release:
    """Check the manifest in `folder`; return its one wheel and one sdist.

    Raises UserError when something was changed, or that is not what lies there.
    """
    digests = check_manifest(folder)
    parsed = {name: _parse(name) for name in digests}
    wheels = [name for name in parsed if name.endswith(".whl")]
    if len(parsed) != len(wheels) + 1 or len(wheels) != 1 or len(set(parsed.values())) != 1:
        raise UserError(
            "not-one-release",
            f"{folder} holds {', '.join(digests)}, not one wheel and one sdist of one version",
            _REBUILD,
        )
    name, version = parsed[wheels[0]]
    ordered = sorted(digests, key=lambda file: not file.endswith(".whl"))
    return Release(folder, name, version, {file: digests[file] for file in ordered})


def _parse(file: str) -> tuple[NormalizedName, Version]:
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[:2]
        return parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise UserError(
            "not-a-distribution", str(error), "build again: dist/ may have only wheels and sdists"
        ) from None
