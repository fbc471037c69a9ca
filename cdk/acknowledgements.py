"""Findings of cdk-nag that we accept: each with its exact id and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aws_cdk import Acknowledgment, CfnElement, Stack, Validations, aws_s3

from build_project import BuildProject
from commit_pipeline import CommitPipeline
from outcome_machine import OutcomeMachine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import IConstruct

_WHOLE_BUCKET = (
    *("Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*"),
    *("Action::s3:Abort*", "Action::s3:DeleteObject*"),
)


def acknowledge_findings(stack: Stack) -> None:
    """Tell cdk-nag of them; any other finding, or one elsewhere, still fails the synthesis."""
    for construct, finding, reason in _findings(stack):
        Validations.of(construct).acknowledge(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
        )


def _findings(stack: Stack) -> Iterator[tuple[IConstruct, str, str]]:
    """Where it is found, what is found, and why it stays."""
    notifications = stack.node.find_child("notifications")
    yield notifications, "SQS3", "It is a dead-letter queue, of the rules' targets."
    for construct in stack.node.children:
        if isinstance(construct, aws_s3.Bucket):
            yield construct, "S1", "Only machines use it; their own logs tell what they did."
        elif isinstance(construct, CommitPipeline):
            reason = "CDK grants a pipeline all of its own bucket, where nothing else is kept."
            for wildcard in (*_WHOLE_BUCKET, f"Resource::{_arn(construct.artifacts)}/*"):
                yield construct, f"IAM5[{wildcard}]", reason
        elif isinstance(construct, BuildProject):
            yield from _of_project(construct)
        elif isinstance(construct, OutcomeMachine):
            yield construct, "SF2", "A few calls in a row, all in the log, leave nothing to trace."
            yield construct, "IAM5[Resource::*]", "Log delivery knows no narrower resource."


def _of_project(project: BuildProject) -> Iterator[tuple[IConstruct, str, str]]:
    yield project, "CB4", "S3's own key serves; one of ours would cost more than the builds."
    bucket = _arn(project.artifacts)
    for artifact in {*project.task.takes, *project.task.leaves}:
        wildcard = f"IAM5[Resource::{bucket}/*/{artifact}/*]"
        yield project.build_role, wildcard, "AWS makes up the rest of the key at run time."
    if project.task.cache:
        reason = "CDK grants a project all of its own cache, where nothing else is kept."
        for wildcard in (*_WHOLE_BUCKET, f"Resource::{_arn(project.task.cache)}/*"):
            yield project.build_role, f"IAM5[{wildcard}]", reason
    if project.task.reports:
        stack = Stack.of(project)
        where = f"arn:{stack.resolve(stack.partition)}:codebuild:{stack.region}:<AWS::AccountId>"
        groups = f"IAM5[Resource::{where}:report-group/{project.name}-*]"
        yield project.build_role, groups, "buildspec.yml names the report groups."


def _arn(bucket: aws_s3.IBucket) -> str:
    """A reference to the bucket's ARN as cdk-nag spells it."""
    element = cast("CfnElement", bucket.node.default_child)
    return f"<{Stack.of(bucket).resolve(element.logical_id)}.Arn>"
