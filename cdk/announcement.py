"""The message about a release or a nightly run: its outcome, and why it failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outcome_machine import OutcomeMachine, read_definition

if TYPE_CHECKING:
    from aws_cdk import Stack

    from build_project import BuildProject
    from commit_pipeline import CommitPipeline
    from notifications import Notifications
    from settings import Settings

_DEFINITION = Path(__file__).with_suffix(".asl.json")


class Announcement(OutcomeMachine):
    """Sends a message with the version, the commit, and the files or the failed build's errors.

    It reads the errors in the log of the build, so no build needs the right to send anything.
    """

    def __init__(self, stack: Stack, settings: Settings, notifications: Notifications) -> None:
        """Nothing is announced before `of` is called."""
        definition = read_definition(_DEFINITION)
        substitutions = {"name": settings.name, "topic": notifications.topic.topic_arn}
        if notifications.chat:
            substitutions["chat"] = notifications.chat.topic_arn
        else:
            del definition["States"]["Chat"], definition["States"]["Mail"]["Next"]
            definition["States"]["Mail"]["End"] = True
        super().__init__(stack, "announcement", settings, definition, substitutions)
        self._notifications = notifications
        self.allow("sns:Publish", *(topic.topic_arn for topic in notifications.topics))
        notifications.send(
            "no-announcement",
            self.failed(),
            "A message is missing",
            "The outcome of a release or of a nightly run could not be told: see the pipeline.",
        )

    def of(self, pipeline: CommitPipeline, projects: list[BuildProject], *states: str) -> None:
        """Announce the executions of the pipeline that end in one of these states."""
        self.allow("codepipeline:GetPipelineExecution", pipeline.pipeline_arn)
        self.allow("codepipeline:ListActionExecutions", pipeline.pipeline_arn)
        self.allow("logs:FilterLogEvents", *(project.log.log_group_arn for project in projects))
        construct_id = pipeline.node.id
        self.start_on_end(construct_id, pipeline, *states, queue=self._notifications)
