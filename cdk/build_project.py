"""A CodeBuild project that runs one nox session, under a role of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild

from build_role import BuildRole
from buildspec import build_spec
from storage import private_bucket, run_log

if TYPE_CHECKING:
    from aws_cdk import Stack, aws_s3

    from buildspec import Product
    from settings import Settings


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a project's builds do: the session, the artifacts that it takes, and what it makes.

    `takes` begins with the source. `variables` are the builds' own, besides the pipeline's.
    """

    session: str
    takes: tuple[str, ...] = ("source",)
    makes: tuple[Product, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def leaves(self) -> tuple[str, ...]:
        """The artifacts that later actions may take."""
        return ("dist",) if "artifacts" in self.makes else ()


class BuildProject(codebuild.PipelineProject):
    """Runs its task's session, by the one buildspec of all projects.

    Its role may read and write what the task takes and leaves, and no other artifact.
    """

    def __init__(
        self,
        stack: Stack,
        construct_id: str,
        *,
        settings: Settings,
        artifacts: aws_s3.IBucket,
        task: Task,
    ) -> None:
        """`artifacts` is the bucket of its pipeline."""
        name = f"{settings.name}-{construct_id}"
        path = f"/aws/codebuild/{name}"
        log = run_log(stack, f"{construct_id}-log", path, settings.log_retention)
        cache = private_bucket(stack, "cache") if "cache" in task.makes else None
        role = BuildRole(stack, f"{construct_id}-role", repository=settings.repository, log=log)
        role.use_artifacts(artifacts, read=task.takes, write=task.leaves)
        if "reports" in task.makes:
            role.write_reports(name)
        if cache:
            cache.grant_read_write(role)
        super().__init__(
            stack,
            construct_id,
            project_name=name,
            # What CDK would grant is for whole buckets.
            role=role.without_policy_updates(),
            build_spec=build_spec(task.makes),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                compute_type=codebuild.ComputeType.SMALL,
                privileged=False,
            ),
            environment_variables=plain({"NOXSESSION": task.session, **task.variables}),
            timeout=Duration.minutes(30),
            cache=codebuild.Cache.bucket(cache) if cache else None,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log)
            ),
        )
        self.name = name
        self.task = task
        self.build_role = role
        self.artifacts = artifacts
        self.cache_bucket = cache


def plain(variables: dict[str, str]) -> dict[str, codebuild.BuildEnvironmentVariable]:
    """Environment variables in clear text: there is no secret among them."""
    return {key: codebuild.BuildEnvironmentVariable(value=text) for key, text in variables.items()}
