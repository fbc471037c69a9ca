"""What cdk-nag finds in the stack and may stay: each finding by its exact id, with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aws_cdk import Acknowledgment, CfnElement, Stack, Validations

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ = ("Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*")
_WRITE = ("Action::s3:Abort*", "Action::s3:DeleteObject*")

# Whose role uses which bucket, and how.
_BUCKET_USERS = (
    ("pull-requests", "pull-requests-artifacts", _READ + _WRITE),
    ("pr-validation", "pull-requests-artifacts", _READ),
    ("pr-validation", "cache", _READ + _WRITE),
    ("releases", "releases-artifacts", _READ + _WRITE),
    ("release", "releases-artifacts", _READ + _WRITE),
    ("publish", "releases-artifacts", _READ),
)


def acknowledge_findings(stack: Stack) -> None:
    """Tell cdk-nag; what is not told, or found elsewhere as well, still fails the synthesis."""
    for construct, finding, reason in _findings(stack):
        Validations.of(stack.node.find_child(construct)).acknowledge(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
        )


def _findings(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Each a construct's id, what is found there, and why it stays."""
    yield "notifications", "SQS3", "It is a dead-letter queue, of the rules' targets."
    yield "pr-comment", "SF2", "Two calls in a row, both in the log, leave nothing to trace."
    yield "pr-comment", "IAM5[Resource::*]", "Log delivery knows no narrower resource."
    for bucket in ("pull-requests-artifacts", "cache", "releases-artifacts"):
        yield bucket, "S1", "Only machines use it; their own logs tell what they did."
    for project in ("pr-validation", "release", "publish"):
        yield project, "CB4", "S3's own key serves; one of ours would cost more than the builds."
        log = f"log-group:/aws/codebuild/{_id(stack, project, 'Ref')}:*"
        yield project, f"IAM5[{_arn(stack, 'logs', log)}]", "Builds name their log streams."
        groups = f"report-group/{_id(stack, project, 'Ref')}-*"
        yield project, f"IAM5[{_arn(stack, 'codebuild', groups)}]", "buildspec.yml names them."
    for role, bucket, actions in _BUCKET_USERS:
        for wildcard in (*actions, f"Resource::{_id(stack, bucket, 'Arn')}/*"):
            reason = (
                "CDK grants whole buckets; this one has one purpose, and keys made at run time."
            )
            yield role, f"IAM5[{wildcard}]", reason


def _arn(stack: Stack, service: str, resource: str) -> str:
    prefix = f"arn:{stack.resolve(stack.partition)}:{service}:{stack.region}"
    return f"Resource::{prefix}:<AWS::AccountId>:{resource}"


def _id(stack: Stack, construct: str, attribute: str) -> str:
    """A reference as cdk-nag spells it."""
    element = cast("CfnElement", stack.node.find_child(construct).node.default_child)
    name = str(stack.resolve(element.logical_id))
    return f"<{name}>" if attribute == "Ref" else f"<{name}.{attribute}>"
