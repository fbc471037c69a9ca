"""A CodeBuild project that runs one nox session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_codebuild as codebuild

from acknowledgements import acknowledge, acknowledge_wildcards
from run_log import RunLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from settings import Settings


class BuildProject(codebuild.PipelineProject):
    """Calls the session that NOXSESSION names, through the buildspec that all projects share."""

    def __init__(  # noqa: PLR0913 - CDK's own three, and three by keyword
        self,
        scope: Construct,
        construct_id: str,
        settings: Settings,
        *,
        variables: Mapping[str, str],
        cache: codebuild.Cache | None = None,
        reports: bool = True,
    ) -> None:
        """`variables` are the build's environment; `reports`: the session writes some."""
        name = f"{settings.name}-{construct_id}"
        log = RunLog(scope, f"{construct_id}-log", f"/aws/codebuild/{name}", settings)
        super().__init__(
            scope,
            construct_id,
            project_name=name,
            build_spec=codebuild.BuildSpec.from_source_filename("buildspec.yml"),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                compute_type=codebuild.ComputeType.SMALL,
                privileged=False,
                environment_variables=plain(variables),
            ),
            timeout=Duration.minutes(30),
            cache=cache,
            grant_report_group_permissions=reports,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log)
            ),
        )
        self._acknowledge(reports=reports)

    def _acknowledge(self, *, reports: bool) -> None:
        acknowledge(self, "CB4", "S3's own key encrypts; one of ours would cost more than a month.")
        stack = Stack.of(self)
        log = stack.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"/aws/codebuild/{self.project_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        acknowledge_wildcards(self, "A log's streams have no names yet.", resources=[log])
        if reports:
            groups = stack.format_arn(
                service="codebuild", resource="report-group", resource_name=f"{self.project_name}-*"
            )
            acknowledge_wildcards(
                self, "Buildspec.yml names the report groups.", resources=[groups]
            )


def plain(variables: Mapping[str, str]) -> dict[str, codebuild.BuildEnvironmentVariable]:
    """Environment variables in clear text: there is no secret among them."""
    return {
        name: codebuild.BuildEnvironmentVariable(value=value) for name, value in variables.items()
    }
