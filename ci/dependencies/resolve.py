"""Resolve a wheel's dependencies on the index of today, and read their licences.

Nothing here reads a lock: this is what somebody who installs the wheel now would get.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from ci.dependencies.lock import pins
from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.metadata import PackageMetadata
    from pathlib import Path

    from packaging.requirements import Requirement


def find_wheel(folder: Path) -> Path:
    """Return the wheel in `folder`. Raises UserError if there is not exactly one."""
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise UserError(
            "no-wheel", f"{folder} holds {len(wheels)} wheels, not one", "run `nox -s wheel`"
        )
    return wheels[0]


def resolve(wheel: Path, python: str) -> list[Requirement]:
    """Return the newest versions that the wheel's dependencies allow, without its extras.

    Each is a pin; its marker says on which Pythons, from `python` on, and platforms it is needed.
    Raises UserError when they can't be resolved.
    """
    command = [
        *("uv", "pip", "compile", "--quiet", "--universal", "--no-header", "--no-annotate"),
        *("--python", sys.executable, "--python-version", python, "-"),
    ]
    name = wheel.name.partition("-")[0]
    done = subprocess.run(
        command,
        input=f"{name} @ {wheel.resolve().as_uri()}",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(
            "dependencies-unresolvable",
            f"uv can't resolve the dependencies of {wheel.name}: {' '.join(done.stderr.split())}",
            "loosen the bound in [project] dependencies that is too tight, or check that the"
            " index answers",
        )
    own = canonicalize_name(name)
    return [pin for pin in pins(done.stdout) if canonicalize_name(pin.name) != own]


def version_of(pin: Requirement) -> str:
    """Return the version of the pin `name==version`, or the URL of `name @ URL`."""
    return pin.url or next(iter(pin.specifier)).version


def licences(resolved: Iterable[Requirement], pythons: Sequence[str]) -> dict[str, str]:
    """Return the licence of each `name==version` or `name @ URL`, from its wheel's metadata.

    Each is unpacked into a scratch folder, for the highest of `pythons` (ascending) that it has a
    wheel for; nothing of it is built or imported.
    """
    names = sorted(f"{pin.name}{' @ ' if pin.url else '=='}{version_of(pin)}" for pin in resolved)
    return {name: _licence(name, pythons) for name in names}


def _licence(name: str, pythons: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        for python in reversed(pythons):
            command = [
                *("uv", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"),
                *("--python", sys.executable, "--python-version", python),
                *("--target", scratch, name),
            ]
            if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return stated_licence(next(iter(distributions(path=[scratch]))).metadata)
    return "not known: there is no wheel for this platform"


def stated_licence(metadata: PackageMetadata) -> str:
    """Return the SPDX expression (PEP 639), else the classifiers, else a one-line licence field."""
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License :: ") and not text.endswith(":: OSI Approved")
    ]
    field = str(metadata.get("License") or "").strip()
    return (
        metadata.get("License-Expression")
        or ", ".join(classifiers)
        or (field if field and "\n" not in field else "not stated")
    )
