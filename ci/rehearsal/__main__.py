"""`python -m ci.rehearsal`: the plays, from the command line."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ci.checkout.git import changed_files
from ci.errors import UserError, exit_with
from ci.rehearsal import outcome, plays
from ci.rehearsal.inspection import inspect_template
from ci.rehearsal.lastrun import Times, read_times, write_times
from ci.rehearsal.processes import ending_with_parent
from ci.rehearsal.progress import Progress, in_words
from ci.rehearsal.rehearsal import Rehearsal, open_rehearsal
from ci.rehearsal.report import Report
from ci.rehearsal.scenarios.table import play_scenarios
from ci.rehearsal.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from ci.rehearsal.execution import Execution

# Seconds on a machine of two cores with a warm package cache, where nothing is known of this one.
_USUAL_SECONDS = {"release": 100, "pr": 240, "nightly": 120, "faults": 1200}
_DISK = 3e9  # bytes, where the package cache is on another disk; less where it is on the same
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LIMITS = """\
What a rehearsal can't show: IAM as AWS evaluates it (conditions, boundaries, resource policies);
quotas and time-outs of services; how long AWS takes and in which order events come; that the
images, Pythons and tools there are those here; that the deployed stack is the synthesized one; the
real index's own rules (name, token scope, size, delay)."""


def main(argv: Sequence[str] | None = None) -> None:
    """Play what git has: HEAD's stack, buildspec and sessions. The working tree is not touched."""
    arguments = _parse(argv)
    for number in _INTERRUPTS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup ignores SIGHUP
            signal.signal(number, _interrupted)
    root, console = Path.cwd(), Console(highlight=False, soft_wrap=True)
    last = read_times(root, arguments.play)
    with ending_with_parent(), Progress(console, last) as progress:
        report = Report(console, progress)
        _announce(report, root, last.total if last else _USUAL_SECONDS[arguments.play])
        report.say("setting up the stack, a repository, an index and a Secrets Manager")
        try:
            with (
                scratch(report.say, keep=arguments.keep) as space,
                open_rehearsal(root, space.folder, report.step, space.discard) as rehearsal,
            ):
                inspect_template(rehearsal.account.template, rehearsal.checkout)
                _PLAYS[arguments.play](rehearsal, report)
                write_times(root, arguments.play, Times(progress.seconds, progress.ended))
        finally:
            if arguments.svg:
                report.save_picture(arguments.svg)


def _announce(report: Report, root: Path, seconds: float) -> None:
    """Say what this will take; raises UserError where there is no room for it."""
    changed = changed_files(root)
    if changed:
        report.say(f"{len(changed)} uncommitted changes are not part of this: HEAD is played")
    place = Path(tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    if free < _DISK:
        raise UserError(
            "rehearsal-disk",
            f"{place} has {free / 1e9:.1f} GB left, but a rehearsal needs up to"
            f" {_DISK / 1e9:.0f} GB",
            "free some space, or set TMPDIR to a folder on another disk",
        )
    report.say(
        f"this takes about {in_words(seconds)}, and up to {_DISK / 1e9:.0f} GB in {place} meanwhile"
    )


def _release(rehearsal: Rehearsal, report: Report) -> None:
    plays.play_creations(rehearsal)
    execution = plays.play_release(rehearsal)
    _end(rehearsal, report, execution)
    files = outcome.check_release(rehearsal, execution)
    report.files(files, rehearsal.index.index_url)
    report.say(f"from the event to the installed package: {execution.seconds:.1f} s")


def _pull_request(rehearsal: Rehearsal, report: Report) -> None:
    plays.play_creations(rehearsal)
    for name in ("pull-request-created", "pull-request-source-branch-updated"):
        report.say(f"event: {name}")
        commit = plays.push_commit(rehearsal, "rehearsal", f"Rehearse {name}")
        execution = plays.play_pull_request(rehearsal, name, commit)
        _end(rehearsal, report, execution)
        outcome.check_pull_request(rehearsal, execution)


def _night(rehearsal: Rehearsal, report: Report) -> None:
    """Play a nightly run, which verifies the newest release: so a release comes first."""
    outcome.check_release(rehearsal, plays.play_release(rehearsal))
    rehearsal.secrets.requests.clear()
    execution = plays.play_night(rehearsal)
    _end(rehearsal, report, execution)
    outcome.check_night(rehearsal, execution)


def _end(rehearsal: Rehearsal, report: Report, execution: Execution) -> None:
    report.table(execution.steps)
    report.failures(execution.failed)
    report.reports(execution.steps)
    report.sent(outcome.told(rehearsal, execution))


def _faults(rehearsal: Rehearsal, report: Report) -> None:
    play_scenarios(rehearsal, report)


_PLAYS = {"release": _release, "pr": _pull_request, "nightly": _night, "faults": _faults}


def _interrupted(number: int, _: FrameType | None) -> None:
    """Leave, and let every `with` block clean up undisturbed."""
    for each in _INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s rehearse --",
        description=main.__doc__,
        epilog=_LIMITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "play", nargs="?", choices=_PLAYS, default="release", help="what to rehearse"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the scratch folder with everything in it"
    )
    parser.add_argument(
        "--svg",
        type=Path,
        metavar="FILE",
        help="save the output as a picture (SVG)",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_with(main)
