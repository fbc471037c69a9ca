"""What is measured: the sessions, together and one by one, and tox-uv on the same work."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ci.package.project import Project, read_project

_BYTECODE = ".cache/nox-bytecode"  # as in the noxfile
_NOX = (sys.executable, "-m", "nox")
_TOX = (sys.executable, "-m", "tox", "run-parallel", "--parallel", "auto")

_TOX_INI = """\
[tox]
env_list = {environments}

[testenv]
package = wheel
deps = -r ci/locks/test.txt
set_env = COVERAGE_FILE = reports/.coverage.{{env_name}}
commands = pytest --import-mode=append {not_for_pytest}--cov --cov-report= --cov-fail-under=0

[testenv:lint]
package = skip
deps = -r ci/locks/lint.txt
commands =
  {formatter}
  ruff check {not_for_ruff}.

[testenv:typecheck]
deps =
  -r ci/locks/test.txt
  -r ci/locks/typecheck.txt
commands = mypy

[testenv:coverage]
package = skip
depends = {tests}
deps = -r ci/locks/test.txt
set_env = COVERAGE_FILE = reports/.coverage
commands =
  coverage combine {data}
  coverage report
"""


COLD, RENEWED, WARM = "cold", "renewed", "warm"


@dataclass(frozen=True)
class Contender:
    """A command that is run in a package, and what is there before each run.

    A cold one is run without `folder`, in which its tool keeps everything, and without bytecode.
    """

    name: str
    command: tuple[str, ...]
    state: str
    folder: str = ".nox"
    against: str | None = None

    @property
    def words(self) -> str:
        """The command as one would type it."""
        return " ".join(self.command).replace(f"{sys.executable} -m ", "")

    @property
    def shown(self) -> str:
        """The command, and what was there before it."""
        return f"`{self.words}`, {self.state}"

    def prepare(self, package: Path) -> None:
        """Remove what an earlier run has left, where this is a cold one."""
        if self.state == COLD:
            bytecode = Path(os.environ.get("PYTHONPYCACHEPREFIX", Path.home() / _BYTECODE))
            for folder in (package / self.folder, bytecode / package.absolute().relative_to("/")):
                shutil.rmtree(folder, ignore_errors=True)


CONTENDERS = (
    Contender("pr", (*_NOX, "-s", "pr"), COLD, against="tox"),
    Contender("tox", _TOX, COLD, ".tox"),
    Contender("pr-renewed", (*_NOX, "-s", "pr"), RENEWED, against="tox-renewed"),
    Contender("tox-renewed", (*_TOX, "--recreate"), RENEWED, ".tox"),
    Contender("pr-warm", (*_NOX, "-R", "-s", "pr"), WARM, against="tox-warm"),
    Contender("tox-warm", _TOX, WARM, ".tox"),
    Contender("one-by-one", (*_NOX, "-j", "1", "-s", "pr"), COLD, against="tox"),
    Contender("lint-tests", (*_NOX, "-R", "-s", "lint", "tests"), WARM),
    Contender("rehearse", (*_NOX, "-s", "rehearse"), WARM),
)
USUAL = [each.name for each in CONTENDERS if each.name != "rehearse"]


def write_tox_ini(root: Path) -> None:
    """Have tox do in `root` what `pr` does there to the package, on both Pythons."""
    text = tox_ini(read_project(root), home=(root / "ci/tests").is_dir())
    (root / "tox.ini").write_text(text, encoding="utf-8")


def tox_ini(project: Project, *, home: bool) -> str:
    """The text of tox.ini; `home`: the pipeline is linted too, as it is where it is developed."""
    versions = dict.fromkeys([project.python_versions[0], project.python_versions[-1]])
    tests = [f"py{version.replace('.', '')}" for version in versions]
    types = ["typecheck"] if project.settings.typecheck else []
    not_for_black = "" if home else '--force-exclude "^/(ci/|cdk/|noxfile.py$)" '
    not_for_ruff = "" if home else '--extend-exclude "./ci,./cdk,./noxfile.py" '
    formatters = {
        "black": f"black --check {not_for_black}.",
        "ruff": f"ruff format --check {not_for_ruff}.",
    }
    return _TOX_INI.format(
        environments=", ".join(["lint", *types, *tests, "coverage"]),
        tests=", ".join(tests),
        data=" ".join(f"reports/.coverage.{name}" for name in tests),
        formatter=formatters.get(project.settings.format, ""),
        not_for_ruff=not_for_ruff,
        not_for_pytest="" if home else "--ignore=ci --ignore=cdk --ignore=noxfile.py ",
    )
