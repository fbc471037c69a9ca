"""What people are told of an event: comments under pull requests, and messages of SNS topics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ci.rehearsal.eventbridge import matching_targets, transformed
from ci.rehearsal.stepfunctions import calls

if TYPE_CHECKING:
    from ci.rehearsal.cloudformation import Template
    from ci.rehearsal.stepfunctions import Ended

_TOPIC = "AWS::SNS::Topic"


@dataclass(frozen=True)
class Notification:
    """`text` as it would be sent, and whom to: "pull request 7", or a topic's name."""

    to: str
    text: str


def notifications(template: Template, event: dict[str, Any], ended: Ended) -> list[Notification]:
    """All that the event of an execution's end sends.

    Raises UserError when a role lacks a right, or a service would refuse the request.
    """
    topics = {template.arn(name): template.name(name) for name in template.resources(_TOPIC)}
    found = []
    for target in matching_targets(template, event):
        if target["Arn"] in topics:
            found.append(Notification(topics[target["Arn"]], transformed(target, event)))
        elif ":stateMachine:" in target["Arn"]:
            for call in calls(template, target, event, ended):
                asked = call.arguments
                if call.operation == "postCommentForPullRequest":
                    found.append(
                        Notification(f"pull request {asked['PullRequestId']}", asked["Content"])
                    )
                elif call.operation == "publish":
                    found.append(Notification(topics[asked["TopicArn"]], asked["Message"]))
    return found
