"""Plays one build the way AWS CodeBuild documents it.

Each rule names the page of the CodeBuild user guide that it follows: [buildspec] Build
specification reference; [phases] Build phase transitions; [variables] Environment variables in
build environments; [cache] Build caching.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING, Literal, Self, cast

from ci.rehearsal import s3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.rehearsal.buildspec import Buildspec, FileSet, Phase
    from ci.rehearsal.container import Container


@dataclass(frozen=True)
class Failure:
    """Where a build failed: the phase, the command ("" if it was no command's fault), and why."""

    phase: str
    command: str
    reason: str

    def __str__(self) -> str:
        """For people: the phase, the first line of the command, the reason."""
        command = self.command.partition("\n")[0].strip()
        return (
            f"{self.phase}: {command}: {self.reason}" if command else f"{self.phase}: {self.reason}"
        )


@dataclass
class Build:
    """What a build left behind.

    `artifacts` is a folder, None when there was nothing to upload; `reports` are the files of each
    report group.
    """

    failure: Failure | None = None
    phases: list[str] = field(default_factory=list)
    exported: dict[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
    reports: dict[str, list[Path]] = field(default_factory=dict)


def play_build(
    spec: Buildspec,
    container: Container,
    log: Path,
    no_file: Literal["forgiven", "an error"] = "an error",
) -> Build:
    """Run the phases of `spec` in `container`, then take up what they made.

    What is printed is added to `log`. The container's environment wins over the buildspec's
    variables [buildspec: env/variables]. `no_file` says what it is when reports or artifacts match
    no file.
    """
    build = Build()
    _restore_cache(spec, container)
    with Shell(spec, container, log) as shell:
        _play_phases(spec, build, shell)
        build.exported = {name: shell.value_of(name) for name in spec.exported}
        _upload_reports(spec, build, container)
        _upload_artifacts(spec, build, container)
    _save_cache(spec, container)
    if no_file == "an error":
        _fail_without_files(spec, build)
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
                reason = shell.ended or f"exit code {code}"
                shell.say(f"Command did not exit successfully: {reason}")
                failure = failure or Failure(name.upper(), command, reason)
                break
    return failure


# What is done for each command. `set --` keeps its exit code: a variable might be the build's own.
_ORDER = """\
(. {files}/exported; cd "$PWD"; . {files}/command; set -- $?
export PWD; export -p >|{files}/exported; exit "$1") </dev/null >>{log} 2>&1; echo $?
"""


class Shell:
    """Runs each command of a build in a shell of its own, as CodeBuild does.

    From one command to the next, only exported variables and the folder carry over. A command of
    several lines counts by its last exit code. What it prints goes to the log. All that a build
    started ends with it, as with a container, once what it made has been taken up.
    """

    def __init__(self, spec: Buildspec, container: Container, log: Path) -> None:
        """Start the shell that `spec` asks for; those of the commands are copies of it."""
        self._container = container
        self._log = log
        self.ended = ""  # why it was ended before its time
        self._files = Path(tempfile.mkdtemp(dir=log.parent))
        environment = {"CODEBUILD_BUILD_SUCCEEDING": "1", **spec.variables, **container.environment}
        (self._files / "exported").write_text(_exports(environment), encoding="utf-8")
        # What a command unsets may not come back: all else is exported for each command anew.
        own = {name: container.environment[name] for name in ("PATH", "CODEBUILD_BUILD_ID")}
        self._process = container.processes.start(spec.shell, container.source, own)
        self._timer = threading.Timer(container.timeout, self._time_out)

    def __enter__(self) -> Self:
        """Begin to count the time."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End all that the build started."""
        self._timer.cancel()
        self._end()
        self._process.communicate()
        shutil.rmtree(self._files)

    def say(self, text: str) -> None:
        """Write `text` to the log as the container's own words."""
        with self._log.open("a", encoding="utf-8") as log:
            for line in text.splitlines():
                log.write(f"[Container] {time.strftime('%H:%M:%S')} {line}\n")

    def run(self, command: str) -> int:
        """The exit code of `command`."""
        (self._files / "command").write_text(command + "\n", encoding="utf-8")
        order = _ORDER.format(files=quote(str(self._files)), log=quote(str(self._log)))
        orders, answers = cast(
            "tuple[IO[str], IO[str]]", (self._process.stdin, self._process.stdout)
        )
        with suppress(BrokenPipeError):
            orders.write(order)
            orders.flush()
        answer = answers.readline()
        return int(answer) if answer else self._process.wait() or 1

    def value_of(self, name: str) -> str:
        """The value of a variable that commands exported [buildspec: exported-variables]."""
        value = self._files / "value"
        value.write_text("", encoding="utf-8")
        self.run(f"printenv {quote(name)} >{quote(str(value))}")
        return value.read_text(encoding="utf-8").removesuffix("\n")

    def _time_out(self) -> None:
        self.ended = f"the build timed out after {self._container.timeout:.0f} s"
        self._end()

    def _end(self) -> None:
        self._container.processes.end(self._container.environment)


def _exports(environment: Mapping[str, str]) -> str:
    """The commands that export variables; a shell has none with another name than a word."""
    return "".join(
        f"export {name}={quote(value)}\n"
        for name, value in environment.items()
        if name.isidentifier()
    )


def _upload_reports(spec: Buildspec, build: Build, container: Container) -> None:
    """Take up the reports, also of a failed build [buildspec: reports]."""
    for name, files in spec.reports.items():
        folder = container.uploads / name
        build.reports[name] = s3.keep(_find(files, container), folder)


def _upload_artifacts(spec: Buildspec, build: Build, container: Container) -> None:
    """Take up the artifacts, also of a failed build [phases: UPLOAD_ARTIFACTS]."""
    found = _find(spec.artifacts, container) if spec.artifacts else {}
    if found:
        build.artifacts = container.uploads / "artifacts"
        s3.keep(found, build.artifacts)


def _fail_without_files(spec: Buildspec, build: Build) -> None:
    """Have reports or artifacts that match no file fail the build [phases: UPLOAD_ARTIFACTS]."""
    missing = [
        f"no file of the report {name}" for name, files in build.reports.items() if not files
    ]
    if spec.artifacts and not build.artifacts:
        missing.append(f"no artifact in {spec.artifacts.base}")
    if missing and not build.failure:
        build.failure = Failure("UPLOAD_ARTIFACTS", "", "; ".join(missing))


def _find(wanted: FileSet, container: Container) -> dict[str, Path]:
    """The files that match, by their name below the base directory [buildspec: base-directory]."""
    folder = container.source / wanted.base
    return {
        path.relative_to(folder).as_posix(): path
        for pattern in wanted.patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def _restore_cache(spec: Buildspec, container: Container) -> None:
    """Unpack the cached folders before the first phase [cache]."""
    for folder, archive in _cached(spec, container):
        if archive.exists():
            with tarfile.open(archive) as kept:
                kept.extractall(folder, filter="tar")


def _save_cache(spec: Buildspec, container: Container) -> None:
    """Keep the cached folders after the last phase; another build may read them meanwhile."""
    for folder, archive in _cached(spec, container):
        if folder.is_dir():
            archive.parent.mkdir(parents=True, exist_ok=True)
            fresh = archive.with_suffix(f".{uuid.uuid4()}")
            with tarfile.open(fresh, "w") as kept:
                kept.add(folder, ".")
            fresh.replace(archive)


def _cached(spec: Buildspec, container: Container) -> Iterator[tuple[Path, Path]]:
    """Each cached folder, and the archive that it is kept in."""
    if container.cache is None:
        return
    for number, pattern in enumerate(spec.cache):
        # HOME is always /root in a container [variables]; here it is a scratch folder.
        folder = pattern.replace("/root", container.environment["HOME"], 1).removesuffix("/**/*")
        yield container.source / folder, container.cache / f"{number}.tar"
