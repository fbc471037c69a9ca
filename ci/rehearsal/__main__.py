"""`python -m ci.rehearsal`: the plays, from the command line."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import changed_files
from ci.errors import exit_with
from ci.rehearsal.codebuild import end_all
from ci.rehearsal.play import (
    check_pull_request,
    check_release,
    comment_on,
    open_rehearsal,
    play_pull_request,
    play_release,
    push_commit,
)
from ci.rehearsal.report import Report, save_picture
from ci.rehearsal.scenarios.table import play_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_REMOVE_SECONDS = 60
_LIMITS = """\
What a rehearsal can't show: IAM as AWS evaluates it (conditions, boundaries, resource policies);
quotas and time-outs of services; how long AWS takes and in which order events come; that the
images, Pythons and tools there are those here; that the deployed stack is the synthesized one; the
real index's own rules (name, token scope, size, delay); whether CodePipeline honours a source
revision override in PARALLEL mode (the builds check their commit for that reason)."""


def main(argv: Sequence[str] | None = None) -> None:
    """Play what git has: HEAD's stack, buildspec and sessions. The working tree is not touched."""
    arguments = _parse(argv)
    signal.signal(signal.SIGTERM, _terminated)
    report = Report()
    changed = changed_files(Path.cwd())
    if changed:
        report.say(f"{len(changed)} uncommitted changes are not part of this: HEAD is played")
    with _scratch(report, keep=arguments.keep) as folder:
        _PLAYS[arguments.play](folder, report, arguments.svg)


def _release(folder: Path, report: Report, svg: Path | None) -> None:
    report.say("setting up: the stack, a repository, an index, a Secrets Manager …")
    with open_rehearsal(Path.cwd(), folder, report.step) as rehearsal:
        began = time.monotonic()
        execution = play_release(rehearsal)
        seconds = time.monotonic() - began
        report.table(execution.steps)
        report.reports(execution.steps)
        files = check_release(rehearsal, execution)
        report.files(files, rehearsal.index.index_url)
        end = f"from the event to the installed package: {seconds:.1f} s"
        report.say(end)
        if svg:
            save_picture(svg, execution.steps, files, end)


def _pull_request(folder: Path, report: Report, _: Path | None) -> None:
    report.say("setting up: the stack, a repository …")
    with open_rehearsal(Path.cwd(), folder, report.step) as rehearsal:
        steps = []
        for name in ("pull-request-created", "pull-request-source-branch-updated"):
            report.say(f"event: {name}")
            commit = push_commit(rehearsal, "rehearsal", f"Rehearse {name}")
            execution = play_pull_request(rehearsal, name, commit)
            steps += execution.steps
            report.reports(execution.steps)
            comment = comment_on(rehearsal, execution)
            report.say(f"comment on {comment.to}: {comment.text}")
            if execution.failed:
                break
        report.table(steps)
        check_pull_request(rehearsal, execution)


def _faults(folder: Path, report: Report, _: Path | None) -> None:
    report.say("setting up: the stack, a repository, an index, a Secrets Manager …")
    with open_rehearsal(Path.cwd(), folder) as rehearsal:
        play_faults(rehearsal, report)


_PLAYS = {"release": _release, "pr": _pull_request, "faults": _faults}


@contextmanager
def _scratch(report: Report, *, keep: bool) -> Iterator[Path]:
    """A folder that goes when the block ends, however it ends, together with all builds."""
    name = tempfile.mkdtemp(prefix="rehearsal-")
    try:
        yield Path(name).resolve()
    finally:
        end_all()
        if keep:
            report.say(f"kept: {name}")
        else:
            _remove(Path(name))


def _remove(folder: Path) -> None:
    """Remove a folder into which a build that was just killed may still be writing.

    Raises OSError if that does not come to an end within `_REMOVE_SECONDS`.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < deadline)


def _terminated(number: int, _: FrameType | None) -> None:
    """Leave as on Ctrl-C: every `with` block cleans up."""
    sys.exit(128 + number)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s rehearse --",
        description=main.__doc__,
        epilog=_LIMITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("play", nargs="?", choices=_PLAYS, default="release", help="what to play")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs")
    parser.add_argument(
        "--svg",
        type=Path,
        metavar="FILE",
        help="save a release's end as a picture, as README has it",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
