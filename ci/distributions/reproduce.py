"""Build HEAD again, in another folder and environment, and compare with dist/.

A difference means that dist/ holds something that the tagged commit doesn't say: a changed file, a
time, a path, a setting of this machine.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import git
from ci.distributions.archive import read_archive
from ci.distributions.build import build
from ci.distributions.manifest import check_manifest, dist_folder
from ci.errors import UserError, exit_with

_MAX_SIZE = 1024 * 1024 * 1024  # what was built here may be of any size that a machine can hold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.distributions.archive import Member


def main() -> None:
    """Compare DIST_DIR (dist/) with a second build of HEAD."""
    root = Path.cwd()
    dist = dist_folder(root)
    names = check_manifest(dist)
    with tempfile.TemporaryDirectory(prefix="reproduce-") as scratch:
        again = Path(scratch, "again")
        rebuild(root, Path(scratch, "a clone elsewhere"), again)
        require_equal(dist, again)
    print(f"built twice, byte for byte the same: {', '.join(sorted(names))}")


def rebuild(root: Path, clone: Path, out: Path) -> None:
    """Build a fresh clone of HEAD under another umask, time zone, locale and hash seed."""
    head = git(root, "rev-parse", "HEAD")
    top = git(root, "rev-parse", "--show-toplevel")
    below = git(root, "rev-parse", "--show-prefix")
    umask = os.umask(0o077)
    before = dict(os.environ)
    os.environ |= {"TZ": "ABC-13:45", "LC_ALL": "C", "PYTHONHASHSEED": "4321"}
    try:
        git(root, "clone", "--quiet", "--no-checkout", top, str(clone))
        # On the same branch: setuptools-scm writes its name into the sdist.
        branch = git(root, "branch", "--show-current")
        git(clone, "checkout", "--quiet", *(("-B", branch) if branch else ("--detach",)), head)
        out.mkdir()
        build(clone / below, out)
    finally:
        os.umask(umask)
        os.environ.clear()
        os.environ |= before


def require_equal(dist: Path, again: Path) -> None:
    """Raise a UserError that lists how the distributions in the two folders differ."""
    lines = [f"\n  {line}" for line in differences(dist, again)]
    if lines:
        raise UserError(
            "not-reproducible",
            f"a second build of HEAD differs from {dist}:{''.join(lines)}\nso it is unclear what"
            " was built",
            "commit all changes and build again; if it still differs, make the build depend"
            " only on committed files",
        )


def differences(dist: Path, again: Path) -> Iterator[str]:
    """Yield one line for each distribution or member that differs, with the difference."""
    ours, theirs = ({path.name: path for path in _distributions(each)} for each in (dist, again))
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield f"{name}: only {'dist' if name in ours else 'the second build'} has it"
    for name in sorted(ours.keys() & theirs.keys()):
        if ours[name].read_bytes() != theirs[name].read_bytes():
            yield from _member_differences(ours[name], theirs[name])


def _distributions(folder: Path) -> list[Path]:
    return [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]


def _member_differences(first: Path, second: Path) -> Iterator[str]:
    ours, theirs = _describe(first), _describe(second)
    count = 0
    for name in sorted(ours.keys() ^ theirs.keys()):
        count += 1
        yield f"{first.name}: {name}: only {'dist' if name in ours else 'the second build'} has it"
    for name in sorted(ours.keys() & theirs.keys()):
        aspects = [key for key in ours[name] if ours[name][key] != theirs[name][key]]
        if aspects:
            count += 1
            yield f"{first.name}: {name}: differs in {', '.join(aspects)}"
    if not count:
        order = list(ours) != list(theirs)
        yield f"{first.name}: {'the order of its members' if order else 'how it is packed'} differs"


def _describe(distribution: Path) -> dict[str, dict[str, object]]:
    """Return the properties of each member, by name, in the archive's order."""
    archive = read_archive(distribution, max_size=_MAX_SIZE)
    return {member.name: _aspects(member) for member in archive.members}


def _aspects(member: Member) -> dict[str, object]:
    return {
        "content": hashlib.sha256(member.content).hexdigest(),
        "kind": member.kind,
        "mode": member.mode,
        "mtime": member.mtime,
        "owner": member.owner,
    }


if __name__ == "__main__":
    exit_with(main)
