"""Small packages in git repositories of their own, and distributions made by hand."""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.distributions.manifest import write_manifest
from ci.distributions.normalize import normalize_sdist

if TYPE_CHECKING:
    from collections.abc import Mapping

STEM = "demo_pkg-1.2.0"
# Put together here, so that no scanner takes this file for a leak.
FAKE_AWS_KEY = "AKIA" + "Z" * 16
METADATA = (
    b"Metadata-Version: 2.1\nName: demo-pkg\nVersion: 1.2.0\nRequires-Python: >=3.8\n\nDemo.\n"
)

_WHEEL = """\
Wheel-Version: 1.0
Generator: demo
Root-Is-Purelib: true
Tag: {}
"""
_BUILD = {
    "hatchling": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.version]
path = "src/demo_pkg/__init__.py"
""",
    "setuptools": """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools.dynamic]
version = { attr = "demo_pkg.__version__" }
""",
}
_PROJECT = """\
[project]
name = "demo-pkg"
dynamic = ["version"]
description = "A package to try the pipeline on."
readme = "README.md"
requires-python = ">=3.8"
classifiers = ["Programming Language :: Python :: 3.12"]
"""


PYPROJECT = _BUILD["hatchling"] + _PROJECT
FILES = {
    "README.md": "Demo.\n",
    "CHANGELOG.md": "# Changelog\n\n## [1.2.0] - 2026-01-31\n\n- Demo.\n",
    ".gitignore": "dist/\nbuild/\n*.egg-info/\n__pycache__/\n",
    "src/demo_pkg/__init__.py": '"""Demo."""\n\n__version__ = "1.2.0"\n',
    "src/demo_pkg/py.typed": "",
    "tests/test_demo.py": "import demo_pkg\n",
}
SDIST_FILES = {"pyproject.toml": PYPROJECT, **FILES}
EPOCH = 1_700_000_000


def make_package(
    root: Path, *, backend: str = "hatchling", system: str = "", more: str = ""
) -> Path:
    """A good package, demo-pkg 1.2.0, committed on main.

    `system` is the part of pyproject.toml for another backend; `more` is appended to that file.
    """
    made = _package_once((system or _BUILD[backend]) + _PROJECT + more)
    shutil.copytree(made, root, symlinks=True, dirs_exist_ok=True)
    return root


@functools.cache
def _package_once(pyproject: str) -> Path:
    """That package, to be copied: a copy is faster than git."""
    root = lasting_folder()
    write(root, {"pyproject.toml": pyproject, **FILES})
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return to_be_copied(root)


def to_be_copied(repository: Path) -> Path:
    """The repository, with all its objects in one file: a tenth of what is to be copied."""
    git(repository, "gc", "--quiet")
    return repository


def lasting_folder() -> Path:
    """A new folder that lasts as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="sample-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write text files below `root`, with the folders they need."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def git(root: Path, *arguments: str) -> str:
    """Run git in `root`; what it prints."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def commit(root: Path) -> str:
    """Commit everything; the commit's id."""
    git(root, "add", "--all", "--force", "--", ".")
    git(root, "commit", "--quiet", "--allow-empty", "--message=Change")
    return git(root, "rev-parse", "HEAD")


def make_dist(root: Path, *, version: str = "1.2.0", code: str | None = None) -> Path:
    """The folder dist/ as a build of that version leaves it, with `code` as the wheel's package."""
    code = f'__version__ = "{version}"\n' if code is None else code
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    make_sdist(dist, version=version)
    make_wheel(dist, {"demo_pkg/__init__.py": code.encode()}, version=version)
    write_manifest(dist)
    return dist


def make_sdist(
    folder: Path, more: Mapping[str, bytes] | None = None, *, version: str = "1.2.0"
) -> Path:
    """An sdist of the good package, made by hand, with `more` members."""
    files = {
        "PKG-INFO": METADATA.replace(b"1.2.0", version.encode()),
        **{name: text.encode() for name, text in SDIST_FILES.items()},
        **(more or {}),
    }
    stem = f"demo_pkg-{version}"
    infos = []
    for name, content in files.items():
        info = tarfile.TarInfo(f"{stem}/{name}")
        info.size = len(content)
        infos.append((info, content))
    path = write_tar(folder / f"{stem}.tar.gz", infos)
    normalize_sdist(path, epoch=EPOCH)
    return path


def write_tar(path: Path, infos: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A .tar.gz of exactly these entries."""
    with tarfile.open(path, "w:gz") as archive:
        for info, content in infos:
            archive.addfile(info, io.BytesIO(content))
    return path


def make_wheel(
    folder: Path,
    more: Mapping[str, bytes] | None = None,
    *,
    tag: str = "py3-none-any",
    version: str = "1.2.0",
) -> Path:
    """A wheel of the good package, made by hand, with `more` members."""
    stem = f"demo_pkg-{version}"
    files = {
        "demo_pkg/__init__.py": FILES["src/demo_pkg/__init__.py"].encode(),
        "demo_pkg/py.typed": b"",
        f"{stem}.dist-info/METADATA": METADATA.replace(b"1.2.0", version.encode()),
        f"{stem}.dist-info/WHEEL": _WHEEL.format(tag).encode(),
        **(more or {}),
    }
    record = f"{stem}.dist-info/RECORD"
    lines = [
        f"{name},{_digest(content)},{len(content)}\n"
        for name, content in files.items()
        if name != record and not name.endswith("/")
    ]
    files.setdefault(record, "".join([*lines, f"{record},,\n"]).encode())
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.decode().rstrip('=')}"
