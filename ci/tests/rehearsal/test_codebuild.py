"""The build player, held to what the CodeBuild user guide says."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.rehearsal.buildspec import PHASES, read_buildspec
from ci.rehearsal.codebuild import Build, Container, play_build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Play = Callable[..., Build]
    Said = Callable[[], list[str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "build.log"


@pytest.fixture
def play(tmp_path: Path, log: Path) -> Play:
    """Play a buildspec in a folder of its own; keywords are the container's variables."""

    def run(
        text: str, *, cache: Path | None = None, timeout: float = 20, **variables: str
    ) -> Build:
        source = tmp_path / "src"
        source.mkdir(exist_ok=True)
        spec = source / "buildspec.yml"
        spec.write_text(f"version: 0.2\n{textwrap.dedent(text)}")
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), **variables}
        log.write_text("")
        return play_build(
            read_buildspec(spec), Container(source, environment, log, cache=cache, timeout=timeout)
        )

    return run


@pytest.fixture
def said(log: Path) -> Said:
    """What the commands of the last build printed, without the container's own lines."""
    return lambda: [
        line for line in log.read_text().splitlines() if not line.startswith("[Container]")
    ]


def test_phases_run_in_their_order_whatever_the_file_says(play: Play, said: Said) -> None:
    build = play("""
        phases:
          post_build: {commands: [echo four]}
          build: {commands: [echo three]}
          pre_build: {commands: [echo two]}
          install: {commands: [echo one]}
    """)
    assert said() == ["one", "two", "three", "four"]
    assert build.failure is None


@pytest.mark.parametrize(
    ("failing", "ran"),
    [
        ("install", ["install"]),
        ("pre_build", ["install", "pre_build"]),
        ("build", ["install", "pre_build", "build", "post_build"]),
        ("post_build", ["install", "pre_build", "build", "post_build"]),
    ],
)
def test_only_a_failed_build_phase_is_followed_by_post_build(
    play: Play, failing: str, ran: list[str], said: Said
) -> None:
    commands = {name: f"echo {name}" for name in PHASES}
    commands[failing] += "; (exit 3)"
    build = play(
        "phases:" + "".join(f"\n  {n}: {{commands: ['{c}']}}" for n, c in commands.items())
    )
    assert said() == ran
    assert build.failure is not None
    assert (build.failure.phase, build.failure.reason) == (failing.upper(), "exit code 3")


def test_on_failure_abort_keeps_post_build_from_running(play: Play, said: Said) -> None:
    build = play("""
        phases:
          build: {on-failure: ABORT, commands: ["false"]}
          post_build: {commands: [echo never]}
    """)
    assert said() == []
    assert build.phases == ["build"]


def test_on_failure_continue_lets_the_next_phase_run_and_the_build_fails(
    play: Play, said: Said
) -> None:
    build = play("""
        phases:
          install: {on-failure: CONTINUE, commands: ["false"]}
          build: {commands: [echo on]}
    """)
    assert said() == ["on"]
    assert build.failure is not None


def test_a_failed_command_skips_the_rest_of_its_phase_but_not_finally(
    play: Play, said: Said
) -> None:
    build = play("""
        phases:
          install:
            commands: ["false", echo never]
            finally: [echo always]
          build: {commands: [echo never]}
    """)
    assert said() == ["always"]
    assert build.failure is not None
    assert build.failure.command == "false"


def test_a_failing_finally_fails_its_phase(play: Play) -> None:
    build = play('phases: {build: {commands: ["true"], finally: ["false"]}}')
    assert build.failure is not None
    assert build.failure.phase == "BUILD"


def test_post_build_can_tell_that_the_build_failed(play: Play, said: Said) -> None:
    play("""
        phases:
          pre_build: {commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"]}
          build: {commands: ["false"]}
          post_build: {commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"]}
    """)
    assert said() == ["1", "0"]


def test_variables_and_folders_carry_over_from_command_to_command(play: Play, said: Said) -> None:
    play("""
        phases:
          install: {commands: [export COLOUR=blue, mkdir inner, cd inner]}
          build: {commands: ['echo "$COLOUR in $(basename "$PWD")"']}
    """)
    assert said() == ["blue in inner"]


def test_a_command_of_several_lines_fails_only_by_its_last(play: Play, said: Said) -> None:
    build = play("""
        phases:
          build:
            commands:
              - |
                false
                echo went on
    """)
    assert said() == ["went on"]
    assert build.failure is None


def test_a_command_that_ends_the_shell_ends_the_build(play: Play, said: Said) -> None:
    build = play("phases: {build: {commands: [exit 0, echo never]}}")
    assert said() == []
    assert build.failure is not None


def test_a_command_reads_no_other_command_as_its_input(play: Play, said: Said) -> None:
    play("phases: {build: {commands: [cat, echo next]}}")
    assert said() == ["next"]


def test_the_shell_is_sh_unless_bash_is_asked_for(play: Play, said: Said) -> None:
    asked = "phases: {build: {commands: [echo $0]}}"
    play(asked)
    assert said() == ["sh"]
    play(f"env: {{shell: bash}}\n{asked}")
    assert said() == ["bash"]


def test_the_container_variables_win_over_those_of_the_buildspec(play: Play, said: Said) -> None:
    play(
        """
        env: {variables: {ONE: buildspec, TWO: buildspec}}
        phases: {build: {commands: ["echo $ONE $TWO"]}}
        """,
        TWO="project",
    )
    assert said() == ["buildspec project"]


def test_nothing_of_the_users_environment_reaches_a_build(
    play: Play, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the user")
    play("phases: {build: {commands: ['echo ${AWS_SECRET_ACCESS_KEY-none}']}}")
    assert said() == ["none"]


def test_exported_variables_have_the_value_that_the_commands_left(play: Play) -> None:
    build = play("""
        env: {exported-variables: [MADE, MISSING]}
        phases: {build: {commands: ["export MADE='a b'"]}}
    """)
    assert build.exported == {"MADE": "a b", "MISSING": ""}


def test_artifacts_lie_below_their_base_directory(play: Play) -> None:
    build = play("""
        phases:
          build:
            commands: [mkdir -p dist/deep, touch dist/a.whl dist/deep/b.txt outside]
        artifacts: {base-directory: dist, files: ["**/*"]}
    """)
    assert sorted(build.artifacts) == ["a.whl", "deep/b.txt"]


def test_artifacts_of_which_nothing_is_there_fail_the_build(play: Play) -> None:
    build = play("""
        phases: {build: {commands: ["true"]}}
        artifacts: {base-directory: dist, files: ["**/*"]}
    """)
    assert build.failure is not None
    assert build.failure.phase == "UPLOAD_ARTIFACTS"


def test_artifacts_and_reports_are_taken_up_from_a_failed_build(play: Play) -> None:
    build = play("""
        phases: {build: {commands: [mkdir reports, touch reports/junit.xml made, "false"]}}
        artifacts: {files: [made]}
        reports:
          tests: {files: ["*.xml"], base-directory: reports, file-format: JUNITXML}
          none: {files: [nothing.xml]}
    """)
    assert list(build.artifacts) == ["made"]
    assert [path.name for path in build.reports["tests"]] == ["junit.xml"]
    assert build.reports["none"] == []
    assert build.failure is not None
    assert build.failure.phase == "BUILD"


def test_the_cache_comes_back_in_the_next_build_of_its_project(
    play: Play, tmp_path: Path, said: Said
) -> None:
    spec = """
        phases: {build: {commands: ["mkdir -p ~/.cache; ls ~/.cache", "touch ~/.cache/kept"]}}
        cache: {paths: [/root/.cache/**/*]}
    """
    cache = tmp_path / "cache"
    play(spec, cache=cache, HOME=str(tmp_path / "one"))
    play(spec, cache=cache, HOME=str(tmp_path / "two"))
    assert said() == ["kept"]


def test_a_project_without_cache_neither_reads_nor_writes_one(
    play: Play, tmp_path: Path, said: Said
) -> None:
    spec = """
        phases: {build: {commands: ["mkdir -p ~/.cache; ls ~/.cache", "touch ~/.cache/kept"]}}
        cache: {paths: [/root/.cache/**/*]}
    """
    play(spec, HOME=str(tmp_path / "one"))
    play(spec, HOME=str(tmp_path / "two"))
    assert said() == []


def test_a_build_past_its_time_is_ended(play: Play, log: Path) -> None:
    build = play("phases: {build: {commands: [sleep 600]}}", timeout=0.3)
    assert build.failure is not None
    assert build.failure.command == "sleep 600"
    assert "Build timed out" in log.read_text()


def test_nothing_that_a_build_started_outlives_it(play: Play, tmp_path: Path) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    play(f"phases: {{build: {{commands: ['sleep 600 >{fifo} &', 'echo begun >{fifo}']}}}}")
    os.set_blocking(reader, True)
    with os.fdopen(reader) as held:
        assert held.read() == "begun\n"  # the end of the file is the end of its last writer


@pytest.mark.parametrize(
    "text",
    [
        "phases: {deploy: {commands: [ls]}}",
        "phases: {}",
        "phases: {build: [ls]}",
        "phases: {build: {commands: ls}}",
        "phases: {build: {commands: [ls], run-as: joe}}",
        "phases: {build: {commands: [ls], on-failure: RETRY}}",
        "env: {secrets-manager: {TOKEN: some/secret}}\nphases: {build: {commands: [ls]}}",
        "batch: {}\nphases: {build: {commands: [ls]}}",
        "artifacts: {files: [a], discard-paths: yes}\nphases: {build: {commands: [ls]}}",
        "artifacts: {name: only}\nphases: {build: {commands: [ls]}}",
        "cache: [a]\nphases: {build: {commands: [ls]}}",
    ],
)
def test_what_cannot_be_played_is_refused(play: Play, text: str) -> None:
    with pytest.raises(UserError, match="buildspec-unplayable"):
        play(text)


def test_version_0_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "buildspec.yml").write_text("version: 0.1\nphases: {build: {commands: [ls]}}")
    with pytest.raises(UserError, match="buildspec-unplayable"):
        read_buildspec(tmp_path / "buildspec.yml")


def test_a_buildspec_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="buildspec-missing"):
        read_buildspec(tmp_path / "buildspec.yml")
    (tmp_path / "buildspec.yml").write_text("version: [")
    with pytest.raises(UserError, match="buildspec-yaml"):
        read_buildspec(tmp_path / "buildspec.yml")
