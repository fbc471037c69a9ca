"""What an execution of a pipeline has done so far."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.rehearsal.codebuild import Build, Failure


@dataclass
class Step:
    """One action as it was played; `seconds` is None while it runs."""

    stage: str
    action: str
    order: int = 1
    project: str = ""
    commit: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float | None = None
    failure: Failure | None = None
    log: Path | None = None
    build: Build | None = None

    @property
    def name(self) -> str:
        """Its stage, and its action where that is called otherwise."""
        return self.stage if self.action == self.stage else f"{self.stage}/{self.action}"

    @property
    def session(self) -> str:
        """What the build's nox is asked for."""
        return self.environment.get("NOXSESSION", "")


@dataclass
class Execution:
    """A pipeline's execution: what it was started with, and what its actions made so far.

    `trigger` is what started it, in the words of its events. An artifact is a folder or, of a full
    clone, a commit. `variables` are by namespace and name.
    """

    pipeline: dict[str, Any]
    variables: dict[str, dict[str, str]]
    trigger: str = "CloudWatchEvent"
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    artifacts: dict[str, Path | str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> list[Step]:
        """The steps that stopped the execution."""
        return [step for step in self.steps if step.failure]

    @property
    def seconds(self) -> float:
        """How long it took: actions of one run order run at the same time."""
        longest: dict[tuple[str, int], float] = {}
        for step in self.steps:
            place = (step.stage, step.order)
            longest[place] = max(longest.get(place, 0), step.seconds or 0)
        return sum(longest.values())
