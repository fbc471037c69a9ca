"""Buckets and logs, which keep data for a fixed time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy, aws_s3
from aws_cdk.aws_logs import LogGroup, RetentionDays

if TYPE_CHECKING:
    from constructs import Construct


def private_bucket(scope: Construct, construct_id: str) -> aws_s3.Bucket:
    """A bucket that is encrypted, TLS only, never public, and forgets everything after 30 days.

    It outlives the stack: CloudFormation can't delete a bucket with objects in it, emptying it
    would take a Lambda function, and the lifecycle rule empties it anyway.
    """
    forget = aws_s3.LifecycleRule(
        expiration=Duration.days(30), abort_incomplete_multipart_upload_after=Duration.days(1)
    )
    return aws_s3.Bucket(
        scope,
        construct_id,
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=[forget],
    )


def run_log(scope: Construct, construct_id: str, name: str, days: RetentionDays) -> LogGroup:
    """A log that goes with the stack: left behind, its name would stop the next deployment."""
    gone = RemovalPolicy.DESTROY
    return LogGroup(scope, construct_id, log_group_name=name, retention=days, removal_policy=gone)
