"""The build player, held to what the CodeBuild user guide says."""

from __future__ import annotations

import os
import textwrap
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import pytest
import yaml

from ci.rehearsal.buildspec import PHASES, Buildspec, read_buildspec
from ci.rehearsal.codebuild import Build, Failure, play_build
from ci.rehearsal.container import Container
from ci.rehearsal.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Play = Callable[..., Build]
    Said = Callable[[], list[str]]


def read(text: str) -> Buildspec:
    """The buildspec of that text, with what every buildspec must have."""
    spec = yaml.safe_load(textwrap.dedent(text))
    spec["phases"].setdefault("install", {})["runtime-versions"] = {"python": "3.12"}
    text = yaml.safe_dump({"version": 0.2, **spec})
    return read_buildspec({"Name": "toy", "Source": {"BuildSpec": text}})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "a user's own"  # a TMPDIR that shells must be told in quotes
    folder.mkdir()
    return folder / "build.log"


@pytest.fixture
def play(tmp_path: Path, log: Path) -> Play:
    """Play a buildspec in a folder of its own; keywords are the container's variables."""
    numbers = count()

    def run(
        text: str,
        *,
        cache: Path | None = None,
        timeout: float = 20,
        no_file: Literal["forgiven", "an error"] = "an error",
        **variables: str,
    ) -> Build:
        source = tmp_path / "src"
        source.mkdir(exist_ok=True)
        build = f"{log}-{next(numbers)}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CODEBUILD_BUILD_ID": build,
        }
        log.write_text("")
        container = Container(
            source=source,
            environment={**environment, **variables},
            uploads=tmp_path / "uploads",
            processes=Processes(),
            cache=cache,
            timeout=timeout,
        )
        return play_build(read(text), container, log, no_file)

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
    assert build.phases == ["install", "build"]


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


SHELLS = pytest.mark.parametrize("shell", ["sh", "bash"])


@SHELLS
def test_exported_variables_and_the_folder_carry_over_from_command_to_command(
    play: Play, said: Said, shell: str
) -> None:
    play(f"""
        env: {{shell: {shell}, variables: {{GIVEN: "a 'b' $c"}}}}
        phases:
          install: {{commands: [export COLOUR="sky blue", mkdir "an inner", cd "an inner"]}}
          build: {{commands: ['echo "$COLOUR, $GIVEN in $(basename "$PWD")"']}}
    """)
    assert said() == ["sky blue, a 'b' $c in an inner"]


@SHELLS
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("X=1", 'test "$X" = 1'),
        ("f() { true; }", "f"),
        ("set -f", 'test "${-#*f}" != "$-"'),
    ],
    ids=["variable", "function", "option"],
)
def test_what_is_not_exported_does_not_carry_over(
    play: Play, shell: str, before: str, after: str
) -> None:
    spec: dict[str, Any] = {"env": {"shell": shell}, "phases": {}}
    spec["phases"]["build"] = {"commands": [f"{before}; {after}", before, after]}
    build = play(yaml.safe_dump(spec))
    assert build.failure is not None
    assert build.failure.command == after


@SHELLS
def test_a_variable_that_is_unset_does_not_come_back(play: Play, said: Said, shell: str) -> None:
    play(f"""
        env: {{shell: {shell}, variables: {{GIVEN: "1"}}}}
        phases: {{build: {{commands: ['echo $GIVEN', unset GIVEN, 'echo ${{GIVEN-none}}']}}}}
    """)
    assert said() == ["1", "none"]


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


@pytest.mark.parametrize(("code", "printed"), [(0, ["next"]), (3, [])])
def test_a_command_that_exits_ends_itself_and_counts_by_its_code(
    play: Play, said: Said, code: int, printed: list[str]
) -> None:
    build = play(f"phases: {{build: {{commands: [exit {code}; echo never, echo next]}}}}")
    assert said() == printed
    assert (build.failure is None) == (code == 0)


def test_a_build_leaves_nothing_beside_its_log(play: Play, log: Path) -> None:
    play("phases: {build: {commands: ['true']}}")
    assert list(log.parent.iterdir()) == [log]


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


def test_a_variable_that_no_shell_can_have_is_left_out(play: Play, said: Said) -> None:
    build = play("phases: {build: {commands: [echo begun]}}", **{"CODEBUILD_SRC_DIR_my-dist": "x"})
    assert said() == ["begun"]
    assert build.failure is None


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


def test_a_variable_that_is_not_exported_is_no_exported_variable(play: Play) -> None:
    build = play("""
        env: {exported-variables: [MADE]}
        phases: {build: {commands: [MADE=here]}}
    """)
    assert build.exported == {"MADE": ""}


def test_artifacts_lie_below_their_base_directory(play: Play) -> None:
    build = play("""
        phases:
          build:
            commands: [mkdir -p dist/deep, touch dist/a.whl dist/deep/b.txt outside]
        artifacts: {base-directory: dist, files: ["**/*"]}
    """)
    assert build.artifacts is not None
    found = [path for path in build.artifacts.rglob("*") if path.is_file()]
    names = sorted(str(path.relative_to(build.artifacts)) for path in found)
    assert names == ["a.whl", "deep/b.txt"]


NOTHING_MADE = """
    phases: {build: {commands: ["true"]}}
    artifacts: {base-directory: dist, files: ["**/*"]}
    reports: {tests: {files: ["*.xml"], base-directory: reports}}
"""


def test_a_report_and_an_artifact_that_are_not_there_fail_the_build(play: Play) -> None:
    build = play(NOTHING_MADE)
    assert build.failure == Failure(
        "UPLOAD_ARTIFACTS", "", "no file of the report tests; no artifact in dist"
    )


def test_a_report_and_an_artifact_that_are_not_there_may_be_forgiven(play: Play) -> None:
    build = play(NOTHING_MADE, no_file="forgiven")
    assert build.failure is None
    assert (build.artifacts, build.reports) == (None, {"tests": []})


def test_artifacts_and_reports_are_taken_up_from_a_failed_build(play: Play) -> None:
    build = play("""
        phases: {build: {commands: [mkdir reports, touch reports/junit.xml made, "false"]}}
        artifacts: {files: [made]}
        reports:
          tests: {files: ["*.xml"], base-directory: reports, file-format: JUNITXML}
          none: {files: [nothing.xml]}
    """)
    assert build.artifacts is not None
    assert [path.name for path in build.artifacts.iterdir()] == ["made"]
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


def test_a_cache_is_all_that_the_last_build_left_links_included(
    play: Play, tmp_path: Path, said: Said
) -> None:
    spec = """
        phases:
          build:
            commands:
              - mkdir -p ~/.npm; cd ~/.npm; ls -F; rm -f *
              - touch $MADE; ln -s $MADE link
        cache: {paths: [/root/.npm/**/*]}
    """
    for home, found in (("one", []), ("two", ["link@", "one"]), ("three", ["link@", "two"])):
        play(spec, cache=tmp_path / "cache", HOME=str(tmp_path / home), MADE=home)
        assert said() == found


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
    assert build.failure.reason == "the build timed out after 0 s"
    assert "timed out" in log.read_text()


@pytest.mark.parametrize(
    "how",
    ["sleep 600", "setsid sleep 600", "env -i sleep 600"],
    ids=["job", "daemon", "without environment"],
)
def test_nothing_that_a_build_started_outlives_it(play: Play, tmp_path: Path, how: str) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    play(f"phases: {{build: {{commands: ['{how} >{fifo} &', 'echo begun >{fifo}']}}}}")
    os.set_blocking(reader, True)
    with os.fdopen(reader) as held:
        assert held.read() == "begun\n"  # the end of the file is the end of its last writer


def test_a_daemon_may_change_what_is_made_until_it_is_taken_up(play: Play) -> None:
    build = play("""
        phases:
          build:
            commands:
              - "(until test -e made; do sleep 0.01; done; echo evil >made; touch changed) &"
              - "echo good >made; until test -e changed; do sleep 0.01; done"
        artifacts: {files: [made]}
    """)
    assert build.artifacts is not None
    assert (build.artifacts / "made").read_text() == "evil\n"


def test_a_failure_is_told_by_its_phase_command_and_reason() -> None:
    assert (
        str(Failure("BUILD", "nox -s pr\nmore", "exit code 1")) == "BUILD: nox -s pr: exit code 1"
    )
    assert str(Failure("UPLOAD_ARTIFACTS", "", "none")) == "UPLOAD_ARTIFACTS: none"
