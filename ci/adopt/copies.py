"""Which of the pipeline's files a repository gets, and what that changes there.

ci/adopted.sha256 in the copy, in the format of `sha256sum`, lists what was written. A file that is
as listed was only outdated; one that differs was edited there, and is the user's.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ci.checkout.git import tracked_files
from ci.dependencies.lock import BACKEND, OF_THE_PACKAGE, lock_file
from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LIST = "ci/adopted.sha256"
TOPS = ("buildspec.yml", "cdk", "ci", "noxfile.py")
PYTHONS = ".python-version"
# A noxfile that the package has already goes here: `nox -f` runs it.
OWN_NOXFILE = "noxfile_own.py"

# What only makes sense here.
_AT_HOME = ("ci/adopt/", "ci/tests/", "cdk/tests/")
_GROUPS_AT_HOME = ("adopt", "bench", "cdk-tests", "ci-tests", "ci-typecheck")
# Theirs from the beginning: made by `nox -s lock` there.
_GROUPS_OF_ADOPTER = (*OF_THE_PACKAGE, BACKEND)
# Theirs once it was adopted; the locks of groups that the package has too are theirs as well.
_SETTINGS = "cdk/cdk.json"

_IGNORED = (
    *(".nox/", "__pycache__/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/"),
    *("dist/", "nightly/", "reports/", ".coverage", "build/", ".pdm-build/", "*.egg-info/"),
    *("cdk.out/", ".env", ".pypirc"),
)
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")

Kind = Literal["add", "update", "remove", "edited", "extend", "rename"]


@dataclass(frozen=True)
class Change:
    """What is to happen to one file: `after` is its new content, None for none.

    "update" and "remove" are for files as adopt wrote them there, "edited" for those that differ
    from it; "extend" is for files that get lines and lose nothing, "rename" for the package's own
    noxfile under its new name.
    """

    path: str
    kind: Kind
    before: bytes | None
    after: bytes | None
    mode: int = 0o644


def groups_that_travel(source: Path) -> tuple[str, ...]:
    """The dependency groups whose locks the pipeline brings along."""
    locks = {path.stem for path in (source / "ci" / "locks").glob("*.txt")} | {"cdk"}
    return tuple(sorted(locks.difference(_GROUPS_AT_HOME, _GROUPS_OF_ADOPTER)))


def file_changes(
    source: Path, root: Path, *, groups: Iterable[str], lines: Mapping[str, Iterable[str]]
) -> list[Change]:
    """Everything that adopting changes in `root`, but for its pyproject.toml.

    `groups` are the dependency groups that the package has or gets, whose locks are made
    there; `lines` are what each of some files must have, besides what the sessions leave behind in
    .gitignore.

    Raises UserError where a file of the pipeline would lie behind a link, or in place of a folder.
    """
    ours, written = _travelling(source), _read_list(root)
    theirs = {lock_file(group).as_posix() for group in groups} | ({_SETTINGS} if written else set())
    listing = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(ours.items())
        if path not in {_SETTINGS, *theirs}
    )
    renamed = list(_own_noxfile(root, ours, written))
    return [
        *renamed,
        *(
            change
            for path in sorted({*ours, *written})
            if path not in theirs or read(root, path) is None
            for change in _change(source, root, path, ours.get(path), written.get(path))
            if not (renamed and path == "noxfile.py")
        ),
        *_replace(root, LIST, listing.encode()),
        *_extend(root, ".gitignore", _not_ignored(root)),
        *(change for path, more in lines.items() for change in _extend(root, path, more)),
    ]


def own_noxfile(root: Path) -> str | None:
    """Where the package's own noxfile is, renamed already or not; None if it has none."""
    if read(root, OWN_NOXFILE) is not None:
        return OWN_NOXFILE
    known = "noxfile.py" in _read_list(root) or read(root, "noxfile.py") is None
    return None if known else "noxfile.py"


def _own_noxfile(
    root: Path, ours: Mapping[str, bytes], written: Mapping[str, str]
) -> Iterator[Change]:
    """The package's own noxfile.py moves to OWN_NOXFILE, if there is none yet."""
    before, after = read(root, "noxfile.py"), ours["noxfile.py"]
    if before in {None, after} or "noxfile.py" in written or read(root, OWN_NOXFILE) is not None:
        return
    yield Change(OWN_NOXFILE, "rename", None, before)
    yield Change("noxfile.py", "update", before, after)


def _travelling(source: Path) -> dict[str, bytes]:
    stay = {lock_file(group).as_posix() for group in (*_GROUPS_AT_HOME, *_GROUPS_OF_ADOPTER)}
    return {
        path: (source / path).read_bytes()
        for path in tracked_files(source)
        if path.partition("/")[0] in TOPS
        and not path.startswith(_AT_HOME)
        and path not in stay
        and (source / path).is_file()
    }


def _read_list(root: Path) -> dict[str, str]:
    content = read(root, LIST)
    if content is None:
        return {}
    matches = [_LINE.fullmatch(line) for line in content.decode("utf-8", "replace").splitlines()]
    return {match[2]: match[1] for match in matches if match and _is_pipelines(match[2])}


def _is_pipelines(path: str) -> bool:
    """Whether a listed path is one that adopt may have written, so that it may remove it."""
    parts = Path(path).parts
    return bool(parts) and parts[0] in TOPS and ".." not in parts


def _change(
    source: Path, root: Path, path: str, ours: bytes | None, written: str | None
) -> Iterator[Change]:
    here = _with_unix_line_ends(read(root, path))
    if here == ours:
        return
    kind: Kind = "edited"
    if here is None:
        kind = "add"
    elif hashlib.sha256(here).hexdigest() == written:
        kind = "update" if ours is not None else "remove"
    mode = (source / path).stat().st_mode & 0o777 if ours is not None else 0o644
    yield Change(path, kind, here, ours, mode)


def _replace(root: Path, path: str, after: bytes) -> Iterator[Change]:
    before = _with_unix_line_ends(read(root, path))
    if before != after:
        yield Change(path, "add" if before is None else "update", before, after)


def _with_unix_line_ends(content: bytes | None) -> bytes | None:
    """The content as git has it: with core.autocrlf=true it is checked out with other line ends."""
    return content and content.replace(b"\r\n", b"\n")


def _extend(root: Path, path: str, lines: Iterable[str]) -> Iterator[Change]:
    """The file with those of `lines` at its end that it does not have."""
    before = read(root, path)
    text = before or b""
    present = text.decode("utf-8", "replace").splitlines()
    newline = "\r\n" if b"\r\n" in text else "\n"
    more = "".join(f"{line}{newline}" for line in lines if line not in present)
    if not more:
        return
    separator = newline if text and not text.endswith(b"\n") else ""
    after = text + (separator + more).encode()
    if before is None:
        yield Change(path, "add", before, after)
    else:
        yield extended(root, path, before, after)


def extended(root: Path, path: str, before: bytes, after: bytes) -> Change:
    """The change of a file that gets more, and keeps its mode."""
    return Change(path, "extend", before, after, (root / path).stat().st_mode & 0o777)


def missing_pythons(root: Path, pythons: Iterable[str]) -> list[str]:
    """Those of `pythons` that .python-version lacks, in whatever patch release."""
    present = (read(root, PYTHONS) or b"").decode("utf-8", "replace").split()
    names = {".".join(version.split(".")[:2]) for version in present}
    return [version for version in dict.fromkeys(pythons) if version not in names]


def _not_ignored(root: Path) -> list[str]:
    """Those of _IGNORED that no .gitignore of the repository covers."""
    probes = {pattern: pattern.replace("*", "x") for pattern in _IGNORED}
    # The user's own file of patterns is nobody else's.
    command = ("-c", "core.excludesFile=", "check-ignore", "--no-index")
    found = {path for *_, path in _ignored(root, command, probes.values())}
    return [pattern for pattern, probe in probes.items() if probe not in found]


def ignored(source: Path, root: Path) -> dict[str, str]:
    """The patterns by which `git add` skips files of the pipeline, each with one file."""
    found: dict[str, str] = {}
    ours = [*_travelling(source), LIST]
    for file, line, pattern, path in _ignored(root, ("check-ignore",), ours):
        found.setdefault(f"{file}:{line}: {pattern}", path)
    return found


def _ignored(root: Path, command: Sequence[str], paths: Iterable[str]) -> list[tuple[str, ...]]:
    """Those of the paths that git would ignore, each behind the file, line and pattern why."""
    done = subprocess.run(
        ["git", *command, "--verbose", "-z", "--stdin"],
        cwd=root,
        input="\0".join(paths),
        capture_output=True,
        text=True,
        check=False,
    )
    found = batched(done.stdout.split("\0")[:-1], 4)
    return [each for each in found if not each[2].startswith("!")]


def read(root: Path, path: str) -> bytes | None:
    """The content of a file below `root`, None if it is absent.

    Raises UserError when something on the way is a link (it may lead anywhere), or no folder.
    """
    place = root
    parts = Path(path).parts
    for depth, part in enumerate(parts, 1):
        place /= part
        if place.is_symlink():
            raise UserError(
                "adopt-link",
                f"{place} is a symbolic link, and adopt does not write through links",
                "replace the link with a real file or folder",
            )
        if place.exists() and place.is_dir() != (depth < len(parts)):
            raise UserError(
                "adopt-in-the-way",
                f"{place} is {'a folder' if place.is_dir() else 'no folder'}",
                f"rename it: the pipeline needs {path}",
            )
    return place.read_bytes() if place.exists() else None
