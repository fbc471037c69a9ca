"""`python -m ci.rehearsal`: the plays, from the command line."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import Problem, exit_with
from ci.git import changed_files
from ci.rehearsal.buildspec import end_all
from ci.rehearsal.play import check_release, open_rehearsal, play_release
from ci.rehearsal.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_LIMITS = """\
What a rehearsal can't show: IAM as AWS evaluates it (conditions, boundaries, resource policies, KMS);
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
        _PLAYS[arguments.play](folder, report)


def _release(folder: Path, report: Report) -> None:
    report.say("setting up: the stack, a repository, an index, a Secrets Manager …")
    with open_rehearsal(Path.cwd(), folder, report.step) as rehearsal:
        began = time.monotonic()
        execution = play_release(rehearsal)
        seconds = time.monotonic() - began
        report.table(execution.steps)
        if execution.failed:
            raise Problem(
                "rehearsal-failed",
                f"the release stopped in {execution.failed.stage}",
                "mend what the log above shows, commit, rehearse again",
            )
        report.files(check_release(rehearsal, execution), rehearsal.index.index_url)
        report.say(f"from the event to the installed package: {seconds:.1f} s")


_PLAYS = {"release": _release}


@contextmanager
def _scratch(report: Report, *, keep: bool) -> Iterator[Path]:
    """A folder that goes when the block ends, however it ends, together with all builds."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-", delete=not keep) as name:
        try:
            yield Path(name).resolve()
        finally:
            end_all()
            if keep:
                report.say(f"kept: {name}")


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
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
