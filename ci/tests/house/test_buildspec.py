"""buildspec.yml, and what its commands do with every clone that CodeBuild might make."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ci.checkout.git import git

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = Path(__file__).parents[3] / "buildspec.yml"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return document


# --- what it says --------------------------------------------------------------------------------


def test_it_runs_in_bash(spec: dict[str, Any]) -> None:
    assert spec["version"] == 0.2
    assert spec["env"]["shell"] == "bash"


def test_git_can_sign_in_during_the_build(spec: dict[str, Any]) -> None:
    assert spec["env"]["git-credential-helper"] is True


def test_it_installs_the_locked_nox_and_runs_it_without_naming_a_session(
    spec: dict[str, Any],
) -> None:
    install = spec["phases"]["install"]["commands"][-1]
    wanted = "python -P -m pip install --quiet --require-hashes --only-binary :all:"
    assert install.startswith(f"{wanted} -r ci/locks/nox.txt ||")
    assert "python -P -m nox" in spec["phases"]["build"]["commands"]


def test_without_an_order_it_validates(spec: dict[str, Any]) -> None:
    assert spec["env"]["variables"]["NOXSESSION"] == "pr"
    assert spec["env"]["variables"]["CI"] == "true"


def test_after_a_failed_build_only_the_cache_is_pruned(spec: dict[str, Any]) -> None:
    assert set(spec["phases"]) == {"install", "build"}
    after = [command for phase in spec["phases"].values() for command in phase.get("finally", [])]
    assert [command.partition("|| ")[2] for command in after] == [
        "python -P -m uv cache prune --quiet --ci || true"
    ]


def test_each_command_is_one_line_and_says_what_is_wrong_in_two(spec: dict[str, Any]) -> None:
    commands = spec["phases"]["install"]["commands"]
    assert all("\n" not in command for command in commands)
    for command in commands[1:]:
        assert re.search(r'"error\[[a-z-]+\]: [^"]+" "help: [^"]+"; false; }$', command), command


def test_it_asks_for_no_secret(spec: dict[str, Any]) -> None:
    assert not {"secrets-manager", "parameter-store"} & set(spec["env"])


def test_reports_and_artifacts_are_where_the_sessions_put_them(spec: dict[str, Any]) -> None:
    reports = spec["reports"]
    assert {report["file-format"] for report in reports.values()} == {"JUNITXML", "COBERTURAXML"}
    assert {report["base-directory"] for report in reports.values()} == {"reports"}
    others = {
        "coverage-data": {"base-directory": "reports", "files": [".coverage.*"]},
        "nightly": {"base-directory": "nightly", "files": ["**/*"]},
    }
    dist = {"base-directory": "dist", "files": ["**/*"]}
    assert spec["artifacts"] == dist | {"secondary-artifacts": others}


def test_what_uv_downloads_is_cached_and_what_a_night_resolved(spec: dict[str, Any]) -> None:
    paths = spec["cache"]["paths"]
    assert any("/.cache/uv/" in path for path in paths)
    assert any("/uv/python/" in path for path in paths)
    assert [path for path in paths if not path.startswith("/root/")] == ["nightly/**/*"]


# --- what it does --------------------------------------------------------------------------------

# Stands for everything of the commit that could run: it leaves a mark, and fails where it is told.
PYTHON = """#!/bin/bash
echo "$PWD $*" >> "$HOME/ran"
[[ -z "$FAILS" || "$*" != *"$FAILS"* ]]
"""


class Build:
    """A clone as CodeBuild might make it, and the commands run in it, one shell each."""

    def __init__(self, folder: Path, origin: Path, *options: str) -> None:
        self.home = folder / "home"
        (self.home / "bin").mkdir(parents=True)
        python = self.home / "bin/python"
        python.write_text(PYTHON)
        python.chmod(0o755)
        self.source = folder / "src"
        git(folder, "clone", "--quiet", *options, origin.as_uri(), str(self.source))

    def run(self, spec: Mapping[str, Any], **variables: str) -> tuple[bool, str]:
        """Whether all commands of the phases pass, and what they print.

        Of what a command does, the next one finds the exported variables and the files.
        """
        exported = self.home / "exported"
        exported.write_text("")
        printed = ""
        environment = {
            "PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            **{name: str(value) for name, value in spec["env"]["variables"].items()},
            **variables,
        }
        for phase in ("install", "build"):
            for command in spec["phases"][phase]["commands"]:
                script = f". '{exported}'; {command}\nr=$?; export -p > '{exported}'; exit $r"
                done = subprocess.run(
                    ["bash", "-c", script],
                    cwd=self.source,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                printed += done.stdout
                if done.returncode:
                    return False, printed
        return True, printed

    @property
    def ran(self) -> list[str]:
        """What python was called with, a line each."""
        mark = self.home / "ran"
        return mark.read_text().splitlines() if mark.is_file() else []

    def exported(self, name: str) -> str | None:
        text = (self.home / "exported").read_text()
        found = re.search(rf'^declare -x {name}="(.*)"$', text, re.MULTILINE)
        return found[1] if found else None


def commit(folder: Path, message: str) -> str:
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository: main with two tagged commits and one more, a branch that is not merged."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "one")
    git(folder, "tag", "light")
    commit(folder, "two")
    git(folder, "tag", "--annotate", "--message", "two", "annotated")
    commit(folder, "three")
    git(folder, "switch", "--quiet", "--create", "topic")
    commit(folder, "a change that nobody merged")
    git(folder, "tag", "unmerged")
    # A short `origin/main` would be this tag, not the branch.
    git(folder, "tag", "origin/main")
    git(folder, "switch", "--quiet", "main")
    return folder


CLONES = {
    "everything": (),
    "no tags": ("--no-tags",),
    "only the branch": ("--single-branch", "--no-tags"),
    "shallow": ("--depth", "1"),
}


@pytest.fixture(params=CLONES)
def build(request: pytest.FixtureRequest, tmp_path: Path, origin: Path) -> Build:
    return Build(tmp_path, origin, *CLONES[request.param])


@pytest.mark.parametrize("name", ["light", "annotated", "annotated^{}", "main"])
def test_a_release_runs_at_its_commit_in_whatever_clone(
    spec: dict[str, Any], build: Build, origin: Path, name: str
) -> None:
    given = git(origin, "rev-parse", name)
    passed, printed = build.run(spec, SOURCE_COMMIT=given, RELEASE_BRANCH="main")
    assert passed, printed
    assert git(build.source, "rev-parse", "HEAD") == git(origin, "rev-parse", f"{name}^{{commit}}")
    assert git(build.source, "branch", "--show-current") == ""
    assert set(git(build.source, "tag").split()) >= {"light", "annotated"}
    assert [line.split(" ", 1)[1].split(" --")[0] for line in build.ran] == [
        "-P -m pip install",
        "-P -m nox",
    ]


def test_a_pull_request_runs_at_its_commit_in_whatever_clone(
    spec: dict[str, Any], build: Build, origin: Path
) -> None:
    given = git(origin, "rev-parse", "topic")
    passed, printed = build.run(spec, SOURCE_COMMIT=given)
    assert passed, printed
    assert git(build.source, "rev-parse", "HEAD") == given


@pytest.mark.parametrize("branch", ["main", "release/2.x", "origin/main"])
def test_nothing_of_a_commit_that_was_not_merged_is_run(
    spec: dict[str, Any], build: Build, origin: Path, branch: str
) -> None:
    given = git(origin, "rev-parse", "unmerged")
    before = git(build.source, "rev-parse", "HEAD")
    passed, printed = build.run(spec, SOURCE_COMMIT=given, RELEASE_BRANCH=branch)
    assert not passed
    assert f"error[commit-unmerged]: the commit {given} is not on the branch" in printed
    assert build.ran == []
    assert git(build.source, "rev-parse", "HEAD") == before


def test_a_tag_does_not_replace_a_missing_release_branch(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    given = git(origin, "rev-parse", "unmerged")
    git(one.source, "tag", "refs/remotes/origin/gone", given)
    passed, printed = one.run(spec, SOURCE_COMMIT=given, RELEASE_BRANCH="gone")
    assert not passed
    assert "error[commit-unmerged]: " in printed
    assert one.ran == []


def test_a_commit_that_is_replaced_in_the_clone_is_taken_as_it_was_pushed(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    given = git(origin, "rev-parse", "unmerged")
    git(one.source, "replace", "--graft", "refs/remotes/origin/main", given)
    passed, printed = one.run(spec, SOURCE_COMMIT=given, RELEASE_BRANCH="main")
    assert not passed
    assert "error[commit-unmerged]: " in printed
    assert one.ran == []


def test_a_tag_is_where_it_is_now_and_not_where_the_clone_had_it(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    git(one.source, "tag", "--force", "light", "main")
    passed, printed = one.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "main"))
    assert passed, printed
    assert git(one.source, "rev-parse", "light") == git(origin, "rev-parse", "light")


def test_what_was_changed_in_the_clone_is_not_built(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    (one.source / "more.py").touch()
    git(one.source, "add", "more.py")
    passed, printed = one.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "light"))
    assert passed, printed
    assert git(one.source, "status", "--porcelain") == ""


@pytest.fixture
def one(tmp_path: Path, origin: Path) -> Build:
    return Build(tmp_path, origin)


@pytest.mark.parametrize(
    "given", [None, "", "main", "5e5e", "5E" * 20, "0" * 41, f"{'0' * 40}\n", "$(touch x)", "--all"]
)
def test_what_is_not_a_commit_s_id_is_refused_and_shown_as_it_is(
    spec: dict[str, Any], one: Build, given: str | None
) -> None:
    passed, printed = one.run(spec, **({} if given is None else {"SOURCE_COMMIT": given}))
    assert not passed
    problem, remedy = printed.splitlines()
    assert problem.startswith("error[commit-id]: SOURCE_COMMIT is not the whole id of a commit: ")
    assert remedy.startswith("help: ")
    assert not (one.source / "x").exists()
    assert one.ran == []


def test_a_commit_that_is_gone_is_refused(spec: dict[str, Any], one: Build) -> None:
    passed, printed = one.run(spec, SOURCE_COMMIT="5e" * 20)
    assert not passed
    assert (
        f"error[commit-gone]: no branch and no tag contains the commit {'5e' * 20} any" in printed
    )
    assert one.ran == []


def test_a_repository_that_can_not_be_fetched_is_said(
    spec: dict[str, Any], one: Build, tmp_path: Path, origin: Path
) -> None:
    given = git(origin, "rev-parse", "main")
    git(one.source, "remote", "set-url", "origin", str(tmp_path / "nowhere"))
    passed, printed = one.run(spec, SOURCE_COMMIT=given)
    assert not passed
    assert "error[clone-fetch]: " in printed
    assert one.ran == []


def test_a_shallow_clone_whose_history_can_not_be_fetched_is_said(
    spec: dict[str, Any], tmp_path: Path, origin: Path
) -> None:
    shallow = Build(tmp_path, origin, "--depth", "1")
    git(shallow.source, "remote", "set-url", "origin", str(tmp_path / "nowhere"))
    passed, printed = shallow.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "main"))
    assert not passed
    assert "error[clone-shallow]: " in printed


def test_a_checkout_that_fails_is_said(spec: dict[str, Any], one: Build, origin: Path) -> None:
    (one.source / ".git/index.lock").touch()
    passed, printed = one.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "light"))
    assert not passed
    assert "error[commit-checkout]: " in printed
    assert one.ran == []


def test_a_nox_that_can_not_be_installed_is_said_and_nothing_else_runs(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    given = git(origin, "rev-parse", "main")
    passed, printed = one.run(spec, SOURCE_COMMIT=given, FAILS="-m pip")
    assert not passed
    assert "error[nox-install]: " in printed
    assert len(one.ran) == 1


def test_compiled_modules_are_neither_read_from_nor_left_in_the_checkout(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    assert one.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "main"))[0]
    folder = one.exported("PYTHONPYCACHEPREFIX")
    assert folder == f"{one.home}/.cache/pycache"


@pytest.mark.parametrize("present", [True, False])
def test_the_distributions_of_an_earlier_stage_are_put_into_dist(
    spec: dict[str, Any], one: Build, tmp_path: Path, origin: Path, *, present: bool
) -> None:
    if present:
        (one.source / "dist").mkdir()
    dist = tmp_path / "artifact"
    dist.mkdir()
    (dist / "a-1.whl").write_text("wheel")
    given = git(origin, "rev-parse", "main")
    assert one.run(spec, SOURCE_COMMIT=given, CODEBUILD_SRC_DIR_dist=str(dist))[0]
    assert (one.source / "dist/a-1.whl").read_text() == "wheel"


def test_the_sum_of_the_manifest_is_exported(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    given = git(origin, "rev-parse", "main")
    assert one.run(spec, SOURCE_COMMIT=given)[0]
    assert one.exported("DIST_SHA256") is None
    (one.source / "dist").mkdir()
    (one.source / "dist/SHA256SUMS").write_text("abc")
    assert one.run(spec, SOURCE_COMMIT=given)[0]
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert one.exported("DIST_SHA256") == known
    assert one.exported("DIST_FILES") == "abc"
    assert spec["env"]["exported-variables"] == ["DIST_SHA256", "DIST_FILES"]


def test_the_manifest_is_exported_on_one_line(
    spec: dict[str, Any], one: Build, origin: Path
) -> None:
    given = git(origin, "rev-parse", "main")
    (one.source / "dist").mkdir()
    (one.source / "dist/SHA256SUMS").write_text("aa  a.whl\nbb  a.tar.gz\n")
    assert one.run(spec, SOURCE_COMMIT=given)[0]
    assert one.exported("DIST_FILES") == "aa  a.whl;bb  a.tar.gz;"
    (one.source / "dist/SHA256SUMS").write_text("a" * 1001)
    assert one.run(spec, SOURCE_COMMIT=given)[0]
    assert one.exported("DIST_FILES") == "a" * 1000  # CodePipeline takes no longer one


def test_the_coverage_data_of_all_shards_is_put_into_reports(
    spec: dict[str, Any], one: Build, tmp_path: Path, origin: Path
) -> None:
    shards = {}
    for number in (1, 2):
        folder = tmp_path / f"shard{number}"
        folder.mkdir()
        (folder / f".coverage.tests-3.8-{number}of2").write_text("data")
        shards[f"CODEBUILD_SRC_DIR_shard{number}"] = str(folder)
    assert one.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "main"), **shards)[0]
    found = {path.name for path in (one.source / "reports").iterdir()}
    assert found == {".coverage.tests-3.8-1of2", ".coverage.tests-3.8-2of2"}


def test_the_coverage_data_of_a_shard_that_can_not_be_copied_is_missed(
    spec: dict[str, Any], one: Build, tmp_path: Path, origin: Path
) -> None:
    (tmp_path / "there").mkdir()
    shards = {"CODEBUILD_SRC_DIR_shard1": f"{tmp_path}/gone"}
    shards["CODEBUILD_SRC_DIR_shard2"] = f"{tmp_path}/there"
    assert not one.run(spec, SOURCE_COMMIT=git(origin, "rev-parse", "main"), **shards)[0]
    assert len(one.ran) == 1  # pip, no nox


def test_a_failed_session_exports_nothing(spec: dict[str, Any], one: Build, origin: Path) -> None:
    (one.source / "dist").mkdir()
    (one.source / "dist/SHA256SUMS").write_text("abc")
    given = git(origin, "rev-parse", "main")
    passed, _ = one.run(spec, SOURCE_COMMIT=given, FAILS="-m nox")
    assert not passed
    assert one.exported("DIST_SHA256") is None
