"""One comment under a pull request, for each of its commits that was validated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk.aws_events import EventField, EventPattern, Rule, RuleTargetInput
from aws_cdk.aws_events_targets import SfnStateMachine
from aws_cdk.aws_stepfunctions import (
    DefinitionBody,
    LogLevel,
    LogOptions,
    QueryLanguage,
    StateMachine,
)
from aws_cdk.aws_stepfunctions_tasks import CallAwsService
from constructs import Construct

from acknowledgements import acknowledge, acknowledge_wildcards
from run_log import RunLog

if TYPE_CHECKING:
    from commit_pipeline import CommitPipeline
    from notifications import Notifications
    from settings import Settings

# JSONata; the list of pairs becomes one object, {"SOURCE_COMMIT": …}.
_FACTS = "$merge([$states.input, $states.result.PipelineExecution.Variables{Name: ResolvedValue}])"
_OUTCOME = "$states.input.state = 'SUCCEEDED' ? 'passed' : 'failed'"


class PullRequestComment(Construct):
    """The pipeline's outcome, written by a role that none of the pull request's code runs under.

    Two calls of the AWS SDK are all it takes, so it is a state machine and no Lambda function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: Settings,
        pipeline: CommitPipeline,
        notifications: Notifications,
    ) -> None:
        """`pipeline` has the variables PULL_REQUEST_ID, SOURCE_COMMIT and DESTINATION_COMMIT."""
        super().__init__(scope, construct_id)
        self._name = f"{settings.name}-{construct_id}"
        self._pipeline = pipeline
        machine = self._machine(settings)
        target = SfnStateMachine(
            machine,
            dead_letter_queue=notifications.dead_letters,
            input=RuleTargetInput.from_object(
                {
                    "execution": EventField.from_path("$.detail.execution-id"),
                    "state": EventField.from_path("$.detail.state"),
                }
            ),
        )
        Rule(self, "outcome", event_pattern=pipeline.ended("SUCCEEDED", "FAILED"), targets=[target])
        failed = EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={
                "stateMachineArn": [machine.state_machine_arn],
                "status": ["FAILED", "TIMED_OUT", "ABORTED"],
            },
        )
        execution = EventField.from_path("$.detail.executionArn")
        notifications.send("comment-failed", failed, f"A comment was not written: {execution}")

    def _machine(self, settings: Settings) -> StateMachine:
        log = RunLog(self, "log", f"/aws/vendedlogs/states/{self._name}", settings)
        machine = StateMachine(
            self,
            "machine",
            state_machine_name=self._name,
            query_language=QueryLanguage.JSONATA,
            definition_body=DefinitionBody.from_chainable(
                self._read().next(self._write(settings.repository))
            ),
            logs=LogOptions(destination=log, level=LogLevel.ALL, include_execution_data=True),
        )
        acknowledge_wildcards(
            machine, "AWS knows no resource for the delivery of logs.", resources=["*"]
        )
        acknowledge(machine, "SF2", "Two calls in a row, both in the log: nothing to trace.")
        return machine

    def _read(self) -> CallAwsService:
        """The event tells which execution; the execution tells which pull request."""
        step = CallAwsService.jsonata(
            self,
            "read",
            service="codepipeline",
            action="getPipelineExecution",
            iam_resources=[self._pipeline.pipeline_arn],
            parameters={
                "PipelineName": self._pipeline.name,
                "PipelineExecutionId": "{% $states.input.execution %}",
            },
            outputs=f"{{% {_FACTS} %}}",
        )
        step.add_retry()
        return step

    def _write(self, repository: str) -> CallAwsService:
        page = self._pipeline.page("' & $states.input.execution & '")
        step = CallAwsService.jsonata(
            self,
            "write",
            service="codecommit",
            action="postCommentForPullRequest",
            iam_resources=[Stack.of(self).format_arn(service="codecommit", resource=repository)],
            parameters={
                "PullRequestId": "{% $states.input.PULL_REQUEST_ID %}",
                "RepositoryName": repository,
                "BeforeCommitId": "{% $states.input.DESTINATION_COMMIT %}",
                "AfterCommitId": "{% $states.input.SOURCE_COMMIT %}",
                "Content": f"{{% 'Validation **' & ({_OUTCOME}) & '** at '"
                f" & $states.input.SOURCE_COMMIT & ' ([log]({page}))' %}}",
                # Events may come twice, comments may not.
                "ClientRequestToken": "{% $states.input.execution & '-' & $states.input.state %}",
            },
        )
        step.add_retry()
        return step
