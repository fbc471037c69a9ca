"""The rules that start a pipeline: for CodeCommit's events, or a schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import aws_events
from aws_cdk.aws_codepipeline import ExecutionMode

if TYPE_CHECKING:
    from settings import Settings


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """Starts a pipeline with these variables, beside or after an earlier execution.

    It is an event's pattern or a schedule. Each variable has its path in the event. Let paths lead
    to ids and names only: a title may hold quotes, or a `#{…}` that CodePipeline would resolve.
    """

    pattern: aws_events.EventPattern | None = None
    schedule: aws_events.Schedule | None = None
    variables: dict[str, str] = field(default_factory=dict)
    mode: ExecutionMode = ExecutionMode.QUEUED


def pull_requests(settings: Settings) -> Trigger:
    """A pull request into the branch was made, or its source branch was updated."""
    detail: dict[str, object] = {
        "event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"],
        "repositoryNames": [settings.repository],
        "destinationReference": [f"refs/heads/{settings.branch}"],
        "pullRequestStatus": ["Open"],
        "isMerged": ["False"],
    }
    return Trigger(
        pattern=_codecommit("CodeCommit Pull Request State Change", detail),
        variables={
            "SOURCE_COMMIT": "$.detail.sourceCommit",
            "DESTINATION_COMMIT": "$.detail.destinationCommit",
            "PULL_REQUEST_ID": "$.detail.pullRequestId",
        },
        # In any other mode one pull request pushes out or holds up another.
        mode=ExecutionMode.PARALLEL,
    )


def version_tags(settings: Settings) -> Trigger:
    """A tag v… was pushed. A tag that was moved is a referenceUpdated, and starts nothing."""
    detail: dict[str, object] = {
        "event": ["referenceCreated"],
        "repositoryName": [settings.repository],
        "referenceType": ["tag"],
        "referenceName": aws_events.Match.prefix("v"),
    }
    return Trigger(
        pattern=_codecommit("CodeCommit Repository State Change", detail),
        # Of an annotated tag, SOURCE_COMMIT may be the tag object's id: AWS does not say.
        variables={"SOURCE_COMMIT": "$.detail.commitId", "RELEASE_TAG": "$.detail.referenceName"},
    )


def clock(expression: str) -> Trigger:
    """A schedule expression's time has come; there is no event, so there are no variables."""
    return Trigger(schedule=aws_events.Schedule.expression(expression))


def _codecommit(kind: str, detail: dict[str, object]) -> aws_events.EventPattern:
    return aws_events.EventPattern(source=["aws.codecommit"], detail_type=[kind], detail=detail)
