"""The noxfile reads like a table of contents, and `pr` and `release` leave nothing out."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING
from unittest.mock import Mock, patch

import pytest
from packaging.utils import canonicalize_name

from ci.checkout.git import tracked_files
from ci.package.project import NEWEST_PYTHON, read_project
from ci.tests.house.nox import ROOT, load_noxfile, names_of, nox, selected

if TYPE_CHECKING:
    from pathlib import Path

NOXFILE = ROOT / "noxfile.py"


def functions() -> list[ast.FunctionDef]:
    tree = ast.parse(NOXFILE.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def sessions() -> list[ast.FunctionDef]:
    return [f for f in functions() if "nox.session" in ast.unparse(f).partition("def ")[0]]


def test_every_session_says_in_one_line_what_it_does() -> None:
    assert len(sessions()) > 15
    for session in sessions():
        assert re.fullmatch(r"[A-Z].{20,110}[.]", ast.get_docstring(session) or ""), session.name


def test_it_imports_nothing_but_nox_and_the_standard_library() -> None:
    tree = ast.parse(NOXFILE.read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"nox"}


def test_a_pull_request_passes_every_check() -> None:
    checks = {
        "lint",
        "typecheck",
        "check_locks",
        "check_commit",
        "check_version",
        "wheel",
        "build",
        "tests",
        "coverage",
    }
    assert names_of("pr") == checks | {"ci_tests", "ci_typecheck", "cdk_tests", "pr"}


def test_a_release_passes_all_that_and_more_and_uploads_nothing() -> None:
    assert names_of("release") == names_of("pr") | {"release", "find_tag", "check_tag", "reproduce"}


def test_a_release_looks_for_its_tag_before_anything_else_starts() -> None:
    first = next(
        ast.literal_eval(node.value)[0]
        for node in ast.parse(NOXFILE.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RELEASE"
    )
    decorator = next(ast.unparse(f) for f in sessions() if f.name == first)
    assert first == "find_tag"
    assert "allow_parallel=False" in decorator


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[project\n", "pyproject-syntax"),
        ("[project]\n".encode("utf-16"), "pyproject-syntax"),
        (b"[project]\n", "no-python-classifiers"),
        (b"[project]\nclassifiers = 3\n", "no-python-classifiers"),
        (b"[tool]\nci = 3\n", "no-python-classifiers"),
        (b"[tool.ci]\npythons = '3.9'\n", "no-python-classifiers"),
        (b"[tool.ci]\npythons = [3.9, '3.12']\n", "no-python-classifiers"),
    ],
)
def test_a_pyproject_that_can_not_be_read_is_two_lines_and_no_traceback(
    tmp_path: Path, content: bytes, code: str
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(SystemExit) as raised:
        load_noxfile(folder=tmp_path)
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines if line[0] != " "] == [
        f"error[{code}]",
        "help",
    ]


@pytest.mark.parametrize(
    "settings",
    ["", '[tool.ci]\npythons = ["3.14", "3.9"]\n', "[tool.ci]\ntypecheck = false\n"],
)
def test_the_noxfile_tests_on_the_pythons_that_the_rest_of_the_pipeline_knows(
    tmp_path: Path, settings: str
) -> None:
    pythons = [f"3.{minor}" for minor in (NEWEST_PYTHON + 1, 10, NEWEST_PYTHON, 9)]
    classifiers = [f"Programming Language :: Python :: {python}" for python in pythons]
    classifiers.append("Programming Language :: Python :: Free Threading")
    head = f'[project]\nname = "demo"\nversion = "1"\nclassifiers = {json.dumps(classifiers)}\n'
    (tmp_path / "noxfile.py").write_bytes(NOXFILE.read_bytes())
    (tmp_path / "pyproject.toml").write_text(head + settings)
    (tmp_path / "demo.py").touch()
    wanted = read_project(tmp_path).python_versions
    every = {f"tests_all-{python}" for python in wanted}
    lowest_and_highest = {f"tests-{wanted[0]}", f"tests-{wanted[-1]}"}
    found = selected("pr", "tests_all", folder=tmp_path)
    assert {each for each in found if each.startswith("tests")} == every | lowest_and_highest
    assert ("typecheck" in found.values()) == ("typecheck" not in settings)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".python-version", "{}\n"),
        ("buildspec.yml", ' PYENV_VERSION: "{}"'),
        ("buildspec.yml", " python: {}\n"),
        ("ci/adopt/__main__.py", '_TOOLS_PYTHON = "{}"\n'),
        ("ci/tests/mypy.ini", "python_version = {}\n"),
        ("pyproject.toml", "The pipeline runs on {}.\n"),
        ("README.md", " and {}. Sessions"),
        ("docs/adopting.md", "The sessions also need Python {}, and"),
        ("docs/adopting.md", "| `.python-version` | {} and"),
    ],
)
def test_every_file_that_names_the_tools_python_names_the_noxfiles(file: str, text: str) -> None:
    wanted = text.format(load_noxfile()["TOOLS_PYTHON"])
    assert wanted in (ROOT / file).read_text(encoding="utf-8")


def test_pyenv_is_told_whole_versions_unless_somebody_chose(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_bytes(NOXFILE.read_bytes())
    names = [f"Programming Language :: Python :: {python}" for python in ("3.8", "3.9", "3.12")]
    (tmp_path / "pyproject.toml").write_text(f"[project]\nclassifiers = {json.dumps(names)}\n")
    (tmp_path / ".python-version").write_text("3.12\n3.9.1\n3.8.77\n")
    for version in (
        "3.12.1",
        "3.8.2",
        "3.8.18",
        "3.8.20t",
        "3.8.21-dev",
        "3.9.1",
        "3.9.2",
        "3.7.1",
    ):
        (tmp_path / "versions" / version).mkdir(parents=True)
    command = [sys.executable, "-c", "import noxfile, os; print(os.environ['PYENV_VERSION'])"]
    outer = {name: value for name, value in os.environ.items() if name != "PYENV_VERSION"}
    outer["PYENV_ROOT"] = str(tmp_path)
    for chosen, wanted in (({}, "3.12.1:3.8.18:3.9.1"), ({"PYENV_VERSION": "3.11"}, "3.11")):
        said = subprocess.check_output(command, cwd=tmp_path, env=outer | chosen, text=True)
        assert said == f"{wanted}\n"


def test_no_session_works_on_the_repository_of_a_hook() -> None:
    names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
    with patch.dict(os.environ, dict.fromkeys(names, "elsewhere")):
        load_noxfile()
        assert not set(names) & set(os.environ)


ALL = {"AWS_PROFILE", "PYPI_SECRET_ID", "TWINE_PASSWORD", "TWINE_REPOSITORY"}
KEPT = {
    "publish": ALL,
    "cdk": ALL,
    **{name: {"TWINE_REPOSITORY"} for name in ("verify", "check_version", "ready", "nightly")},
}


@pytest.mark.parametrize(
    "name", [f.name for f in sessions() if "venv_backend='none'" not in ast.unparse(f)]
)
def test_a_session_keeps_only_credentials_that_it_needs_and_installs_only_wheels_of_its_lock(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ALL:
        monkeypatch.setenv(variable, "mine")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    # It ends where it would install.
    session = Mock(parallel=False, posargs=[], env={}, run=Mock(side_effect=SystemExit))
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        load_noxfile()[name](session)
    kept = KEPT.get(name, set())
    assert {variable for variable in ALL if session.env.get(variable, "kept")} == kept
    assert session.env["PYTHONPYCACHEPREFIX"].startswith(str(ROOT)) == (not kept)
    command = " ".join(session.run.call_args.args)
    assert " pip install --require-hashes --only-binary :all: -r " in command


@pytest.mark.parametrize("name", [f.name for f in sessions() if "run_ci(" in ast.unparse(f)])
def test_the_locks_of_a_session_have_what_its_module_imports(name: str) -> None:
    session = Mock(parallel=False, posargs=[], env={}, run=Mock(return_value=""))
    with contextlib.chdir(ROOT):
        load_noxfile()[name](session)
    installed, run = (call.args for call in session.run.call_args_list)
    locks = [(ROOT / word).read_text() for word in installed if word.endswith(".txt")]
    module = f"ci.{run[run.index('ci/run.py') + 1]}"
    found = imports(module, set()) | imports(f"{module}.__main__", set())
    needed = {distributions()[name][0] for name in found}
    assert set(map(canonicalize_name, needed)) <= {
        canonicalize_name(pin) for lock in locks for pin in re.findall(r"(?m)^[\w.-]+", lock)
    }


def imports(module: str, seen: set[str]) -> set[str]:
    """What a module of ci/, with all modules that it imports, takes from elsewhere when it runs."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if module in seen or not file.is_file():
        return set()
    seen.add(module)
    text = file.read_text(encoding="utf-8").replace("\nif TYPE_CHECKING:\n", "\ndef typing():\n")
    body = [node for node in ast.parse(text).body if not isinstance(node, ast.FunctionDef)]
    names = [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
    names += [
        f"{node.module}.{alias.name}"
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    ours = {
        part for name in names if name.startswith("ci.") for part in (name, name.rpartition(".")[0])
    }
    others = {name.partition(".")[0] for name in names} - {"ci", *sys.stdlib_module_names}
    return others.union(*(imports(part, seen) for part in ours))


distributions = cache(packages_distributions)


# A process for each session, with a session of processes of its own, as nox starts a worker.
_INSTALLING = """
import os, sys
from pathlib import Path
from unittest.mock import Mock
names, sys.argv = sys.argv[1:], ["nox", "--parallel-worker"]
import noxfile
group = Path("/proc/self/autogroup")
for name in names:
    child = os.fork()
    if not child:
        os.setsid()
        session = Mock(parallel=True, env={}, run=Mock(return_value=""))
        session.name = name
        before = os.nice(0)
        noxfile.install(session, "lint")
        last = group.read_text().split()[-1] if group.exists() else "none"
        print(name, os.nice(0) - before, last, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_a_session_that_does_not_decide_the_total_time_goes_behind() -> None:
    behind = {"build": 10, "cdk_tests": 10, "tests-3.8": 0, "ci_tests": 0, "wheel": 0}
    command = [sys.executable, "-B", "-c", _INSTALLING, *behind]
    said = [
        line.split() for line in subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    ]
    assert {name: int(niceness) for name, niceness, _ in said} == behind
    assert all(group in {str(behind[name]), "none"} for name, _, group in said)


def test_a_wrong_dependency_group_stops_no_environment_before_lock_can_name_it(
    tmp_path: Path,
) -> None:
    project = '[project]\nname = "x"\nversion = "1"\n[dependency-groups]\n'
    (tmp_path / "pyproject.toml").write_text(f'{project}test = [{{ include-group = "none" }}]\n')
    make = ["uv", "venv", "--quiet", "--python", sys.executable, "environment"]
    with patch.dict(os.environ):
        load_noxfile()
        done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("lock", "help_"),
    [
        ("test", "run `nox -s lock`"),
        ("backend", "run `nox -s lock`"),
        (
            "typecheck",
            "add the dependency group typecheck to pyproject.toml, then run `nox -s lock`",
        ),
    ],
)
def test_a_lock_that_is_missing_is_two_lines_that_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: str, help_: str
) -> None:
    classifiers = '["Programming Language :: Python :: 3.12"]'
    text = f"[project]\nclassifiers = {classifiers}\n[dependency-groups]\ntest = []\n"
    (tmp_path / "pyproject.toml").write_text(text)
    install = load_noxfile(folder=tmp_path)["install"]
    monkeypatch.chdir(tmp_path)
    session = Mock(parallel=False, env={}, error=Mock(side_effect=SystemExit))
    with pytest.raises(SystemExit):
        install(session, lock)
    session.error.assert_called_once_with(
        f"error[no-lock]: ci/locks/{lock}.txt is missing\nhelp: {help_}"
    )
    session.run.assert_not_called()


def test_the_newest_python_is_the_newest_that_uv_has_a_release_of() -> None:
    command = ["uv", "python", "list", "--only-downloads", "--output-format", "json", "cpython"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    out = {
        each["version_parts"]["minor"]
        for each in json.loads(done.stdout)
        if re.fullmatch(r"3\.\d+\.\d+", each["version"])
    }
    assert max(out) == NEWEST_PYTHON


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test", "Sessions not found: test; did you mean tests?"),
        ("xyz", "Sessions not found: xyz; see `nox -l`"),
    ],
)
def test_an_unknown_session_is_answered_with_what_may_be_meant(name: str, said: str) -> None:
    done = nox("-s", name)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["-s", "pr", "--", "-k", "foo"], {}),
        (["--session", "lint", "release", "--", "-k", "foo"], {}),
        (["--", "-k", "foo"], {"NOXSESSION": "lint,checks"}),
    ],
)
def test_pr_checks_and_release_take_no_arguments(
    arguments: list[str], environment: dict[str, str]
) -> None:
    with (
        patch.dict(os.environ, environment),
        pytest.raises(
            SystemExit, match=r"takes no arguments, but got '-k foo'[^$]*tests -- -k foo"
        ),
    ):
        load_noxfile(*arguments)


@pytest.mark.parametrize("arguments", [["-s", "tests", "--", "pr"], ["-s", "rehearse", "--", "pr"]])
def test_other_arguments_are_let_through(arguments: list[str]) -> None:
    assert nox("--list", *arguments).returncode == 0


def test_publish_runs_nothing_of_the_package_before_it() -> None:
    assert names_of("publish") == {"publish"}


def test_bare_nox_runs_what_is_safe_and_quick() -> None:
    default = {f.name for f in sessions() if "default=False" not in ast.unparse(f)}
    assert default == {"lint", "typecheck", "build", "tests", "coverage"}


def test_the_pipelines_own_files_name_no_package() -> None:
    name = re.compile(r"""(?m)^name = "([^"]+)\"""").findall(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )[0]
    stem = re.split(r"[-_.]", name)[0]
    owned = re.compile(r"noxfile\.py|buildspec\.yml|(ci|cdk)/.*")
    files = [ROOT / path for path in tracked_files(ROOT) if owned.fullmatch(path)]
    assert len(files) > 50
    assert [file for file in files if stem.encode() in file.read_bytes().lower()] == []
