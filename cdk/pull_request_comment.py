"""One comment under a pull request for each of its commits that was validated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_events, aws_events_targets, aws_iam
from aws_cdk import aws_stepfunctions as sfn

from storage import run_log

if TYPE_CHECKING:
    from commit_pipeline import CommitPipeline
    from notifications import Notifications
    from settings import Settings

_DEFINITION = Path(__file__).with_suffix(".asl.json")
_FIELDS = {"execution": "$.detail.execution-id", "state": "$.detail.state"}


class PullRequestComment(sfn.StateMachine):
    """The pipeline's outcome, written by a role that none of the pull request's code runs under.

    Two calls of the AWS SDK are all it takes, so it is a state machine and no Lambda function.
    """

    def __init__(self, stack: Stack, settings: Settings, pipeline: CommitPipeline) -> None:
        """`pipeline` has the variables PULL_REQUEST_ID, SOURCE_COMMIT and DESTINATION_COMMIT."""
        name = f"{settings.name}-pr-comment"
        path = f"/aws/vendedlogs/states/{name}"
        log = run_log(stack, "pr-comment-log", path, settings.log_retention)
        super().__init__(
            stack,
            "pr-comment",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(_DEFINITION.read_text(encoding="utf-8")),
            definition_substitutions={
                "pipeline": pipeline.name,
                "repository": settings.repository,
            },
            logs=sfn.LogOptions(
                destination=log, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
        )
        repository = stack.format_arn(service="codecommit", resource=settings.repository)
        self._allow("codepipeline:GetPipelineExecution", pipeline.pipeline_arn)
        self._allow("codecommit:PostCommentForPullRequest", repository)
        self._pipeline = pipeline

    def _allow(self, action: str, resource: str) -> None:
        self.add_to_role_policy(aws_iam.PolicyStatement(actions=[action], resources=[resource]))

    def start_on_outcome(self, notifications: Notifications) -> None:
        """Comment on every validation that ended by itself; failing at that is told as well."""
        fields = {key: aws_events.EventField.from_path(path) for key, path in _FIELDS.items()}
        fields["page"] = self._pipeline.page(fields["execution"])
        target = aws_events_targets.SfnStateMachine(
            self,
            input=aws_events.RuleTargetInput.from_object(fields),
            dead_letter_queue=notifications.undelivered,
        )
        pattern = self._pipeline.ended("SUCCEEDED", "FAILED")
        aws_events.Rule(self, "outcome", event_pattern=pattern, targets=[target])
        failed = aws_events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [self.state_machine_arn], "status": ["FAILED", "TIMED_OUT"]},
        )
        notifications.send("no-comment", failed, "A pull request's comment could not be written.")
