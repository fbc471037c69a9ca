"""Plays one build the way AWS CodeBuild documents it.

Each rule names the page of the CodeBuild user guide that it follows: [buildspec] Build
specification reference; [phases] Build phase transitions; [variables] Environment variables in
build environments; [cache] Build caching.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.rehearsal.buildspec import Buildspec, FileSet, Phase

_RUNNING: set[Shell] = set()


@dataclass(frozen=True)
class Container:
    """Where a build runs.

    `environment` is all of it, HOME included. `cache` is the folder in which the project keeps its
    cache, None for a project without one. `timeout` is in seconds, for the whole build.
    """

    source: Path
    environment: Mapping[str, str]
    log: Path
    cache: Path | None = None
    timeout: float = 3600


@dataclass(frozen=True)
class Failure:
    """Where a build failed: the phase, the command ("" if it was no command's fault), and why."""

    phase: str
    command: str
    reason: str


@dataclass
class Build:
    """What a build left behind; `artifacts` maps the name inside the artifact to the file."""

    failure: Failure | None = None
    phases: list[str] = field(default_factory=list)
    exported: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    reports: dict[str, list[Path]] = field(default_factory=dict)


def play_build(spec: Buildspec, container: Container) -> Build:
    """Run the phases of `spec` in `container`, then take up what they made.

    The container's environment wins over the buildspec's variables [buildspec: env/variables].
    """
    build = Build()
    _copy_cache(spec, container, restore=True)
    with Shell(spec, container) as shell:
        _play_phases(spec, build, shell)
        build.exported = {name: shell.value_of(name) for name in spec.exported}
    _copy_cache(spec, container, restore=False)
    _collect(spec, build, container)
    return build


def _play_phases(spec: Buildspec, build: Build, shell: Shell) -> None:
    """Run phase after phase [phases].

    A failure in install or pre_build ends the build; one in build still lets post_build run, unless
    on-failure says ABORT.
    """
    for name, phase in spec.phases.items():
        shell.say(f"Entering phase {name.upper()}")
        build.phases.append(name)
        failure = _play_phase(name, phase, shell)
        if failure is None:
            continue
        build.failure = build.failure or failure
        shell.run("export CODEBUILD_BUILD_SUCCEEDING=0")
        if phase.aborts:
            return


def _play_phase(name: str, phase: Phase, shell: Shell) -> Failure | None:
    """Run commands until one fails, then always those of `finally` [buildspec: finally]."""
    failure = None
    for commands in (phase.commands, phase.last):
        for command in commands:
            shell.say(f"Running command {command}")
            code = shell.run(command)
            if code:
                shell.say(f"Command did not exit successfully: exit status {code}")
                failure = failure or Failure(name.upper(), command, f"exit code {code}")
                break
    return failure


class Shell:
    """The one shell in which all commands of a build run [buildspec: versions, 0.2].

    Commands are sourced, so that variables and folders carry over and a command of several lines
    counts by its last exit code. What they print goes to the log; the shell's own stdout speaks
    exit codes. Its session ends with it, as all that runs in a container ends with the container.
    """

    def __init__(self, spec: Buildspec, container: Container) -> None:
        """Start the shell that `spec` asks for."""
        self._log = container.log
        environment = {"CODEBUILD_BUILD_SUCCEEDING": "1", **spec.variables, **container.environment}
        self._process = subprocess.Popen(
            [spec.shell],
            cwd=container.source,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._timer = threading.Timer(container.timeout, self._time_out)

    def __enter__(self) -> Self:
        """Begin to count the time."""
        _RUNNING.add(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the shell and all that it started."""
        self._timer.cancel()
        self.end()
        self._process.communicate()
        _RUNNING.discard(self)

    def say(self, text: str) -> None:
        """Write `text` to the log as the container's own words."""
        with self._log.open("a", encoding="utf-8") as log:
            for line in text.splitlines():
                log.write(f"[Container] {time.strftime('%H:%M:%S')} {line}\n")

    def run(self, command: str) -> int:
        """The exit code of `command`; one that ends the shell has failed, whatever its code."""
        script = self._log.with_suffix(".command")
        script.write_text(command + "\n", encoding="utf-8")
        orders, answers = cast(
            "tuple[IO[str], IO[str]]", (self._process.stdin, self._process.stdout)
        )
        with suppress(BrokenPipeError):
            orders.write(f". '{script}' </dev/null >>'{self._log}' 2>&1; echo $?\n")
            orders.flush()
        answer = answers.readline()
        return int(answer) if answer else self._process.wait() or 1

    def value_of(self, name: str) -> str:
        """The value that commands gave a variable [buildspec: exported-variables]."""
        value = self._log.with_suffix(".value")
        value.write_text("", encoding="utf-8")
        self.run(f"""printf '%s' "${{{name}-}}" >'{value}'""")
        return value.read_text(encoding="utf-8")

    def _time_out(self) -> None:
        self.say("Build timed out")
        self.end()

    def end(self) -> None:
        """Kill the shell's session."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def end_all() -> None:
    """End the builds that still run, in whatever thread."""
    for shell in list(_RUNNING):
        shell.end()


def _collect(spec: Buildspec, build: Build, container: Container) -> None:
    """Take up reports and artifacts, also of a failed build [phases: UPLOAD_ARTIFACTS].

    Artifacts of which nothing is there fail the build, even where a pipeline's action takes none:
    the guide does not say that this is forgiven.
    """
    build.reports = {
        name: [*_find(files, container).values()] for name, files in spec.reports.items()
    }
    if spec.artifacts is None:
        return
    build.artifacts = _find(spec.artifacts, container)
    if not build.artifacts:
        missing = f"no matching artifact paths found in {spec.artifacts.base}"
        build.failure = build.failure or Failure("UPLOAD_ARTIFACTS", "", missing)


def _find(wanted: FileSet, container: Container) -> dict[str, Path]:
    """The files that match, by their name below the base directory [buildspec: base-directory]."""
    folder = container.source / wanted.base
    return {
        path.relative_to(folder).as_posix(): path
        for pattern in wanted.patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def _copy_cache(spec: Buildspec, container: Container, *, restore: bool) -> None:
    """Fetch the cached folders before the first phase, or keep them after the last [cache]."""
    if container.cache is None:
        return
    for number, pattern in enumerate(spec.cache):
        # HOME is always /root in a container [variables]; here it is a scratch folder.
        folder = pattern.replace("/root", container.environment["HOME"], 1).removesuffix("/**/*")
        inside, kept = Path(folder), container.cache / str(number)
        origin, target = (kept, inside) if restore else (inside, kept)
        if origin.is_dir():
            shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True)
