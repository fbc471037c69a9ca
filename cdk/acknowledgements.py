"""What cdk-nag finds here and may stay, each finding by its exact id and with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Stack, Validations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk.aws_s3 import IBucket
    from constructs import IConstruct

_READ = ("s3:GetBucket*", "s3:GetObject*", "s3:List*")
_WRITE = ("s3:Abort*", "s3:DeleteObject*")


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Let `rule` of AWS Solutions, e.g. "S1", be broken by `construct` and what is in it."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def acknowledge_wildcards(
    construct: IConstruct,
    reason: str,
    *,
    actions: Iterable[str] = (),
    resources: Iterable[str] = (),
) -> None:
    """Let the role in `construct` have these actions and resources, with a `*` in each of them."""
    stack = Stack.of(construct)
    for action in actions:
        acknowledge(construct, f"IAM5[Action::{action}]", reason)
    for resource in resources:
        acknowledge(construct, f"IAM5[Resource::{_spell(stack.resolve(resource))}]", reason)


def acknowledge_bucket(construct: IConstruct, bucket: IBucket, *, writes: bool) -> None:
    """Let the role in `construct` use all of `bucket`, as CDK's grants have it."""
    acknowledge_wildcards(
        construct,
        "The bucket serves one purpose, and its objects get their keys at run time.",
        actions=(*_READ, *_WRITE) if writes else _READ,
        resources=[bucket.arn_for_objects("*")],
    )


def _spell(value: Any) -> str:  # noqa: ANN401 - a resolved token is any JSON
    """An intrinsic function as cdk-nag writes it into its ids."""
    match value:
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(_spell(part) for part in parts)
    return str(value)
