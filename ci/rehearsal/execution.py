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
    project: str = ""
    commit: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float | None = None
    failure: Failure | None = None
    log: Path | None = None
    build: Build | None = None

    @property
    def session(self) -> str:
        """What the build's nox is asked for."""
        return self.environment.get("NOXSESSION", "")


@dataclass
class Execution:
    """A pipeline's execution: what it was started with, and what its actions made so far.

    An artifact is a folder or, of a full clone, a commit. `variables` are by namespace and name.
    """

    pipeline: dict[str, Any]
    overrides: dict[str, str]
    variables: dict[str, dict[str, str]]
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    artifacts: dict[str, Path | str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> Step | None:
        """The step that stopped the execution."""
        return self.steps[-1] if self.steps and self.steps[-1].failure else None
