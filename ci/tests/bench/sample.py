"""A package of any size, with the pipeline in it, to measure the sessions on."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ci.checkout.git import git
from ci.errors import UserError

ROOT = Path(__file__).parents[3]
_IDENTITY = ("-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")
_CHUNK = 1024 * 1024

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "sample"
version = "1.0"
description = "A package that is only there to be measured."
readme = "README.md"
requires-python = ">={lowest}"
classifiers = [
{classifiers}
]

[tool.black]
line-length = 100

[tool.mypy]
files = ["src/sample"]
python_version = "{lowest}"
strict = true

[tool.ci]
max-size = 1_000_000_000
"""

_MODULE = '''\
"""Module number {number}."""

from __future__ import annotations

'''
_FUNCTION = '''
def step_{step}(value: int) -> int:
    """Return {step} more than `value`, at least 0."""
    if value < 0:
        value = 0
    return value + {step}

'''
_TESTS = """\
import importlib
import time

import pytest


@pytest.mark.parametrize("number", range({modules}))
def test_every_function(number: int) -> None:
    module = importlib.import_module(f"sample.module_{{number}}")
    for step in range({functions}):
        function = getattr(module, f"step_{{step}}")
        assert (function(-1), function(1)) == (step, step + 1)


@pytest.mark.parametrize("number", range({tests}))
def test_waiting(number: int) -> None:
    time.sleep({pause})
    assert number >= 0
"""


@dataclass(frozen=True)
class Sample:
    """How large the package is; `seconds` is how long its tests sleep, all together, once."""

    modules: int = 15
    tests: int = 160
    seconds: float = 17
    pythons: tuple[str, ...] = ("3.8", "3.12")
    megabytes: int = 0
    functions: int = 12

    def __str__(self) -> str:
        size = f", {self.megabytes} MB of data" if self.megabytes else ""
        return (
            f"a sample of {self.modules} modules, {self.tests} tests that sleep {self.seconds:g} s"
            f" on each of {len(self.pythons)} Pythons{size}"
        )


def make_sample(root: Path, sample: Sample) -> Path:
    """Write the package to `root`, commit it, and put the pipeline into it."""
    name = "Programming Language :: Python :: "
    classifiers = "\n".join(f'  "{name}{python}",' for python in sample.pythons)
    modules = [f"module_{number}" for number in range(sample.modules)]
    files = {
        "pyproject.toml": _PYPROJECT.format(lowest=sample.pythons[0], classifiers=classifiers),
        "README.md": "A package that is only there to be measured.\n",
        ".gitignore": "dist/\n.nox/\n.tox/\nreports/\n",
        "src/sample/__init__.py": '"""Sample."""\n',
        "src/sample/py.typed": "",
        "tests/test_sample.py": _TESTS.format(
            modules=sample.modules,
            functions=sample.functions,
            tests=sample.tests,
            pause=sample.seconds / max(1, sample.tests),
        ),
    }
    functions = "".join(_FUNCTION.format(step=step) for step in range(sample.functions))
    for number, module in enumerate(modules):
        text = _MODULE.format(number=number) + functions.rstrip("\n") + "\n"
        files[f"src/sample/{module}.py"] = text
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    noise = random.Random(0)  # noqa: S311 - what can't be compressed, the same in each run
    for number in range(sample.megabytes):
        (root / f"src/sample/noise_{number}.bin").write_bytes(noise.randbytes(_CHUNK))
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    put_pipeline(root, sample.pythons)
    return root


def copy_package(folder: Path, root: Path) -> Path:
    """Clone the package in `folder` to `root`; put the pipeline into it unless it is there."""
    git(folder, "clone", "--quiet", str(folder.resolve()), str(root.resolve()))
    if not (root / "ci/run.py").is_file():
        put_pipeline(root)
    return root


def put_pipeline(root: Path, pythons: tuple[str, ...] = ()) -> None:
    """Adopt the pipeline of this repository in `root`, lock and commit.

    Raises UserError when one of these fails.
    """
    _run(ROOT, sys.executable, "-m", "ci.adopt", str(root), "--write")
    if pythons:  # adopting lists those alone that `pr` needs
        versions = dict.fromkeys(["3.12", *reversed(pythons)])
        (root / ".python-version").write_text("\n".join([*versions, ""]), encoding="utf-8")
    _run(root, sys.executable, "-m", "nox", "-s", "lock")
    commit(root)


def commit(root: Path) -> None:
    """Commit everything."""
    git(root, "add", "--all")
    git(root, *_IDENTITY, "commit", "--quiet", "--no-gpg-sign", "--message=To be measured")


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "bench-sample",
            f"{' '.join(command[1:])} failed: {(done.stderr or done.stdout)[-2000:]}",
            "see what it says",
        )
