"""The role of a project: what its builds must do, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_iam

if TYPE_CHECKING:
    from collections.abc import Collection

    from aws_cdk import aws_logs, aws_s3


class BuildRole(aws_iam.Role):
    """Clones one repository and writes one log; what else a build needs is added by name.

    Its statements are written out here. CDK's own grants are for whole buckets: with them a build
    could list the bucket, and read or overwrite what other executions keep there.
    """

    def __init__(
        self, stack: Stack, construct_id: str, *, repository: str, log: aws_logs.ILogGroup
    ) -> None:
        """`repository` is the name of the one that its builds clone."""
        service = aws_iam.ServicePrincipal("codebuild.amazonaws.com")
        super().__init__(stack, construct_id, assumed_by=service)
        code = stack.format_arn(service="codecommit", resource=repository)
        self._allow("codecommit:GitPull", on=code)
        log.grant_write(self)

    def _allow(self, *actions: str, on: str) -> None:
        self.add_to_policy(aws_iam.PolicyStatement(actions=list(actions), resources=[on]))

    def use_artifacts(
        self, bucket: aws_s3.IBucket, *, read: Collection[str], write: Collection[str]
    ) -> None:
        """Let builds read and write the artifacts of these names, in every execution.

        An artifact's key is `<pipeline>/<artifact>/<random>`.
        """
        self._allow("s3:GetBucketAcl", "s3:GetBucketLocation", on=bucket.bucket_arn)
        for name in read:
            objects = bucket.arn_for_objects(f"*/{name}/*")
            self._allow("s3:GetObject", "s3:GetObjectVersion", on=objects)
        for name in write:
            self._allow("s3:PutObject", on=bucket.arn_for_objects(f"*/{name}/*"))

    def write_reports(self, project: str) -> None:
        """Let builds make the report groups of buildspec.yml: `<project>-<name>`."""
        groups = Stack.of(self).format_arn(
            service="codebuild", resource="report-group", resource_name=f"{project}-*"
        )
        self._allow(
            "codebuild:CreateReportGroup",
            "codebuild:CreateReport",
            "codebuild:UpdateReport",
            "codebuild:BatchPutTestCases",
            "codebuild:BatchPutCodeCoverages",
            on=groups,
        )
