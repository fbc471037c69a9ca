"""Small packages in git, built by hand: valid distributions in a few milliseconds."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.distributions.manifest import read_manifest, write_manifest
from ci.distributions.normalize import normalize_sdist

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "{version}"
requires-python = ">=3.8"
classifiers = [
  "Programming Language :: Python :: {lowest}",
  "Programming Language :: Python :: 3.12",
]
dependencies = {requires}
"""


@dataclass(frozen=True)
class Checkout:
    """A package's repository, committed and not tagged, and its distributions."""

    root: Path
    wheel: Path
    sdist: Path

    @property
    def dist(self) -> Path:
        return self.wheel.parent

    @property
    def files(self) -> dict[str, str]:
        return read_manifest(self.dist)

    def repack_the_wheel(self, more: Mapping[str, str] | None = None) -> None:
        """Other bytes with the same members, and with `more`, which no RECORD lists."""
        with zipfile.ZipFile(self.wheel) as old:
            files = {name: old.read(name).decode() for name in old.namelist()}
        with zipfile.ZipFile(self.wheel, "w", zipfile.ZIP_DEFLATED) as new:
            for name, text in (files | dict(more or {})).items():
                new.writestr(name, text)

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.root, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str] | None = None) -> None:
        """Commit these files, and whatever else is new."""
        for name, text in (files or {}).items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=Change")


def make_checkout(  # noqa: PLR0913 - all but one have a default
    root: Path,
    *,
    name: str = "thing",
    version: str = "1.0",
    code: str | None = None,
    requires: tuple[str, ...] = (),
    lowest: str = "3.8",
) -> Checkout:
    """Write and commit a package with pyproject.toml and source; build it, with a manifest."""
    code = f'__version__ = "{version}"\n' if code is None else code
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    pyproject = _PYPROJECT.format(
        name=name, version=version, lowest=lowest, requires=json.dumps(requires)
    )
    source = root / "src" / name
    dist = root / "dist"
    source.mkdir(parents=True)
    dist.mkdir()
    (root / "pyproject.toml").write_text(pyproject)
    (source / "__init__.py").write_text(code)
    wheel = dist / f"{name}-{version}-py3-none-any.whl"
    sdist = dist / f"{name}-{version}.tar.gz"
    _write_wheel(wheel, f"{name}-{version}.dist-info", {f"{name}/__init__.py": code}, metadata)
    members = {"PKG-INFO": metadata, "pyproject.toml": pyproject, f"src/{name}/__init__.py": code}
    _write_sdist(sdist, f"{name}-{version}", members)
    normalize_sdist(sdist, epoch=0)
    write_manifest(dist)
    checkout = Checkout(root, wheel, sdist)
    (root / ".gitignore").write_text("/dist/\n")
    checkout.git("init", "--quiet", "--initial-branch=main")
    checkout.commit()
    return checkout


def copy_checkout(checkout: Checkout, root: Path) -> Checkout:
    """The same, elsewhere: much faster than to make it again."""
    shutil.copytree(checkout.root, root)
    files = (checkout.wheel, checkout.sdist)
    return Checkout(root, *(root / file.relative_to(checkout.root) for file in files))


def _write_wheel(path: Path, info: str, members: dict[str, str], metadata: str) -> None:
    members = members | {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in members.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (members | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            archive.writestr(name, text)


def _write_sdist(path: Path, folder: str, members: dict[str, str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
