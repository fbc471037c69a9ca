"""The AWS account of a rehearsal: what is deployed in it, and where its stand-ins keep things."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.rehearsal.answers import Answers
from ci.rehearsal.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ci.rehearsal.cloudformation import Template
    from ci.rehearsal.execution import Step
    from ci.rehearsal.image import Laptop


@dataclass(frozen=True)
class Account:
    """The stand-ins for AWS, all in the scratch `folder`.

    What builds print is in `logs`, which stay when a rehearsal fails. `repository` is the bare one
    that is CodeCommit's. `variables` go into every container; so do those of `indexes` for its
    TWINE_REPOSITORY ("" where it has none), and what `credentials` gives for the ARN of its role.
    `announce` hears of each step as it begins and ends; a UserError that it raises at the beginning
    stops the step. `discard` is given folders that nothing needs any more.
    """

    template: Template
    folder: Path
    logs: Path
    repository: Path
    laptop: Laptop
    answers: Answers = field(default_factory=Answers)
    variables: Mapping[str, str] = field(default_factory=dict)
    indexes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    credentials: Callable[[str], Mapping[str, str]] = lambda _: {}
    announce: Callable[[Step], None] = lambda _: None
    discard: Callable[[Path], None] = lambda _: None
    processes: Processes = field(default_factory=Processes)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fresh(self, kind: str) -> Path:
        """A new empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.folder))

    def new_log(self, name: str) -> Path:
        """An empty file for what the next build prints."""
        self.logs.mkdir(exist_ok=True)
        with self._lock:
            log = self.logs / f"{len(list(self.logs.glob('*.log'))) + 1:02}-{name}.log"
            log.touch()
        return log

    def project(self, name: str) -> dict[str, Any]:
        """The CodeBuild project of that name; raises UserError when the template has none."""
        for project in self.template.resources("AWS::CodeBuild::Project").values():
            if project["Name"] == name:
                return project
        raise UserError(
            "rehearsal-project",
            f"the template has no project {name}",
            "correct the pipeline in cdk/",
        )
