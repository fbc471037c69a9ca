"""A release by hand, as README has it, against a local index: with every mistake that people make.

Real nox in a clone of HEAD. Each mistake has to be named, and what was done right has to go on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ci.checkout.git import git
from ci.package.project import read_project
from ci.tests.house.pages import ROOT, Page

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.servers import PackageIndex

pytestmark = pytest.mark.slow

VERSION = "1.4.0"  # README's
# All of `pr` takes a minute, and is what README's other command runs.
SHORTER = {"nox -s release": "nox -s find_tag check_tag reproduce"}


@dataclass(frozen=True)
class Laptop:
    """A clone on main with an origin of its own, and an index to publish to."""

    root: Path
    environ: dict[str, str]

    def type(self, line: str) -> str:
        """What a line of shell prints; it has to succeed."""
        done = self._run(line)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def fail(self, line: str) -> list[str]:
        """The codes of the errors that a line of shell prints; it has to fail."""
        done = self._run(line)
        assert done.returncode, done.stdout
        said = re.findall(r"^(?:error|help).*", done.stdout, re.MULTILINE)
        print(f"$ {line}", *said, sep="\n")  # pytest's -s shows what a person sees
        return re.findall(r"^error\[([\w-]+)\]", done.stdout, re.MULTILINE)

    def _run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-ec", line],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


@pytest.fixture
def laptop(tmp_path: Path, package_index: PackageIndex) -> Laptop:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(tmp_path, "clone", "--quiet", "--no-tags", "--no-checkout", str(ROOT), "laptop")
    root = tmp_path / "laptop"
    git(root, "checkout", "--quiet", "-B", "main", git(ROOT, "rev-parse", "HEAD"))
    git(root, "remote", "set-url", "origin", str(tmp_path / "origin.git"))
    git(root, "push", "--quiet", "--set-upstream", "origin", "main")
    for key, value in (("name", "Reader"), ("email", "reader@example.invalid")):
        git(root, "config", f"user.{key}", value)
    unset = ("AWS_", "COV_", "NOX", "RELEASE_", "SOURCE_", "TWINE_", "PYTEST_")
    wanted = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nox").write_text(f'#!/bin/sh\nexec {sys.executable} -m nox "$@"\n')
    (tmp_path / "bin/nox").chmod(0o755)
    return Laptop(
        root,
        {
            **wanted,
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "TWINE_USERNAME": package_index.username,
            "TWINE_PASSWORD": package_index.password,
            "TWINE_REPOSITORY_URL": package_index.upload_url,
            "UV_INDEX": f"{package_index.index_url} {os.environ.get('UV_INDEX', '')}",
        },
    )


def test_a_release_by_hand_with_its_mistakes(laptop: Laptop) -> None:
    *_, prepare, commit_and_push, ready, tag, publish = Page("README.md").commands
    commit, push = commit_and_push.split(" && ")

    # Releasing without a tag is refused at once; nothing is built.
    start = time.monotonic()
    assert laptop.fail("nox -s release") == ["no-tag"]
    assert time.monotonic() - start < 20  # two seconds on a machine that has nothing else to do
    assert not (laptop.root / ".nox/wheel").exists()

    # A version that is not next is not written.
    assert laptop.fail("nox -s prepare -- 0.0.9") == ["version-not-above"]
    assert laptop.fail("nox -s prepare -- 1.4.0.dev1") == ["version-not-public"]
    assert laptop.type("git status --porcelain") == ""

    # Nor does a pull request pass that sets the version and forgets the changelog.
    module = read_project(laptop.root).package_dir / "__init__.py"
    laptop.type("git switch --quiet -c hasty")
    laptop.type(f"sed -i 's/^__version__ = .*/__version__ = \"{VERSION}\"/' {module}")
    laptop.type("git commit --quiet -am Hasty")
    assert laptop.fail("nox -s check_version") == ["changelog-entry"]
    laptop.type("git switch --quiet main && git branch --quiet -D hasty")

    # The version and the entry are there, and neither committed nor pushed.
    assert f"+## [{VERSION}] - " in laptop.type(prepare)
    assert laptop.fail(ready) == ["tree-dirty"]
    laptop.type(commit)
    assert laptop.fail(ready) == ["not-on-release-branch"]
    laptop.type(push)
    assert f"git push origin v{VERSION}" in laptop.type(ready)

    # Tagging another version than the wheel's, or the same one twice, is noticed.
    laptop.type("git tag v1.4.1")
    assert laptop.fail("nox -s find_tag") == ["tag-version"]
    laptop.type("git tag -d v1.4.1")
    laptop.type(tag)
    assert laptop.fail(ready) == ["tag-taken"]

    # README's last line publishes, and verifies on both Pythons.
    for whole, shorter in SHORTER.items():
        publish = publish.replace(whole, shorter)
    assert laptop.type(publish).count("installs and imports") == 2
    assert laptop.type("nox -s publish").count("skip, already there") == 2

    # A version below a published one is refused, with everything else done right.
    laptop.type(f"sed -i 's/{VERSION}/1.3.9/' {module} CHANGELOG.md")
    laptop.type("git commit --quiet -am Older && git push --quiet")
    assert laptop.fail(ready) == ["version-not-above"]
    assert laptop.fail("nox -s check_version") == ["version-not-above"]
