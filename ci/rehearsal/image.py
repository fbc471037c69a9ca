"""A stand-in for CodeBuild's image: its Pythons behind pyenv, git, and the laptop's utilities.

Which Pythons an image has is in CodeBuild's "Available runtimes". The laptop's own take their
places. Tools that a build must bring itself, such as uv and nox, are left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import uv

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

# As of April 2026. There never was a 3.8.
PYTHONS = {"aws/codebuild/standard:7.0": ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")}
OLDEST_PYENV = "2.4.20"  # of those that an image may have; pyenv-shim.sh knows it as well
# A program of a Python, of Node, or of what else makes an environment of its own.
_BROUGHT = re.compile(
    r"(python|pypy|pip|pyenv|conda|mamba|uvx?|ruff|node|nodejs|bun|deno)(\d|\W|$)"
)
_RUN_BY = re.compile(rb"#!.*\b(python|pypy|node|uv)")
_LONGEST = 256  # a first line, in bytes
_SHIM = Path(__file__).parent / "pyenv-shim.sh"


@dataclass(frozen=True)
class Laptop:
    """What the laptop lends to all containers.

    `pythons` are its interpreters by version ("3.8.18"). `utilities` is a folder of links to the
    system's programs and git. `downloads` has the same Pythons as if uv had downloaded them.
    """

    pythons: Mapping[str, Path]
    utilities: Path
    downloads: Path


def borrow(checkout: Path, folder: Path) -> Laptop:
    """Find what the laptop has, as `checkout` selects it; makes two folders in `folder`."""
    pythons, keys = _laptop_pythons(checkout)
    utilities, downloads = folder / "utilities", folder / "downloads"
    utilities.mkdir(parents=True)
    for program in _programs():
        link = utilities / program.name
        if not link.is_symlink():
            link.symlink_to(program)
    for version, key in keys.items():
        _link(pythons[version], downloads / key / "bin", version)
    return Laptop(pythons, utilities, downloads)


def _laptop_pythons(checkout: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Each version's interpreter, this one among them, and what uv calls it."""
    own = Path(os.path.realpath(sys.executable)).parent
    environment = {**os.environ, "PATH": f"{own}:{os.environ['PATH']}"}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    if pyenv.is_dir():  # its shims know the selected versions only: select all
        environment["PYENV_VERSION"] = ":".join(sorted(path.name for path in pyenv.iterdir()))
    command = [uv.find_uv_bin(), "python", "list", "--only-installed", "--output-format=json"]
    listed = _output(command, checkout, environment) or "[]"
    pythons, keys = {}, {}
    for item in json.loads(listed):
        if item["implementation"] != "cpython" or item["variant"] != "default":
            continue
        if item["version"] not in pythons:
            # The path may be a shim, whose choice depends on the folder.
            ask = [item["path"], "-c", "import os, sys; print(os.path.realpath(sys.executable))"]
            if found := _output(ask, checkout, environment):
                pythons[item["version"]] = Path(found.strip())
                keys[item["version"]] = item["key"]
    return pythons, keys


def _output(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What a command prints, "" if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return "" if done.returncode else done.stdout


def _programs() -> list[Path]:
    """The system's programs, bash and git: no Python, no Node, and no tool of theirs."""
    named = [Path(found) for name in ("bash", "git") if (found := shutil.which(name))]
    posix = os.confstr("CS_PATH") or os.defpath
    listed = [path for part in posix.split(":") for path in sorted(Path(part).glob("*"))]
    return [*named, *(path for path in listed if not _is_brought(path))]


def _is_brought(program: Path) -> bool:
    """Whether a build must bring the program itself, by its name or by what runs it."""
    if _BROUGHT.match(program.name):
        return True
    with suppress(OSError), program.open("rb") as file:
        return bool(_RUN_BY.match(file.readline(_LONGEST)))
    return False


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def make_image(folder: Path, laptop: Laptop, name: str, python: str, pyenv: str) -> str:
    """Make an image in `folder` that only one build will see; its PATH.

    `name` is the image's, `python` what runtime-versions asks for. Raises UserError when the image
    has no such Python, or the laptop can't stand in for it.
    """
    if name not in PYTHONS:
        raise UserError(
            "image-unknown", f"the rehearsal can't play the image {name}", f"use {[*PYTHONS][-1]}"
        )
    if python not in PYTHONS[name]:
        has = ", ".join(PYTHONS[name])
        raise UserError("image-python", f"{name} has no Python {python}", f"use one of {has}")
    versions = folder / "versions"
    chosen = next((version for version in laptop.pythons if _minor(version) == python), python)
    # What a build installs into the image's Python is gone with the build.
    _make_environment(versions / chosen, laptop.pythons.get(chosen, python))
    for version, program in laptop.pythons.items():
        if _minor(version) in PYTHONS[name] and version != chosen:
            _link(program, versions / version / "bin", version)
    (folder / "version").write_text(f"{chosen}\n", encoding="utf-8")  # as `pyenv global` does
    path = [_make_shims(folder, pyenv), laptop.utilities]
    if pyenv != OLDEST_PYENV:
        # A newer one makes a shim of what `python -m pip` installs: found beside the shims, here.
        path.insert(1, versions / chosen / "bin")
    return ":".join(str(part) for part in path)


def _link(program: Path, folder: Path, version: str) -> None:
    """Make a Python's programs out of its interpreter."""
    folder.mkdir(parents=True)
    for name in ("python", "python3", f"python{_minor(version)}"):
        folder.joinpath(name).symlink_to(program)


def _make_shims(folder: Path, pyenv: str) -> Path:
    """Make the folder with a shim for each program of every Python."""
    text = _SHIM.read_text(encoding="utf-8")
    text = text.replace("@ROOT@", quote(str(folder))).replace("@PYENV@", pyenv)
    shim = folder / "shim"
    shim.write_text(text, encoding="utf-8")
    shim.chmod(0o755)
    shims = folder / "shims"
    shims.mkdir()
    programs = (folder / "versions").glob("*/bin/p*")
    for name in {path.name for path in programs if path.name.startswith(("python", "pip"))}:
        shims.joinpath(name).symlink_to(shim)
    return shims


def _make_environment(folder: Path, python: Path | str) -> None:
    command = [uv.find_uv_bin(), "venv", "--quiet", "--seed", "--python", str(python), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "rehearsal-image", done.stderr.strip(), "check that uv reaches the package index"
        )
