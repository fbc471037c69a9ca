"""A state machine that starts when a pipeline's execution ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_events, aws_events_targets, aws_iam
from aws_cdk import aws_stepfunctions as sfn

from storage import run_log

if TYPE_CHECKING:
    from pathlib import Path

    from aws_cdk import Stack

    from commit_pipeline import CommitPipeline
    from notifications import Notifications
    from settings import Settings

_FIELDS = {
    "event": "$.id",
    "pipeline": "$.detail.pipeline",
    "execution": "$.detail.execution-id",
    "state": "$.detail.state",
}


class OutcomeMachine(sfn.StateMachine):
    """Calls of the AWS SDK are all it takes, so it is a state machine and no Lambda function.

    No code of a commit runs under its role.
    """

    def __init__(
        self,
        stack: Stack,
        construct_id: str,
        settings: Settings,
        definition: dict[str, Any],
        substitutions: dict[str, str],
    ) -> None:
        """`substitutions` are the values of each `${…}` in the definition."""
        name = f"{settings.name}-{construct_id}"
        path = f"/aws/vendedlogs/states/{name}"
        log = run_log(stack, f"{construct_id}-log", path, settings.log_retention)
        # Step Functions refuses an ARN of another partition; cfn-lint, a substitution in its place.
        text = json.dumps(definition, indent=2).replace('"arn:aws:', f'"arn:{stack.partition}:')
        super().__init__(
            stack,
            construct_id,
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_string(text),
            definition_substitutions=substitutions,
            logs=sfn.LogOptions(
                destination=log, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
        )

    def allow(self, action: str, *resources: str) -> None:
        """Let it call this."""
        self.add_to_role_policy(
            aws_iam.PolicyStatement(actions=[action], resources=list(resources))
        )

    def start_on_end(
        self, construct_id: str, pipeline: CommitPipeline, *states: str, queue: Notifications
    ) -> None:
        """Start it when an execution of the pipeline ends in one of these states."""
        fields = {key: aws_events.EventField.from_path(path) for key, path in _FIELDS.items()}
        fields["page"] = pipeline.page(fields["execution"])
        target = aws_events_targets.SfnStateMachine(
            self,
            input=aws_events.RuleTargetInput.from_object(fields),
            dead_letter_queue=queue.undelivered,
        )
        aws_events.Rule(self, construct_id, event_pattern=pipeline.ended(*states), targets=[target])

    def failed(self) -> aws_events.EventPattern:
        """The events that tell that it failed itself."""
        return aws_events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [self.state_machine_arn], "status": ["FAILED", "TIMED_OUT"]},
        )


def read_definition(file: Path) -> dict[str, Any]:
    """A state machine in Amazon States Language."""
    definition: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return definition
