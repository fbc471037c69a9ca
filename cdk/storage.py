"""What outlasts a run, for a fixed time: artifacts, caches, logs."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Stack, aws_logs, aws_s3


def private_bucket(stack: Stack, construct_id: str) -> aws_s3.Bucket:
    """A bucket that is encrypted, TLS only, never public, and forgets everything after 30 days.

    It outlives the stack: CloudFormation can't delete a bucket with objects in it, emptying it
    would take a Lambda function, and the lifecycle rule empties it anyway.
    """
    forget = aws_s3.LifecycleRule(
        expiration=Duration.days(30), abort_incomplete_multipart_upload_after=Duration.days(1)
    )
    return aws_s3.Bucket(
        stack,
        construct_id,
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=RemovalPolicy.RETAIN,
        lifecycle_rules=[forget],
    )


def run_log(stack: Stack, name: str, retention: aws_logs.RetentionDays) -> aws_logs.LogGroup:
    """A log that goes with the stack: left behind, its name would stop the next deployment."""
    return aws_logs.LogGroup(
        stack,
        f"log{name}",
        log_group_name=name,
        retention=retention,
        removal_policy=RemovalPolicy.DESTROY,
    )
