"""Read nox's sessions from a build's log: which run, how they ended, why one failed.

nox prints a session's output as it comes or, where sessions run in parallel, in one block at its
end, under a heading.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEADING = re.compile(r"=+ \S+ (?P<name>\S+): (?P<status>\w+)(, .*)? =+")
_BEGINS = re.compile(
    r"Starting session (?P<parallel>\S+)\.\.\.|nox > Running session (?P<name>\S+)"
)
_ENDS = re.compile(r"nox > Session (?P<name>\S+) (?P<status>was successful|failed|aborted)")
_CONTAINER = re.compile(r"\[Container\] \S+ ")
_OUTSIDE = re.compile(
    rf"{_HEADING.pattern}|{_CONTAINER.pattern}|Starting session .*|nox > Ran \d+ sessions? .*"
)
_ADVICE = re.compile(r"(error(\[[\w-]+\])?|help): ")


@dataclass
class Sessions:
    """The sessions of a build, from the lines of its log as they come.

    `running` has when each began, on `clock`; `seconds` how long each took that has ended; `failed`
    are those of them that failed.
    """

    clock: Callable[[], float] = time.monotonic
    running: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def read(self, line: str) -> str | None:
        """Take in one line; the session that ends with it, if one does."""
        if begins := _BEGINS.match(line):
            name = begins["parallel"] or begins["name"]
            if name not in self.seconds:  # else it is in a block, after its end
                self.running.setdefault(name, self.clock())
        ends = _HEADING.fullmatch(line) or _ENDS.match(line)
        if ends and ends["name"] in self.running:
            name = str(ends["name"])
            self.seconds[name] = self.clock() - self.running.pop(name)
            self.failed |= {name} if ends["status"] == "failed" else set()
            return name
        return None


def reasons(log: str) -> list[str]:
    """The `error[…]` and `help:` lines of the sessions that failed, else of the whole log."""
    lines = [line for _, block in failed_blocks(log) for line in block] or log.splitlines()
    return [line for line in lines if _ADVICE.match(line)]


def failed_blocks(log: str) -> list[tuple[str, list[str]]]:
    """The sessions that failed, each with its output; the last command's, where it was no session.

    A command has the name "".
    """
    lines = log.splitlines()
    return [*_parallel(lines)] or [*_sequential(lines)] or [("", _last_command(lines))]


def _parallel(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(lines):
        heading = _HEADING.fullmatch(line)
        if heading and heading["status"] == "failed":
            block: list[str] = []
            for following in lines[number + 1 :]:
                if _OUTSIDE.match(following):
                    break
                block.append(following)
            yield heading["name"], block


def _sequential(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    begin = 0
    for number, line in enumerate(lines):
        begins, ends = _BEGINS.match(line), _ENDS.match(line)
        if begins:
            begin = number
        elif ends and ends["status"] == "failed":
            yield ends["name"], lines[begin : number + 1]


def _last_command(lines: list[str]) -> list[str]:
    output: list[str] = []
    for line in lines:
        if not _CONTAINER.match(line):
            output.append(line)
        elif "Running command" in line:
            output.clear()
    return output
