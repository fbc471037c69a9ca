"""What is shown of what is at work."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ci.rehearsal.execution import Step
from ci.rehearsal.lastrun import Times
from ci.rehearsal.progress import Progress, in_words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def step(tmp_path: Path) -> Step:
    log = tmp_path / "build.log"
    log.write_text("Starting session lint...\nStarting session tests...\n")
    return Step("Build", "Check", project="toy", log=log)


def add(step: Step, text: str) -> None:
    assert step.log
    with step.log.open("a") as log:
        log.write(text)


def shown(progress: Progress) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(progress.render())
    return capture.get()


def test_a_terminal_shows_each_step_with_its_sessions_and_the_last_run(step: Step) -> None:
    last = Times(60.0, {"Build/Check": 45.0})
    progress = Progress(Console(file=io.StringIO(), force_terminal=True), last)
    progress.step(step)
    progress.read()
    text = " ".join(re.sub(r"\d+ s(?! of| *,| *$)", "N s", shown(progress)).split())
    assert re.search(r"Build/Check \d+ s of (45|N) s lint \d+ s, tests", text)
    assert re.search(r"of about (60|N) s", text)


def test_without_a_last_run_it_shows_the_time_alone(step: Step) -> None:
    progress = Progress(Console(file=io.StringIO(), force_terminal=True), None)
    assert shown(progress).split() == ["setting", "up", "0", "s"]
    assert step.log
    step.log.write_text("")
    progress.step(step)
    assert shown(progress).split() == ["Build/Check", "0", "s", "preparing", "0", "s"]


def test_plain_lines_tell_of_each_session_that_ends(step: Step) -> None:
    text = io.StringIO()
    progress = Progress(Console(file=text), None)
    progress.step(step)
    add(step, "========== ✓ lint: success, 3 seconds ==========\n======")
    progress.read()
    assert text.getvalue() == "Build/Check          lint: ok after 0 s\n"
    add(step, "==== ✗ tests: failed ==========\n")
    progress.read()
    assert text.getvalue().endswith("Build/Check          tests: failed after 0 s\n")


def test_what_has_ended_is_remembered_for_the_next_run(step: Step) -> None:
    progress = Progress(Console(file=io.StringIO()), None)
    progress.step(step)
    add(step, "========== ✓ lint: success, 3 seconds ==========\n")
    progress.step(replace(step, seconds=9.0))
    assert progress.ended["Build/Check"] == 9.0
    assert set(progress.ended) == {"Build/Check", "Build/Check lint"}
    assert "Build/Check" not in shown(progress)


def test_it_watches_while_the_block_lasts_and_leaves_nothing_on_the_terminal(step: Step) -> None:
    text = io.StringIO()
    with Progress(Console(file=text, force_terminal=True, width=80), None) as progress:
        progress.step(step)
        progress.read()
    assert "lint" not in text.getvalue().rpartition("\x1b[2K")[2]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (119, "119 s"), (125, "2:05 min"), (3600, "60:00 min")]
)
def test_a_duration_is_told_as_people_do(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
