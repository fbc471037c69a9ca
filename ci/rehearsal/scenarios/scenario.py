"""Where the rows of faults.py are played, and what they have in common."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal import codepipeline, eventbridge
from ci.rehearsal.play import (
    RELEASE_SESSIONS,
    Rehearsal,
    begin,
    clone,
    expecting,
    on_index,
    push_commit,
    secret_id,
    with_index,
    with_variables,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.rehearsal.execution import Execution

# A fault that is waited for is waited for briefly.
IMPATIENT = {"PUBLISH_ATTEMPTS": "2", "PUBLISH_PAUSE": "0.1", "PUBLISH_WAIT": "5"}
_THIEF = Path(__file__).parent / "thief.py.txt"


@dataclass(frozen=True)
class Ending:
    """How a play ended: where it stopped ("" if nowhere), what it printed, what the index has."""

    stopped: str
    printed: str
    index: dict[str, str]


@dataclass
class Scenario:
    """Where the rows are played; `good` is the release that went through, once one has."""

    rehearsal: Rehearsal
    good: Execution | None = None
    cut: Rehearsal | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def fresh(self) -> Rehearsal:
        """A rehearsal with a repository and an index of its own."""
        base = self.rehearsal
        folder = base.account.fresh("row")
        checkout = clone(base.checkout, folder)
        account = replace(base.account, folder=folder, repository=folder / "codecommit.git")
        index = base.server.add_index(self._name())
        fresh = with_index(replace(base, checkout=checkout, account=account), index)
        git(checkout, "push", "--quiet", "origin", f"HEAD:refs/heads/{fresh.branch}")
        return with_variables(fresh, IMPATIENT)

    def publishing(self) -> tuple[Rehearsal, Execution]:
        """A fresh index, and an execution that has passed Build and not yet published."""
        good, base = self.base(), self.rehearsal
        index = base.server.add_index(self._name())
        rehearsal = with_variables(with_index(base, index), IMPATIENT)
        return rehearsal, replace(good, artifacts=dict(good.artifacts), steps=good.steps[:1])

    def base(self) -> Execution:
        """The release that went through; raises UserError when none has."""
        if self.good is None:
            raise UserError("rehearsal-base", "no Build went through", "see the first row")
        return self.good

    def _name(self) -> str:
        return f"row-{next(self._numbers)}"


def adopted(rehearsal: Rehearsal) -> None:
    """Commit what a package has that adopted the pipeline: all but the pipeline's own tests.

    The thief comes in with it: a test, as a hostile dependency would be one.
    """
    for own in ("ci/tests", "cdk/tests"):
        shutil.rmtree(rehearsal.checkout / own, ignore_errors=True)
    thief = _THIEF.read_text(encoding="utf-8").replace("SECRET_ID", secret_id(rehearsal))
    tests = rehearsal.checkout / "tests"
    tests.mkdir(exist_ok=True)
    (tests / "test_thief.py").write_text(thief, encoding="utf-8")
    push_commit(rehearsal, rehearsal.branch, "Play the pipeline of a package that adopted it")


def tag_event(rehearsal: Rehearsal, tag: str, commit: str) -> dict[str, Any]:
    """The event of that tag in the rehearsal's repository."""
    return eventbridge.tag_created(
        rehearsal.account.template, repository=rehearsal.repository, tag=tag, commit=commit
    )


def release(rehearsal: Rehearsal, tag: str, commit: str) -> Execution:
    """Play what that tag's event sets off."""
    execution = begin(rehearsal, tag_event(rehearsal, tag, commit))
    given = {"SOURCE_COMMIT": commit, "RELEASE_TAG": tag}
    codepipeline.play(execution, expecting(rehearsal.account, given, RELEASE_SESSIONS))
    return execution


def publish(rehearsal: Rehearsal, execution: Execution) -> Execution:
    """Play Publish and what follows, with the artifacts that the execution has."""
    codepipeline.play(execution, rehearsal.account, begin="Publish")
    return execution


def ending(rehearsal: Rehearsal, execution: Execution) -> Ending:
    """How an execution ended."""
    stopped = execution.failed
    if stopped is None:
        return Ending("", "", dict(on_index(rehearsal)))
    printed = f"{stopped.failure}"
    if stopped.log:
        printed += stopped.log.read_text(encoding="utf-8", errors="replace")
    return Ending(stopped.stage, printed, dict(on_index(rehearsal)))
