"""Adopting, as its user meets it: the first time, again, after edits here and there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ci.adopt import __main__ as adopt
from ci.adopt.apply import apply
from ci.adopt.copies import LIST, Change, file_changes
from ci.adopt.hooks import CONFIG, PATTERN
from ci.errors import UserError
from ci.package.project import read_project
from ci.tests.samples import git, write

if TYPE_CHECKING:
    from collections.abc import Callable

    Adopt = Callable[..., str]

ROOT = Path(__file__).parents[3]
UP_TO_DATE = "every file of the pipeline is there as it should be, and so is pyproject.toml"
PIPELINE = (
    "noxfile.py",
    "buildspec.yml",
    "ci/distributions/build.py",
    "ci/locks/lint.txt",
    "cdk/app.py",
)


@pytest.fixture(scope="session")
def small_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", *PIPELINE, "cdk/cdk.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    write(root, {"ci/tests/test_x.py": "", "ci/adopt/x.py": "", "ci/locks/test.txt": ""})
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    return root


@pytest.fixture
def source(small_source: Path, tmp_path: Path) -> Path:
    """A repository like this one, small, that can be changed."""
    root = tmp_path / "source"
    shutil.copytree(small_source, root)
    return root


@pytest.fixture
def run(
    source: Path,
    package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Adopt:
    """Runs adopt from `source` on `package`; what it prints."""
    monkeypatch.chdir(source)

    def call(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["adopt", str(package), *options])
        adopt.main()
        return capsys.readouterr().out

    return call


def state(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_without_write_nothing_is_written_and_the_whole_change_is_shown(
    run: Adopt, package: Path
) -> None:
    before = state(package)
    out = run()
    assert state(package) == before
    assert git(package, "status", "--porcelain") == ""
    for folder in ("buildspec.yml", "cdk/ (2)", "ci/locks/ (1)", "ci/distributions/ (1)"):
        assert f"\n  {folder}\n" in out
    assert "add to pyproject.toml" in out
    assert '\n+test = ["pytest>=7", "pytest-cov>=4"]\n' in out
    assert "add to .gitignore" in out
    assert "\n+.nox/\n" in out
    assert f"nothing was written\nnext: nox -s adopt -- {package} --write" in out


def test_what_was_shown_is_what_is_written(run: Adopt, package: Path) -> None:
    shown = run()
    assert run("--write").partition("\nall of this was written")[0] in shown
    assert read_project(package).groups["test"] == ["pytest>=7", "pytest-cov>=4"]


def test_the_pipelines_files_come_and_what_is_only_for_home_stays(
    run: Adopt, package: Path
) -> None:
    out = run("--write")
    for name in PIPELINE:
        assert (package / name).read_bytes() == (ROOT / name).read_bytes()
        assert (package / name).stat().st_mode == (ROOT / name).stat().st_mode
    assert (package / ".python-version").read_text() == "3.12\n"
    assert not (package / "ci/tests").exists()
    assert not (package / "ci/adopt").exists()
    assert not (package / "ci/locks/test.txt").exists()
    assert "demo-pkg in src/demo_pkg (hatchling), on Python 3.12" in out


def test_a_file_that_gets_lines_keeps_its_mode(run: Adopt, package: Path) -> None:
    names = ("pyproject.toml", ".gitignore")
    for name in names:
        (package / name).touch()
        (package / name).chmod(0o600)
    run("--write")
    assert [(package / name).stat().st_mode & 0o777 for name in names] == [0o600, 0o600]


def test_the_second_time_nothing_changes(run: Adopt, package: Path) -> None:
    run("--write")
    first = state(package)
    assert UP_TO_DATE in run("--write")
    assert UP_TO_DATE in run("--check")
    assert UP_TO_DATE in run()
    assert state(package) == first


def test_the_lock_of_a_group_that_adopt_adds_is_theirs_from_the_first_time(
    run: Adopt, package: Path
) -> None:
    ruff = "- repo: https://github.com/astral-sh/ruff-pre-commit\n  rev: v0.4.8\n"
    write(package, {".pre-commit-config.yaml": f"repos:\n{ruff}  hooks: [{{id: ruff}}]\n"})
    run("--write")
    assert read_project(package).groups["lint"] == ["ruff==0.4.8"]
    assert "ci/locks/lint.txt" not in (package / LIST).read_text()
    write(package, {"ci/locks/lint.txt": "made by nox -s lock\n"})
    assert UP_TO_DATE in run("--check")


HOOKS = "# ours\nrepos: # all\n- repo: local\n  hooks: [{id: black}]"


@pytest.mark.parametrize("before", [HOOKS, f"---\n{HOOKS}\nfail_fast: true\n# end\n"])
def test_hooks_of_pre_commit_are_kept_away_from_the_pipelines_files(
    run: Adopt, package: Path, before: str
) -> None:
    write(package, {CONFIG: before})
    assert "adopt-hooks" not in run("--write")
    after = (package / CONFIG).read_text()
    assert after.startswith(before)
    excluded = re.compile(yaml.safe_load(after)["exclude"])
    assert all(excluded.search(name) for name in PIPELINE)
    assert not any(map(excluded.search, ("src/ci/x.py", "noxfile_own.py", "cdk_x/a.py", "ci.py")))
    assert UP_TO_DATE in run("--check")


@pytest.mark.parametrize(
    "before",
    [
        f"exclude: ^docs/\n{HOOKS}\n",
        "{repos: [{repo: local}]}\n",
        f"---\n{HOOKS}\n...\n",
    ],
)
def test_what_hooks_must_exclude_is_noted_where_adopt_can_not_write_it(
    run: Adopt, package: Path, before: str
) -> None:
    write(package, {CONFIG: before})
    said = run("--write")
    assert "note[adopt-hooks]" in said
    assert f"help: add `{PATTERN}` to `exclude`" in said
    assert (package / CONFIG).read_text() == before


@pytest.mark.parametrize(
    "before",
    [
        f"{HOOKS}\nexclude: |\n  (?x)^(docs/|ci/|\n  cdk/|noxfile[.]py|buildspec[.]yml)\n",
        f"{HOOKS}\nexclude: '('\n",
        "repos: []\n",
        "repos: [\n",
        "- none\n",
    ],
)
def test_a_configuration_without_hooks_that_reach_the_pipeline_stays(
    run: Adopt, package: Path, before: str
) -> None:
    write(package, {CONFIG: before})
    assert "adopt-hooks" not in run("--write")
    assert (package / CONFIG).read_text() == before


def test_a_local_edit_is_shown_and_refused_and_nothing_is_touched(
    run: Adopt, package: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--write")
    write(package, {"ci/distributions/build.py": "mine\n"})
    write(source, {"buildspec.yml": "newer\n"})
    before = state(package)
    with pytest.raises(UserError, match=r"ci/distributions/build\.py") as raised:
        run("--write")
    assert raised.value.code == "adopt-edited"
    assert "\n-mine\n" in capsys.readouterr().out
    assert state(package) == before


def test_force_overwrites_a_local_edit_after_showing_it(run: Adopt, package: Path) -> None:
    run("--write")
    write(package, {"ci/distributions/build.py": "mine\n"})
    assert "overwrite ci/distributions/build.py\n-mine\n" in run("--force")
    assert (package / "ci/distributions/build.py").read_text() == "mine\n"
    run("--write", "--force")
    assert (package / "ci/distributions/build.py").read_bytes() == (
        ROOT / "ci/distributions/build.py"
    ).read_bytes()


def test_check_never_advises_what_will_be_refused(run: Adopt, package: Path) -> None:
    write(package, {"cdk/app.py": "mine\n"})
    with pytest.raises(UserError) as raised:
        run("--check")
    assert raised.value.code == "adopt-edited"
    with pytest.raises(UserError) as raised:
        run("--check", "--force")
    assert raised.value.code == "adopt-outdated"
    assert raised.value.remedy.endswith("--write --force`")
    assert "all of this was written" in run("--write", "--force")
    assert UP_TO_DATE in run("--check")


@pytest.mark.parametrize("option", ["--write", "--check"])
def test_tables_that_can_not_be_written_are_printed_to_be_pasted(
    run: Adopt, package: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    text = (package / "pyproject.toml").read_text()
    write(package, {"pyproject.toml": f"{text}[tool]\ncoverage = {{ run = {{}} }}\n"})
    before = state(package)
    with pytest.raises(UserError) as raised:
        run(option)
    assert raised.value.code == "adopt-unwritable-toml"
    assert "[dependency-groups]\n# what `tests`" in capsys.readouterr().out
    assert state(package) == before


def test_a_noxfile_of_the_package_s_own_is_kept_under_another_name(
    run: Adopt, package: Path
) -> None:
    write(package, {"noxfile.py": "import nox\n"})
    out = run()
    assert "keep your own noxfile.py as noxfile_own.py" in out
    assert "nox -f noxfile_own.py" in out
    run("--write")
    assert (package / "noxfile_own.py").read_text() == "import nox\n"
    assert (package / "noxfile.py").read_bytes() == (ROOT / "noxfile.py").read_bytes()
    assert "/noxfile_own.py" in (package / "pyproject.toml").read_text()
    assert UP_TO_DATE in run("--check")


def test_a_second_noxfile_of_the_package_s_own_is_not_overwritten(
    run: Adopt, package: Path
) -> None:
    write(package, {"noxfile.py": "import nox\n", "noxfile_own.py": "first\n"})
    with pytest.raises(UserError, match=r"noxfile\.py"):
        run("--write")
    assert (package / "noxfile_own.py").read_text() == "first\n"


def test_what_changed_here_is_updated_there_and_what_went_goes(
    run: Adopt, package: Path, source: Path
) -> None:
    run("--write")
    write(source, {"buildspec.yml": "newer\n", "ci/new.py": ""})
    git(source, "rm", "--quiet", "--force", "ci/distributions/build.py")
    git(source, "add", "--all")
    out = run("--write")
    assert "replace buildspec.yml" in out
    assert "remove ci/distributions/build.py" in out
    assert (package / "buildspec.yml").read_text() == "newer\n"
    assert (package / "ci/new.py").exists()
    assert not (package / "ci/distributions/build.py").exists()
    assert UP_TO_DATE in run("--check")


def test_the_settings_of_the_stack_are_theirs_once_adopted(run: Adopt, package: Path) -> None:
    write(package, {"cdk/cdk.json": '{"app": "of another stack"}'})
    with pytest.raises(UserError, match=r"cdk/cdk\.json"):
        run("--write")
    run("--write", "--force")
    assert (package / "cdk/cdk.json").read_bytes() == (ROOT / "cdk/cdk.json").read_bytes()
    write(package, {"cdk/cdk.json": "{}"})
    run("--write", "--force")
    assert (package / "cdk/cdk.json").read_text() == "{}"


def test_a_list_that_names_other_files_removes_none_of_them(run: Adopt, package: Path) -> None:
    run("--write")
    with (package / LIST).open("a") as file:
        for name in ("README.md", "ci/../README.md"):
            digest = subprocess.check_output(["sha256sum", package / "README.md"], text=True)
            file.write(f"{digest.split()[0]}  {name}\n")
    run("--write")
    assert (package / "README.md").exists()


@pytest.mark.parametrize("name", ["buildspec.yml", "ci/new.py", "pyproject.toml"])
def test_check_fails_and_changes_nothing_when_anything_is_missing(
    run: Adopt, package: Path, source: Path, name: str
) -> None:
    run("--write")
    if name == "pyproject.toml":
        text = (package / name).read_text()
        write(package, {name: text.replace("[tool.coverage.run]", "[tool.coverage.other]")})
    else:
        write(source, {name: "newer\n"})
        git(source, "add", "--all")
    before = state(package)
    with pytest.raises(UserError, match="lacks the changes above") as raised:
        run("--check")
    assert raised.value.code == "adopt-outdated"
    assert state(package) == before


def test_lines_are_added_to_files_that_are_there(run: Adopt, package: Path) -> None:
    write(package, {".gitignore": "*.log\n/dist", ".python-version": "3.11.4\n3.12.1\n"})
    run("--write")
    lines = (package / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["*.log", "/dist"]
    assert ".nox/" in lines
    assert "dist/" not in lines
    assert (package / ".python-version").read_text() == "3.11.4\n3.12.1\n"


def test_a_checkout_with_other_line_ends_is_not_edited(
    run: Adopt, package: Path, source: Path
) -> None:
    write(package, {CONFIG: "repos: [{repo: local, hooks: []}]\n", ".python-version": "3.9\n"})
    run("--write")
    for name in state(package):  # as git checks it out with core.autocrlf=true
        path = package / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert UP_TO_DATE in run("--check")

    write(source, {"buildspec.yml": "newer\n"})
    assert "replace buildspec.yml\n" in run("--write")
    write(package, {"cdk/app.py": "mine\r\n"})
    with pytest.raises(UserError) as raised:
        run("--check")
    assert raised.value.code == "adopt-edited"


def test_lines_that_are_added_end_like_those_that_are_there(run: Adopt, package: Path) -> None:
    (package / ".gitignore").write_bytes(b"*.log\r\n/dist")
    run("--write")
    text = (package / ".gitignore").read_bytes()
    assert text.startswith(b"*.log\r\n/dist\r\n.nox/\r\n")
    assert text.count(b"\n") == text.count(b"\r\n")
    assert UP_TO_DATE in run("--check")


def test_git_ignores_what_the_sessions_and_the_tests_leave_behind(
    run: Adopt, package: Path
) -> None:
    run("--write")
    for folder in (".nox", "dist", "nightly", "reports", ".hypothesis", ".pytest_cache"):
        write(package, {f"{folder}/left": ""})
        assert git(package, "status", "--porcelain", "--", folder) == "", folder


def test_patterns_that_keep_the_pipeline_out_of_git_are_named_and_nothing_is_written(
    run: Adopt, package: Path
) -> None:
    write(package, {".gitignore": "*.md\ndist*\n", "cdk/.gitignore": "app.py\n"})
    before = state(package)
    with pytest.raises(UserError) as raised:
        run("--write", "--force")
    assert raised.value.code == "adopt-ignored"
    assert "cdk/app.py (cdk/.gitignore:1: app.py)" in raised.value.found
    assert "ci/distributions/build.py (.gitignore:2: dist*)" in raised.value.found
    assert "*.md" not in raised.value.found
    assert state(package) == before


def test_patterns_that_came_after_the_pipeline_are_named_until_git_tracks_its_files(
    run: Adopt, package: Path
) -> None:
    run("--write")
    with (package / ".gitignore").open("a") as patterns:
        patterns.write("dist*/\n")
    with pytest.raises(UserError, match=r"ci/distributions/build\.py \(\.gitignore:") as raised:
        run("--check")
    assert raised.value.code == "adopt-ignored"
    git(package, "add", "--all", "--force")
    assert UP_TO_DATE in run("--check")


def test_patterns_that_match_none_of_the_pipelines_files_may_stay(
    run: Adopt, package: Path
) -> None:
    patterns = "/dist*\nlocks\n!/ci/locks/\n!noxfile.py\n.python-version\n"
    write(package, {".gitignore": patterns})
    run("--write")
    git(package, "add", "--all")
    assert {*PIPELINE, LIST} <= {*git(package, "ls-files").splitlines()}


@pytest.mark.parametrize("path", ["ci", "noxfile.py", ".gitignore", "pyproject.toml"])
def test_nothing_is_written_through_a_link(
    run: Adopt, package: Path, tmp_path: Path, path: str
) -> None:
    outside = tmp_path / "outside"
    if (package / path).exists():
        (package / path).rename(outside)
    elif path == "ci":
        outside.mkdir()
    else:
        outside.touch()
    (package / path).symlink_to(outside)
    before = state(package)
    with pytest.raises(UserError) as raised:
        run("--write")
    assert raised.value.code == "adopt-link"
    assert state(package) == before
    assert outside.is_file() or not any(outside.iterdir())


def test_a_file_in_place_of_a_folder_is_named(run: Adopt, package: Path) -> None:
    write(package, {"ci": "a script\n"})
    with pytest.raises(UserError, match="no folder") as raised:
        run()
    assert raised.value.code == "adopt-in-the-way"


def test_a_write_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "package"
    write(root, {"old.py": "old", "gone.py": "gone"})
    before = state(root)
    changes = [
        Change("old.py", "update", b"old", b"new"),
        Change("gone.py", "remove", b"gone", None),
        Change("a/b/new.py", "add", None, b"new"),
        Change("last.py", "add", None, b"last"),
    ]
    replace = os.replace

    def failing(old: Path, new: Path) -> None:
        if Path(new).name == "last.py":
            raise OSError(28, "No space left on device")
        replace(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        with pytest.raises(UserError, match="No space left") as raised:
            apply(root, changes)
    assert raised.value.code == "adopt-unwritable"
    assert state(root) == before
    assert not (root / "a").exists()
    apply(root, changes)
    assert state(root) == {"old.py": b"new", "a/b/new.py": b"new", "last.py": b"last"}


def test_nothing_that_travels_imports_what_stays(tmp_path: Path) -> None:
    changes = file_changes(ROOT, tmp_path, groups=[], lines={})
    modules = {change.path: change.after or b"" for change in changes if ".py" in change.path}
    assert len(modules) > 20
    stays = re.compile(rb"(?m)^\s*(?:from|import) (?:ci\.(?:tests|adopt)|tests)\b")
    assert [path for path, content in modules.items() if stays.search(content)] == []


def test_the_next_step_is_named(run: Adopt) -> None:
    assert "next: nox -s adopt -- " in run()
    assert "next, there: nox -s lock" in run("--write")


@pytest.mark.slow
def test_what_is_adopted_is_a_pipeline_that_runs(package: Path) -> None:
    command = [sys.executable, "-I", "ci/run.py", "adopt", str(package), "--write"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "--list"],
        cwd=package,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "tests-3.12" in listed
    assert "- adopt" not in listed
    done = subprocess.run(
        [sys.executable, "-I", "ci/run.py", "dependencies.lock", "--check"],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ci/locks/test.txt is missing; ci/locks/backend.txt is missing\n" in done.stderr
