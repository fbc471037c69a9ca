"""A scenario: what is done to a release or a pull request, and how that must end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.git import git
from ci.distributions.manifest import file_sha256
from ci.errors import UserError
from ci.rehearsal import codecommit, codepipeline
from ci.rehearsal.outcome import on_index
from ci.rehearsal.plays import push_commit
from ci.rehearsal.rehearsal import Rehearsal, with_indexes, with_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ci.rehearsal.execution import Execution

NOTHING, WHEEL, RELEASE, OTHER = "nothing", "the wheel", "the release", "the other bytes"
# What is waited for in vain is waited for briefly.
IMPATIENT = {"PUBLISH_ATTEMPTS": "2", "PUBLISH_PAUSE": "0.1", "PUBLISH_WAIT": "5"}
_THIEF = Path(__file__).parent / "thief.py.txt"


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    `stops` is the stage that must stop it ("" if it has to go through all the same), `says` must
    stand in what is printed there, `holds` is what the index must have at the end.
    """

    name: str
    play: Callable[[Start], Ending]
    stops: str = ""
    says: str = ""
    holds: str = NOTHING


@dataclass(frozen=True)
class Ending:
    """How a play ended: where it stopped ("" if nowhere), what it printed, what the index has.

    `built` is what Build made, of a play that went through; both are sha256 by name.
    """

    stopped: str
    printed: str = ""
    index: Mapping[str, str] = field(default_factory=dict)
    built: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Start:
    """What scenarios start from.

    `released` is the release that went through, once one has; `half_published` is one whose upload
    was cut, and where.
    """

    rehearsal: Rehearsal
    released: Execution | None = None
    half_published: tuple[Rehearsal, Execution] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def fresh(self) -> Rehearsal:
        """A rehearsal with a repository and an index of its own."""
        base = self.rehearsal
        folder = base.account.fresh("row")
        checkout = codecommit.create(base.checkout, folder)
        account = replace(base.account, folder=folder, repository=folder / "codecommit.git")
        fresh = with_indexes(replace(base, checkout=checkout, account=account), self._name())
        git(checkout, "push", "--quiet", "origin", f"HEAD:refs/heads/{fresh.branch}")
        return with_variables(fresh, IMPATIENT)

    def built(self) -> tuple[Rehearsal, Execution]:
        """An empty index, and the release that went through as it was before Publish."""
        base, released = self.rehearsal, self.release()
        rehearsal = with_variables(with_indexes(base, self._name()), IMPATIENT)
        return rehearsal, before_publish(released)

    def _name(self) -> str:
        return f"row-{next(self._numbers)}"

    def release(self) -> Execution:
        """The release that went through; raises UserError when none has."""
        if self.released is None:
            raise UserError(
                "rehearsal-base",
                "the first release did not succeed",
                "read the first row of the table",
            )
        return self.released


def before_publish(execution: Execution) -> Execution:
    """The execution as it was before the stage Publish."""
    stages = [stage["Name"] for stage in execution.pipeline["Stages"]]
    later = set(stages[stages.index("Publish") :])
    return replace(
        execution,
        artifacts=dict(execution.artifacts),
        variables={name: dict(values) for name, values in execution.variables.items()},
        steps=[step for step in execution.steps if step.stage not in later],
    )


def publish(rehearsal: Rehearsal, execution: Execution) -> Execution:
    """Play Publish and what follows, with the artifacts that the execution has."""
    codepipeline.play(execution, rehearsal.account, begin="Publish")
    return execution


def adopt_pipeline(rehearsal: Rehearsal) -> None:
    """Commit what a package has that adopted the pipeline: all but the pipeline's own tests.

    The thief comes in with it: a test, as a hostile dependency would be one.
    """
    for own in ("ci/tests", "cdk/tests"):
        shutil.rmtree(rehearsal.checkout / own, ignore_errors=True)
    thief = _THIEF.read_text(encoding="utf-8").replace("SECRET_ID", rehearsal.secret)
    write(rehearsal, "tests/test_thief.py", thief)
    push_commit(rehearsal, rehearsal.branch, "Play the pipeline of a package that adopted it")


def write(rehearsal: Rehearsal, name: str, text: str) -> None:
    """Write a file of the checkout."""
    path = rehearsal.checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def logs(execution: Execution) -> str:
    """All that an execution's builds have printed."""
    found = [step.log for step in execution.steps if step.log]
    return "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in found)


def ending(rehearsal: Rehearsal, execution: Execution) -> Ending:
    """How an execution ended."""
    failed = execution.failed
    if not failed:
        index = on_index(rehearsal)
        built = Path(str(execution.artifacts["dist"])).glob("*-*") if index else []
        return Ending("", "", index, {path.name: file_sha256(path) for path in built})
    printed = "\n".join([*(str(step.failure) for step in failed), logs(execution)])
    return Ending(failed[0].stage, printed, on_index(rehearsal))
