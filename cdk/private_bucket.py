"""A bucket for what one pipeline hands from stage to stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3

from acknowledgements import acknowledge

if TYPE_CHECKING:
    from constructs import Construct


class PrivateBucket(s3.Bucket):
    """Encrypted, TLS only, nothing public, everything gone after 30 days.

    It outlives the stack: CloudFormation can't delete a bucket with objects in it, emptying it
    would take a Lambda function, and the lifecycle rule empties it anyway.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """The name is CloudFormation's to choose: bucket names are unique in the whole world."""
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
        )
        acknowledge(self, "S1", "Machines alone read it; an access log would outgrow what it logs.")
