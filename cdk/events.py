"""Which events of CodeCommit start a pipeline, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_events
from aws_cdk.aws_codepipeline import ExecutionMode

if TYPE_CHECKING:
    from settings import Settings


@dataclass(frozen=True)
class Trigger:
    """Which events start a pipeline, with which variables, beside or after an earlier execution.

    Each variable has its path in the event. Let paths lead to ids and names only: a title may hold
    quotes, or a `#{…}` that CodePipeline would resolve.
    """

    pattern: aws_events.EventPattern
    variables: dict[str, str]
    mode: ExecutionMode


def pull_requests(settings: Settings) -> Trigger:
    """A pull request into the branch was made, or its source branch was updated."""
    detail: dict[str, object] = {
        "event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"],
        "repositoryNames": [settings.repository],
        "destinationReference": [f"refs/heads/{settings.branch}"],
        "pullRequestStatus": ["Open"],
        "isMerged": ["False"],
    }
    variables = {
        "SOURCE_COMMIT": "$.detail.sourceCommit",
        "DESTINATION_COMMIT": "$.detail.destinationCommit",
        "PULL_REQUEST_ID": "$.detail.pullRequestId",
    }
    pattern = _codecommit("CodeCommit Pull Request State Change", detail)
    # In any other mode one pull request pushes out or holds up another.
    return Trigger(pattern, variables, ExecutionMode.PARALLEL)


def version_tags(settings: Settings) -> Trigger:
    """A tag v… was pushed. A tag that was moved is a referenceUpdated, and starts nothing."""
    detail: dict[str, object] = {
        "event": ["referenceCreated"],
        "repositoryName": [settings.repository],
        "referenceType": ["tag"],
        "referenceName": aws_events.Match.prefix("v"),
    }
    # Of an annotated tag, SOURCE_COMMIT may be the tag object's id: AWS does not say.
    variables = {"SOURCE_COMMIT": "$.detail.commitId", "RELEASE_TAG": "$.detail.referenceName"}
    pattern = _codecommit("CodeCommit Repository State Change", detail)
    return Trigger(pattern, variables, ExecutionMode.QUEUED)


def _codecommit(kind: str, detail: dict[str, object]) -> aws_events.EventPattern:
    return aws_events.EventPattern(source=["aws.codecommit"], detail_type=[kind], detail=detail)
