"""Run the nightly checks; if one fails, say which dependencies changed.

nox -s nightly

The folder nightly/ must reach the next night: resolved.txt in it is what the last green night had,
changed.txt what differs since then (only after a red night).
"""

from __future__ import annotations

import argparse
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from ci.dependencies.lock import pins
from ci.dependencies.resolve import find_wheel, resolve, version_of
from ci.errors import UserError, exit_with
from ci.package.project import read_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESOLVED = "resolved.txt"
CHANGED = "changed.txt"


def interpreters(versions: Iterable[str]) -> list[Requirement]:
    """Return the patch release of each Python that uv finds, as pins such as python3.8==3.8.18."""
    found = []
    for version in versions:
        where = subprocess.run(
            ["uv", "python", "find", version], capture_output=True, text=True, check=False
        )
        if where.returncode == 0:
            code = "import platform; print(platform.python_version())"
            command = [where.stdout.strip(), "-I", "-c", code]
            patch = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found.append(Requirement(f"python{version}=={patch.stdout.strip()}"))
    return found


def changes(before: Sequence[Requirement], now: Sequence[Requirement]) -> list[str]:
    """Return one line for each pin that was added, removed or changed, sorted by name."""
    old, new = _versions(before), _versions(now)
    return [
        f"{name} {old.get(name) or 'absent'} -> {new.get(name) or 'absent'}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _versions(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return the versions of each name; Pythons and platforms can have different ones."""
    found = defaultdict(list)
    for each in requirements:
        found[each.name].append(version_of(each) + (f" ({each.marker})" if each.marker else ""))
    return {name: " and ".join(sorted(versions)) for name, versions in found.items()}


def finish(folder: Path, today: Sequence[Requirement], *, green: bool) -> None:
    """Save `today` in `folder` if the night was green.

    Raises UserError for a red one, with what changed since the last green one.
    """
    last = folder / RESOLVED
    changed = folder / CHANGED
    if green:
        folder.mkdir(exist_ok=True)
        new = folder / f"{RESOLVED}.new"  # a list that was cut off would mislead every later night
        new.write_text("".join(f"{pin}\n" for pin in today), encoding="utf-8")
        new.replace(last)
        changed.unlink(missing_ok=True)
        return
    before = _read_pins(last)
    if before is None:
        lines = [f"unknown: there is no readable {last} of a green night"]
    else:
        lines = changes(before, today) or ["no dependency and no Python"]
    folder.mkdir(exist_ok=True)
    changed.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    raise UserError(
        "nightly",
        f"a session failed. Changed since the last successful night: {'; '.join(lines)}",
        "read the session's error above; if a dependency caused it, add a bound to dependencies"
        " in [project], or change the package",
    )


def _read_pins(path: Path) -> list[Requirement] | None:
    """Return the pins in a file; None if there is no such file, or it has something else."""
    try:
        found = pins(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InvalidRequirement):
        return None
    return found if all(pin.url or pin.specifier for pin in found) else None


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; compare the wheel's dependencies of today with the last green night."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("wheel", type=Path, help="the folder where the command puts the wheel")
    parser.add_argument(
        "folder", type=Path, help="the folder that is kept from one night to the next"
    )
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args(argv)
    pythons = read_project(Path.cwd()).python_versions
    green = subprocess.run(arguments.command, check=False).returncode == 0
    try:
        dependencies = resolve(find_wheel(arguments.wheel), pythons[0])
    except UserError as error:
        sessions = "all sessions passed, but" if green else "a session failed, and"
        raise UserError("nightly", f"{sessions} {error.found}", error.remedy) from None
    finish(arguments.folder, [*dependencies, *interpreters(pythons)], green=green)


if __name__ == "__main__":
    exit_with(main)
