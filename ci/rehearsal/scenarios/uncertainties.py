"""Questions that AWS leaves open: the release must be right with every answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.rehearsal.plays import play_creations, play_release, play_tag, push_commit, push_tag
from ci.rehearsal.scenarios.scenario import RELEASE, Ending, Scenario, ending, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.scenarios.scenario import Start


def strictest(start: Start) -> Ending:
    """Play the release that all other scenarios vary, with the least convenient answers."""
    execution = play_release(start.rehearsal)
    if not execution.failed:
        start.released = execution
    return ending(start.rehearsal, execution)


def _answered(start: Start, **answer: Any) -> Rehearsal:  # noqa: ANN401 - as Answers has them
    rehearsal = start.fresh()
    answers = replace(rehearsal.account.answers, **answer)
    return replace(rehearsal, account=replace(rehearsal.account, answers=answers))


def _released_with(**answer: str) -> Callable[[Start], Ending]:
    def play(start: Start) -> Ending:
        rehearsal = _answered(start, **answer)
        return ending(rehearsal, play_release(rehearsal))

    return play


def branch_moved_on(start: Start) -> Ending:
    """Merge something else between the tag and the build: the source is the branch's head."""
    rehearsal = start.fresh()
    tag = rehearsal.tag
    commit = push_tag(rehearsal, tag)
    push_commit(rehearsal, rehearsal.branch, "Newer")
    return ending(rehearsal, play_tag(rehearsal, tag, commit))


def foreign_python_version(start: Start) -> Ending:
    """Commit a .python-version that begins with a Python which the image lacks."""
    rehearsal = start.fresh()
    write(rehearsal, ".python-version", "3.7\n3.8\n3.12\n")
    push_commit(rehearsal, rehearsal.branch, "Name the Pythons")
    return ending(rehearsal, play_release(rehearsal))


def new_pipelines(start: Start) -> Ending:
    """Deploy for the first time, where actions are given the text of what has no value."""
    rehearsal = _answered(start, no_value="as written")
    try:
        play_creations(rehearsal)
    except UserError as problem:
        return Ending("creation", str(problem))
    return Ending("")


UNCERTAINTIES = (
    Scenario("the least convenient answers to all that AWS leaves open", strictest, holds=RELEASE),
    *(
        Scenario(name, _released_with(**answer), holds=RELEASE)
        for name, answer in (
            ("a full clone holds everything", {"clone": "everything"}),
            ("a full clone holds no tags", {"clone": "no tags"}),
            ("a full clone holds only the branch", {"clone": "only the branch"}),
            ("a tag's event has the commit, not the tag object", {"event_commit": "the commit"}),
            ("reports and artifacts that are not there are forgiven", {"no_file": "forgiven"}),
            ("the image has a newer pyenv", {"pyenv": "2.6.30"}),
        )
    ),
    Scenario("the branch moves on between tag and build", branch_moved_on, holds=RELEASE),
    Scenario("the image lacks a Python of .python-version", foreign_python_version, holds=RELEASE),
    Scenario("new pipelines start by themselves, with variables unresolved", new_pipelines),
)
