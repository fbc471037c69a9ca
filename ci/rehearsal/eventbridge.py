"""Events, the rules that they match, and what a rule's target is given.

The documents in events/ are those that the EventBridge and CodeCommit guides publish; only their
particulars are replaced. The transformation follows the EventBridge guide's "Amazon EventBridge
input transformation".
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from moto.events.models import EventPattern

from ci.errors import UserError
from ci.rehearsal.api import check_request

if TYPE_CHECKING:
    from ci.rehearsal.cloudformation import Template

_EVENTS = Path(__file__).parent / "events"
_NASTY = 'quotes " and \\ and #{variables.SOURCE_COMMIT} and <commit>\nand a line'


@dataclass(frozen=True)
class PullRequest:
    """A pull request: its number, the branch it goes into, and both ends."""

    number: int
    branch: str
    source_commit: str
    destination_commit: str


def tag_created(template: Template, *, repository: str, tag: str, commit: str) -> dict[str, Any]:
    """The event of a pushed tag; `commit` is what CodeCommit says that the tag points to."""
    return codecommit_event(
        template,
        "tag-created",
        repository,
        repositoryName=repository,
        referenceName=tag,
        referenceFullName=f"refs/tags/{tag}",
        commitId=commit,
    )


def pull_request(
    template: Template, name: str, *, repository: str, request: PullRequest
) -> dict[str, Any]:
    """The event `name` (a file in events/) of that pull request.

    Its title and description hold what has broken pipelines that passed them on.
    """
    return codecommit_event(
        template,
        name,
        repository,
        repositoryNames=[repository],
        pullRequestId=str(request.number),
        destinationReference=f"refs/heads/{request.branch}",
        sourceCommit=request.source_commit,
        destinationCommit=request.destination_commit,
        title=_NASTY,
        description=_NASTY,
    )


def codecommit_event(
    template: Template, name: str, repository: str, **detail: object
) -> dict[str, Any]:
    """The document `name` of events/, as that repository would send it, with that `detail`."""
    event: dict[str, Any] = json.loads((_EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    arn = template.arn_of("codecommit", repository)
    event |= {"region": template.region, "account": template.account, "resources": [arn]}
    event["detail"] |= detail
    return event


def execution_ended(
    template: Template, pipeline: str, execution: str, state: str, trigger: str
) -> dict[str, Any]:
    """The event "CodePipeline Pipeline Execution State Change" of an execution's end.

    `state` is such as "FAILED"; `trigger` is what started it, such as "CreatePipeline".
    Each event has its own id.
    """
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "source": "aws.codepipeline",
        "account": template.account,
        "time": "2026-01-01T00:00:00Z",
        "region": template.region,
        "resources": [template.arn_of("codepipeline", pipeline)],
        "detail": {
            "pipeline": pipeline,
            "execution-id": execution,
            "execution-trigger": {"trigger-type": trigger, "trigger-detail": ""},
            "state": state,
            "version": 1,
        },
    }


def matching_targets(template: Template, event: dict[str, Any]) -> list[dict[str, Any]]:
    """The targets of every enabled rule whose pattern matches the event."""
    return [
        target
        for rule in template.resources("AWS::Events::Rule").values()
        if rule.get("State", "ENABLED") == "ENABLED" and "EventPattern" in rule
        if EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(
            cast("Any", copy.deepcopy(event))
        )
        for target in rule["Targets"]
    ]


def scheduled_targets(template: Template) -> list[dict[str, Any]]:
    """The targets of every enabled rule that a clock sets off."""
    return [
        target
        for rule in template.resources("AWS::Events::Rule").values()
        if rule.get("State", "ENABLED") == "ENABLED" and "ScheduleExpression" in rule
        for target in rule["Targets"]
    ]


def transformed(target: dict[str, Any], event: dict[str, Any]) -> str:
    """What the target is given: the event as its input transformer, or its fixed input, says."""
    transformer = target.get("InputTransformer")
    if transformer is None:
        return str(target.get("Input", json.dumps(event)))
    found = {
        name: value
        for name, path in transformer.get("InputPathsMap", {}).items()
        if (value := _at(event, path)) is not None
    }

    def replaced(match: re.Match[str]) -> str:
        if match["name"] is not None:  # outside of quotes: a string gets quotes of its own
            return json.dumps(found[match["name"]]) if match["name"] in found else match[0]
        return re.sub(r"<([\w.-]+)>", lambda inner: str(found.get(inner[1], inner[0])), match[0])

    return re.sub(r'"[^"]*"|<(?P<name>[\w.-]+)>', replaced, transformer["InputTemplate"])


def _at(event: dict[str, Any], path: str) -> Any:  # noqa: ANN401 - whatever is there
    value: Any = event
    for key in path.removeprefix("$").strip(".").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def start_request(target: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """The StartPipelineExecution that EventBridge makes of the event.

    Raises UserError when CodePipeline would not accept it: EventBridge then drops the event.
    """
    takes_input = "InputTransformer" in target or "Input" in target
    text = (
        transformed(target, event) if takes_input else "{}"
    )  # of the event itself it takes nothing
    try:
        request = {"name": target["Arn"].rpartition(":")[2], **json.loads(text)}
    except ValueError as error:
        raise _rejected(f"{text!r} is no JSON ({error})") from None
    check_request("codepipeline", "StartPipelineExecution", request)
    return request


def _rejected(why: str) -> UserError:
    return UserError(
        "rehearsal-request",
        f"the request that the template makes from the event is refused: {why}",
        "correct the target's input in cdk/",
    )
