"""Run pytest on the installed wheel, and check the coverage.

python ci/run_tests.py tests-3.8 [ARGUMENTS]            run the tests; reports are named after it
python ci/run_tests.py --coverage tests-3.8 tests-3.12  judge the coverage of these runs together

This runs on the package's own Pythons, with pytest, pytest-cov and nothing else of the pipeline.

A long suite can be split over builds by pytest-split: SHARD=2/4 runs the second of four parts, and
SHARDS=4 judges the coverage of all of them together.
"""

from __future__ import annotations

import filecmp
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pluggy import HookimplMarker

if TYPE_CHECKING:
    import pytest

hookimpl = HookimplMarker("pytest")
REPORTS = "reports"
NO_TESTS = (
    "error[no-tests]: pytest found no test\n"
    "help: write one in tests/test_*.py; if there are some, look at pytest's testpaths and at the"
    " arguments after `--`, or set fewer shards"
)
_SETTINGS = ("pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")


def main(name: str, *arguments: str) -> int:
    """Run the tests, and return pytest's exit code."""
    import pytest  # noqa: PLC0415 - it takes longer than the judging

    shard, shards = read_shard(os.environ)
    os.environ["COVERAGE_FILE"] = coverage_file(name, shard, shards)
    options = [
        f"--junitxml={REPORTS}/junit-{name}.xml",
        *import_mode(Path.cwd()),
        # Coverage is measured here, and judged when all runs are there.
        *("--cov", "--cov-report=", "--cov-fail-under=0"),
    ]
    if not Path("ci/tests").is_dir():  # a copy of the pipeline has no tests of its own
        options += ["--ignore=ci", "--ignore=cdk", "--ignore=noxfile.py"]
    if shard:
        options += ["--splits", str(shards), "--group", str(shard)]
    code = pytest.main([*options, *arguments], plugins=[NamesInCheckout()])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        print(NO_TESTS, file=sys.stderr)
    return int(code)


def judge(*names: str) -> int:
    """Combine the coverage data of the runs, and return the exit code of coverage's report."""
    from coverage.cmdline import main as coverage  # noqa: PLC0415

    _, shards = read_shard(os.environ)
    parts = range(1, shards + 1) if shards else [0]
    data = [coverage_file(name, part, shards) for name in names for part in parts]
    os.environ["COVERAGE_FILE"] = f"{REPORTS}/.coverage"
    for command in (
        ["combine", *data],
        ["xml", "--fail-under=0", "-o", f"{REPORTS}/coverage.xml"],
        ["report"],
    ):
        code = coverage(command)
        if code:
            return code
    return 0


def read_shard(environ: os._Environ[str] | dict[str, str]) -> tuple[int, int]:
    """Which part of how many SHARD (such as "2/4") names, or how many SHARDS says; else zeros.

    Exits with a message when they say anything else.
    """
    text = environ.get("SHARD") or "0/" + (environ.get("SHARDS") or "0")
    match = re.match(r"(\d{1,4})/(\d{1,4})\Z", text)
    part, parts = (int(match[1]), int(match[2])) if match else (-1, -1)
    if not 0 <= part <= parts:
        sys.exit(
            f"error[shard]: SHARD is {environ.get('SHARD')!r}, SHARDS {environ.get('SHARDS')!r}\n"
            "help: set SHARD=2/4 to test the second of four parts, SHARDS=4 to judge their coverage"
        )
    return part, parts


def coverage_file(name: str, shard: int, shards: int) -> str:
    """Where a run, or one shard of it, leaves its coverage data."""
    return f"{REPORTS}/.coverage.{name}" + (f"-{shard}of{shards}" if shard else "")


def import_mode(root: Path) -> list[str]:
    """The option with which no folder of the checkout hides the installed package from its tests.

    None where the package has chosen importlib, which does not hide it either.
    """
    files = [root / name for name in _SETTINGS if (root / name).is_file()]
    settings = " ".join(file.read_text(encoding="utf-8") for file in files)
    chosen = re.search(r"--import-mode[=\s\"',]+importlib", settings)
    return [] if chosen else ["--import-mode=append"]


def name_in_checkout(path: str) -> str:
    """The same file below the current folder or its src/, or `path` if there is none.

    The installed package is what is tested, and stays so. Nobody edits its files in site-packages:
    where the checkout has the same file, byte for byte, a traceback names that one.
    """
    parts = Path(path).parts
    if "site-packages" in parts:
        inside = Path(*parts[parts.index("site-packages") + 1 :])
        for candidate in (Path("src") / inside, inside):
            if candidate.is_file() and filecmp.cmp(path, candidate, shallow=False):
                return str(candidate)
    return path


class NamesInCheckout:
    """A plugin of pytest that rewrites the paths of tracebacks, which every report then has."""

    @hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Rewrite the file of every entry of the report's traceback, and of its causes."""
        for traceback, *_ in getattr(report.longrepr, "chain", ()):
            for entry in traceback.reprentries:
                location = getattr(entry, "reprfileloc", None)
                if location:
                    location.path = name_in_checkout(location.path)


if __name__ == "__main__":
    del sys.path[0]  # the folder ci/, in which modules have names of libraries
    sys.exit(judge(*sys.argv[2:]) if sys.argv[1] == "--coverage" else main(*sys.argv[1:]))
