"""A rule's target that starts a pipeline with the event's commit as a variable."""

from __future__ import annotations

import jsii
from aws_cdk import Duration, aws_codepipeline, aws_events, aws_events_targets, aws_sqs, interfaces


@jsii.implements(aws_events.IRuleTarget)
class StartPipeline:
    """Starts it with variables; CDK's own target takes no input."""

    def __init__(
        self, pipeline: aws_codepipeline.IPipeline, queue: aws_sqs.IQueue, variables: dict[str, str]
    ) -> None:
        """`variables` are the pipeline's, each with its path in the event.

        What can't be delivered goes to `queue`.
        """
        self._target = aws_events_targets.CodePipeline(
            pipeline, dead_letter_queue=queue, max_event_age=Duration.hours(2), retry_attempts=24
        )
        values = [
            {"name": name, "value": aws_events.EventField.from_path(path)}
            for name, path in variables.items()
        ]
        # AWS refuses an empty list of variables.
        self._input = (
            aws_events.RuleTargetInput.from_object({"variables": values}) if values else None
        )

    @jsii.member(jsii_name="bind")
    def bind(
        self,
        rule: interfaces.aws_events.IRuleRef,
        id: str | None = None,  # noqa: A002 - the interface's own name for it
    ) -> aws_events.RuleTargetConfig:
        """CDK's target, with the input added."""
        bound = self._target.bind(rule, id)
        return aws_events.RuleTargetConfig(
            arn=bound.arn,
            role=bound.role,
            dead_letter_config=bound.dead_letter_config,
            retry_policy=bound.retry_policy,
            input=self._input,
        )
