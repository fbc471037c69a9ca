"""Each check of a pull request can fail: one defect at a time, in a copy of this repository.

The copy is made once and its environments are kept; every test puts its defect in, runs real nox,
and looks for the session that failed and for what it named.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.checkout.git import git
from ci.package.project import Project, read_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it is in the working tree, committed, without what git ignores."""
    root = tmp_path_factory.mktemp("house")
    names = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=as it is")
    return root


@pytest.fixture
def house(copy: Path) -> Iterator[Path]:
    """The copy, without defects before and after."""
    yield copy
    git(copy, "reset", "--quiet", "--hard")


def put(house: Path, name: str | Path, text: str) -> None:
    """Write a file and let git track it."""
    (house / name).write_text(text, encoding="utf-8")
    git(house, "add", str(name))


def nox(house: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    outer = {n: v for n, v in os.environ.items() if not n.startswith(("NOX", "COV_", "SOURCE_"))}
    return subprocess.run(
        [sys.executable, "-m", "nox", "--reuse-venv=yes", *arguments],
        cwd=house,
        env={**outer, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def failed(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"nox > Session (\S+) failed\.", done.stdout + done.stderr))


@pytest.fixture
def project(house: Path) -> Project:
    return read_project(house)


def test_without_a_defect_every_session_passes_on_both_ends(house: Path, project: Project) -> None:
    done = nox(house, "-s", "lint", "check_locks", "check_commit", "coverage")
    assert (done.returncode, failed(done)) == (0, set()), done.stdout
    low, high = project.python_versions[0], project.python_versions[-1]
    for python in (low, high):
        assert f"tests-{python}: success" in done.stdout
        assert f"platform linux -- Python {python}." in done.stdout
        assert (house / "reports" / f"junit-tests-{python}.xml").is_file()
    assert (house / "reports/coverage.xml").is_file()


def test_a_formatting_error_fails_lint(house: Path, project: Project) -> None:
    module = project.package_dir / "__init__.py"
    put(house, module, (house / module).read_text(encoding="utf-8") + "x  =  [ 1 ]\n")
    done = nox(house, "-s", "lint")
    assert failed(done) == {"lint"}
    assert f"would reformat {house / module}" in done.stdout


def test_a_ruff_finding_fails_lint(house: Path, project: Project) -> None:
    module = project.package_dir / "odd.py"
    put(house, module, '"""Odd."""\n\nimport os\n')
    done = nox(house, "-s", "lint")
    assert failed(done) == {"lint"}
    assert "F401" in done.stdout
    assert str(module) in done.stdout


def test_a_red_lint_shows_all_of_it_how_to_fix_it_and_what_was_not_run(
    house: Path, project: Project
) -> None:
    put(house, project.package_dir / "odd.py", '"""Odd."""\n\nimport os\nx  =  [ 1 ]\n')
    done = nox(house, "-j", "1", "-s", "lint", "tests")
    assert failed(done) == {"lint"}
    said = done.stdout + done.stderr
    assert "\n-x  =  [ 1 ]\n" in said
    assert "\n+x = [1]\n" in said
    assert "F401" in said
    assert "run `nox -s fmt`; it formats" in said
    ends = ", ".join(
        f"tests-{python}"
        for python in dict.fromkeys((project.python_versions[0], project.python_versions[-1]))
    )
    assert f"not run: wheel, {ends}\n" in done.stdout
    assert "nox --no-stop-on-first-error --reuse-venv=yes -j 1 -s lint tests\n" in done.stdout


def test_a_session_that_is_not_parallel_is_no_reason_to_warn(house: Path) -> None:
    done = nox(house, "-s", "find_tag")
    assert failed(done) == {"find_tag"}
    assert "parallel" not in done.stdout + done.stderr


def test_what_ctrl_c_interrupts_has_not_failed(house: Path, project: Project) -> None:
    put(
        house,
        "tests/test_endless.py",
        "import pathlib, time\n\n\ndef test_endless():\n"
        '    pathlib.Path("reports/started").touch()\n    time.sleep(600)\n',
    )
    outer = {n: v for n, v in os.environ.items() if not n.startswith(("NOX", "COV_", "SOURCE_"))}
    # What is started in the background ignores Ctrl-C, and so does all that it starts.
    heeding = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    session = ("-m", "nox", "-s", f"tests-{project.python_versions[-1]}")
    command = [sys.executable, "-c", heeding, *session]
    with subprocess.Popen(
        command, cwd=house, env=outer, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        started = house / "reports/started"
        while not started.exists():
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        try:
            said, _ = running.communicate(timeout=60)
        finally:
            running.terminate()  # or leaving the block waits for it
    started.unlink()
    assert running.returncode == 130
    assert "aborted: interrupted" in said
    assert "failed" not in said


def test_a_traceback_names_the_file_in_git(house: Path, project: Project) -> None:
    module = project.package_dir / "odd.py"
    put(house, module, '"""Odd."""\n\n\ndef odd() -> None:\n    """Odd."""\n    raise KeyError\n')
    put(
        house,
        "tests/test_odd.py",
        f"from {project.import_name} import odd\n\n\ndef test_odd():\n    odd.odd()\n",
    )
    done = nox(house, "-s", f"tests-{project.python_versions[0]}")
    assert f"{module}:6: KeyError" in done.stdout
    assert "site-packages" not in done.stdout.partition("FAILURES")[2]


def test_the_hooks_of_git_call_the_sessions(house: Path, project: Project, tmp_path: Path) -> None:
    here = Path(sys.executable).parent
    environ = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path)}
    environ["PATH"] = f"{here}{os.pathsep}{os.environ['PATH']}"

    def hooks(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(here / "pre-commit"), "run", "--all-files", *arguments]
        return subprocess.run(
            command, cwd=house, env=environ, capture_output=True, text=True, check=False
        )

    done = hooks()
    assert done.returncode == 0, done.stdout
    assert re.findall(r"^nox -s (\w+).*Passed$", done.stdout, re.MULTILINE) == [
        "lint",
        "check_locks",
    ]
    put(house, project.package_dir / "odd.py", '"""Odd."""\n\nx  =  [ 1 ]\n')
    done = hooks()
    assert done.returncode == 1
    assert "run `nox -s fmt`; it formats" in done.stdout
    put(house, project.package_dir / "odd.py", '"""Odd."""\n\nX: int = "one"\n')
    done = hooks("--hook-stage", "pre-push")
    assert done.returncode == 1
    assert "odd.py:3: error" in done.stdout


def test_a_type_error_fails_typecheck(house: Path, project: Project) -> None:
    module = project.package_dir / "odd.py"
    put(house, module, '"""Odd."""\n\nNUMBER: int = "one"\n')
    done = nox(house, "-s", "typecheck")
    assert failed(done) == {"typecheck"}
    assert f"{module}:3: error: Incompatible types" in done.stdout


def test_newer_syntax_than_the_lowest_python_knows_fails_typecheck(
    house: Path, project: Project
) -> None:
    module = project.package_dir / "odd.py"
    put(house, module, '"""Odd."""\n\nmatch 1:\n    case _:\n        pass\n')
    done = nox(house, "-s", "typecheck")
    assert failed(done) == {"typecheck"}
    assert str(module) in done.stdout


def test_a_test_that_fails_on_the_lowest_python_only_fails_there(
    house: Path, project: Project
) -> None:
    # Merging dicts with | came with 3.9: fine on the highest, an error on the lowest.
    put(house, "tests/test_odd.py", "def test_odd():\n    assert {} | {} == {}\n")
    done = nox(house, "--no-stop-on-first-error", "-s", "tests")
    assert failed(done) == {f"tests-{project.python_versions[0]}"}
    assert "test_odd" in done.stdout


def test_arguments_reach_pytest(house: Path) -> None:
    done = nox(house, "-s", "tests", "--", "-k", "no_such_test", "--strict-markers")
    assert done.returncode != 0
    assert re.search(r"\d+ deselected", done.stdout)


def test_a_drop_of_coverage_fails_coverage(house: Path, project: Project) -> None:
    put(
        house,
        project.package_dir / "odd.py",
        '"""Odd."""\n\n\ndef odd(n: int) -> int:\n    """Odd."""\n'
        + "".join(f"    n += {i}\n" for i in range(40))
        + "    return n\n",
    )
    done = nox(house, "-s", "coverage")
    assert failed(done) == {"coverage"}
    assert "odd.py" in done.stdout
    assert "fail-under" in done.stdout


def test_a_file_missing_from_the_wheel_fails_build(house: Path, project: Project) -> None:
    text = (house / "pyproject.toml").read_text(encoding="utf-8")
    wheel = "[tool.hatch.build.targets.wheel]\n"
    assert wheel in text
    put(house, "pyproject.toml", text.replace(wheel, f'{wheel}exclude = ["py.typed"]\n'))
    done = nox(house, "-s", "build")
    assert failed(done) == {"build"}
    assert f"{project.import_name}/py.typed" in done.stdout
    assert not (house / "dist").exists()


def test_a_stale_lock_fails_locks(house: Path) -> None:
    text = (house / "pyproject.toml").read_text(encoding="utf-8")
    assert '"pytest-cov>=5"' in text
    put(house, "pyproject.toml", text.replace('"pytest-cov>=5"', '"pytest-cov>=5", "tomlkit"'))
    done = nox(house, "-s", "check_locks")
    assert failed(done) == {"check_locks"}
    assert "ci/locks/test.txt does not satisfy 'tomlkit'" in done.stdout
    assert "nox -s lock" in done.stdout


def test_another_commit_than_the_events_fails_check_commit(house: Path) -> None:
    done = nox(house, "-s", "check_commit", SOURCE_COMMIT="0" * 40)
    assert failed(done) == {"check_commit"}
    assert "0" * 40 in done.stdout


def test_a_missing_interpreter_is_a_failure(house: Path, project: Project, tmp_path: Path) -> None:
    low = project.python_versions[0]
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git") or "")
    (tools / "python3.12").symlink_to(sys.executable)
    bare = {"PATH": str(tools), "UV_PYTHON_DOWNLOADS": "never", "NOX_DOWNLOAD_PYTHON": "never"}
    bare |= {"UV_PYTHON_INSTALL_DIR": str(tmp_path), "UV_PYTHON_PREFERENCE": "only-system"}
    done = nox(house, "--envdir", str(tmp_path / "envs"), "-s", "tests", **bare)
    assert done.returncode != 0
    assert f"Python interpreter {low} not found" in done.stdout


def test_a_wheel_that_was_built_anew_is_tested_even_when_nothing_is_installed_anew(
    house: Path, project: Project
) -> None:
    high = project.python_versions[-1]
    module = project.package_dir / "__init__.py"
    put(house, module, (house / module).read_text(encoding="utf-8") + 'MARK = "new"\n')
    put(
        house,
        "tests/test_mark.py",
        f"import {project.import_name} as package\n\n\n"
        'def test_mark():\n    assert package.MARK == "new"\n',
    )
    done = nox(house, "-R", "-s", f"tests-{high}", "--", "-k", "test_mark")
    assert (done.returncode, failed(done)) == (0, set()), done.stdout
    assert "1 passed" in done.stdout


def test_what_runs_others_code_sees_no_credentials(house: Path, project: Project) -> None:
    put(
        house,
        "tests/test_seen.py",
        "import os\n\n\ndef test_seen():\n"
        '    assert os.environ["HOME"]\n'
        '    assert [n for n in os.environ if n.startswith(("AWS_", "TWINE_", "PYPI_"))] == []\n',
    )
    hidden = {"AWS_SECRET_ACCESS_KEY": "fake", "TWINE_PASSWORD": "fake", "PYPI_SECRET_ID": "fake"}
    session = f"tests-{project.python_versions[-1]}"
    done = nox(house, "-s", session, "--", "-k", "test_seen", **hidden)
    assert (done.returncode, failed(done)) == (0, set()), done.stdout
    assert "1 passed" in done.stdout


def test_a_suite_in_shards_is_tested_whole_and_its_coverage_judged_whole(house: Path) -> None:
    text = (house / "pyproject.toml").read_text(encoding="utf-8")
    put(house, "pyproject.toml", text.replace('"pytest-cov>=5"', '"pytest-cov>=5", "pytest-split"'))
    lock = [sys.executable, "-m", "ci.dependencies.lock", "test"]
    subprocess.run(lock, cwd=house, check=True, stdout=subprocess.DEVNULL)
    put(house, "tests/test_parts.py", "".join(f"def test_{n}(): ...\n" for n in "abcd"))
    ran: list[str] = []
    for shard in ("1/2", "2/2"):
        done = nox(house, "-s", "tests", "--", "-v", SHARD=shard)
        assert (done.returncode, failed(done)) == (0, set()), done.stdout
        ran += re.findall(r"test_parts\.py::(test_\w) PASSED", done.stdout)
    assert sorted(ran) == sorted(f"test_{n}" for n in "aabbccdd")  # once on each Python
    done = nox(house, "-s", "coverage", SHARDS="2")
    assert (done.returncode, failed(done)) == (0, set()), done.stdout
    assert list((house / "reports").glob(".coverage.tests-*")) == []  # all were combined
    assert failed(nox(house, "-s", "coverage", SHARDS="2")) == {"coverage"}  # now none is there
