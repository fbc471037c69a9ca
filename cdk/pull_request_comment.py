"""One comment under a pull request for each of its commits that was validated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commit_pipeline import FAILURES
from outcome_machine import OutcomeMachine, read_definition

if TYPE_CHECKING:
    from aws_cdk import Stack

    from commit_pipeline import CommitPipeline
    from notifications import Notifications
    from settings import Settings

_DEFINITION = Path(__file__).with_suffix(".asl.json")


class PullRequestComment(OutcomeMachine):
    """Says how a validation ended, at which commit, and what failed."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        pipeline: CommitPipeline,
        notifications: Notifications,
    ) -> None:
        """`pipeline` has the variables PULL_REQUEST_ID, SOURCE_COMMIT and DESTINATION_COMMIT."""
        definition = read_definition(_DEFINITION)
        substitutions = {"repository": settings.repository}
        super().__init__(stack, "pr-comment", settings, definition, substitutions)
        repository = stack.format_arn(service="codecommit", resource=settings.repository)
        self.allow("codepipeline:GetPipelineExecution", pipeline.pipeline_arn)
        self.allow("codepipeline:ListActionExecutions", pipeline.pipeline_arn)
        self.allow("codecommit:PostCommentForPullRequest", repository)
        self.start_on_end("outcome", pipeline, "SUCCEEDED", *FAILURES, queue=notifications)
        notifications.send(
            "no-comment",
            self.failed(),
            "A comment is missing",
            "The outcome of a pull request's validation could not be written under it.",
        )
