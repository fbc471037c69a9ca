"""Pull requests that try to change each other, or a release."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ci.errors import UserError
from ci.rehearsal.plays import play_pull_request, play_release, push_commit
from ci.rehearsal.scenarios.commits import INVALID
from ci.rehearsal.scenarios.scenario import Ending, ending, write

if TYPE_CHECKING:
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.scenarios.scenario import Start

_EVENT = "pull-request-created"
# What it does, it does while nox reads it.
_NOXFILE = '''"""A fault."""

import os
from hashlib import sha256
from pathlib import Path

mark = Path("~/.cache/uv/poison").expanduser()
{does}
Path("reports").mkdir(exist_ok=True)
for name in ("junit-x.xml", "coverage.xml"):
    Path("reports", name).write_text("<x/>", encoding="utf-8")
Path("dist").mkdir(exist_ok=True)
Path("dist/file").write_bytes(b"")
sums = sha256(b"").hexdigest() + "  file\\n"
Path("dist/SHA256SUMS").write_text(sums, encoding="utf-8")
raise SystemExit(0)
'''


def two_at_once(start: Start) -> Ending:
    """Validate two at the same time: each at its own commit, each with its own outcome."""
    rehearsal = start.fresh()
    good = push_commit(rehearsal, "good", "Change nothing")
    write(rehearsal, *INVALID)
    bad = push_commit(rehearsal, "bad", "Add what is not Python")
    with ThreadPoolExecutor() as pool:
        plays = [
            pool.submit(play_pull_request, rehearsal, _EVENT, commit) for commit in (good, bad)
        ]
        try:
            passed, failed = (play.result() for play in plays)
        except BaseException:
            rehearsal.account.processes.end_all()
            raise
    if passed.failed:
        reason = f"the good one failed: {passed.failed[0].failure}"
        raise UserError(
            "rehearsal-two", reason, "set PARALLEL mode in cdk/, so that each runs alone"
        )
    return ending(rehearsal, failed)


def poison(start: Start) -> Ending:
    """Let a pull request write to the cache: the next one finds it, no release does."""
    rehearsal = start.fresh()
    for branch, does in (
        ("poison", "mark.parent.mkdir(parents=True, exist_ok=True)\nmark.touch()"),
        ("victim", "assert mark.exists()"),
    ):
        stopped = play_pull_request(
            rehearsal, _EVENT, _with_noxfile(rehearsal, branch, does)
        ).failed
        if stopped:
            reason = f"there is no cache: {stopped[0].failure}"
            raise UserError("rehearsal-cache", reason, "correct the cache in cdk/")
    _with_noxfile(rehearsal, rehearsal.branch, "assert not mark.exists()")
    return ending(rehearsal, play_release(rehearsal))


def _with_noxfile(rehearsal: Rehearsal, branch: str, does: str) -> str:
    write(rehearsal, "noxfile.py", _NOXFILE.format(does=does))
    return push_commit(rehearsal, branch, "Change the noxfile")
