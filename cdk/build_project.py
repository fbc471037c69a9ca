"""A CodeBuild project that runs nox sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_codebuild as codebuild

from storage import run_log

if TYPE_CHECKING:
    from settings import Settings


class BuildProject(codebuild.PipelineProject):
    """Calls the session that NOXSESSION names, through the buildspec that all projects share."""

    def __init__(
        self,
        stack: Stack,
        construct_id: str,
        settings: Settings,
        variables: dict[str, str],
        cache: codebuild.Cache | None = None,
    ) -> None:
        """`variables` are the build's environment.

        Every build may make report groups of its own, also one that writes no reports:
        buildspec.yml names some, and AWS does not say whether CodeBuild makes them all the same.
        """
        name = f"{settings.name}-{construct_id}"
        log = run_log(
            stack, f"{construct_id}-log", f"/aws/codebuild/{name}", settings.log_retention
        )
        super().__init__(
            stack,
            construct_id,
            project_name=name,
            build_spec=codebuild.BuildSpec.from_source_filename("buildspec.yml"),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                compute_type=codebuild.ComputeType.SMALL,
                privileged=False,
            ),
            environment_variables=plain(variables),
            timeout=Duration.minutes(30),
            cache=cache,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log)
            ),
        )


def plain(variables: dict[str, str]) -> dict[str, codebuild.BuildEnvironmentVariable]:
    """Environment variables in clear text: there is no secret among them."""
    return {key: codebuild.BuildEnvironmentVariable(value=text) for key, text in variables.items()}
