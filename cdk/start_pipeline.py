"""How an event starts a pipeline at the event's own commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Duration, aws_events, aws_events_targets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk.aws_codepipeline import IPipeline
    from aws_cdk.aws_sqs import IQueue
    from aws_cdk.interfaces.aws_events import IRuleRef

SOURCE_ACTION = "Source"


@jsii.implements(aws_events.IRuleTarget)
class StartPipeline:
    """CDK's own target takes no input, and without one CodePipeline builds the branch's head."""

    def __init__(
        self,
        pipeline: IPipeline,
        *,
        commit: str,
        variables: Mapping[str, str],
        dead_letter_queue: IQueue,
    ) -> None:
        """`commit` and the values of `variables` are paths in the event.

        Let them lead to ids and names only: a title or a description may hold anything, a comment
        in quotes or a `#{…}` that CodePipeline would resolve.
        """
        self._target = aws_events_targets.CodePipeline(
            pipeline,
            dead_letter_queue=dead_letter_queue,
            max_event_age=Duration.hours(2),
            retry_attempts=24,
        )
        self._input = aws_events.RuleTargetInput.from_object(
            {
                "sourceRevisions": [
                    {
                        "actionName": SOURCE_ACTION,
                        "revisionType": "COMMIT_ID",
                        "revisionValue": aws_events.EventField.from_path(commit),
                    }
                ],
                "variables": [
                    {"name": name, "value": aws_events.EventField.from_path(path)}
                    for name, path in variables.items()
                ],
            }
        )

    @jsii.member(jsii_name="bind")
    def bind(
        self,
        rule: IRuleRef,
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
            target_resource=bound.target_resource,
        )
