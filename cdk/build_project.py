"""A CodeBuild project that runs one nox session, under a role of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild

from build_role import BuildRole
from buildspec import build_spec
from storage import run_log

if TYPE_CHECKING:
    from aws_cdk import Stack, aws_s3

    from settings import Settings


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a project's builds do: the session, what it takes, and what it makes.

    `takes` are artifacts, the source first. `artifact` is what buildspec.yml calls the one that it
    leaves, `leaves` the names under which later actions take it. `variables` are the builds' own,
    besides the pipeline's; what a build `exports`, later actions can read. `cache` is where builds
    keep what they download.
    """

    session: str
    takes: tuple[str, ...] = ("source",)
    artifact: str | None = None
    leaves: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    exports: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    cache: aws_s3.IBucket | None = None


class BuildProject(codebuild.PipelineProject):
    """Runs its task's session, by the one buildspec of all projects.

    Its role may read and write what the task takes and leaves, and no other artifact.
    """

    def __init__(
        self,
        stack: Stack,
        construct_id: str,
        task: Task,
        *,
        settings: Settings,
        artifacts: aws_s3.IBucket,
    ) -> None:
        """`artifacts` is the bucket of its pipeline."""
        name = f"{settings.name}-{construct_id}"
        path = f"/aws/codebuild/{name}"
        log = run_log(stack, f"{construct_id}-log", path, settings.log_retention)
        role = BuildRole(stack, f"{construct_id}-role", repository=settings.repository, log=log)
        role.use_artifacts(artifacts, read=task.takes, write=task.leaves)
        if task.reports:
            role.write_reports(name)
        if task.cache:
            task.cache.grant_read_write(role)
        super().__init__(
            stack,
            construct_id,
            project_name=name,
            # What CDK would grant is for whole buckets.
            role=role.without_policy_updates(),
            build_spec=build_spec(
                reports=task.reports,
                artifact=task.artifact,
                exports=task.exports,
                cache=task.cache is not None,
            ),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                compute_type=settings.compute.get(construct_id, codebuild.ComputeType.SMALL),
                privileged=False,
            ),
            environment_variables=plain({"NOXSESSION": task.session, **task.variables}),
            timeout=Duration.minutes(settings.timeout_minutes.get(construct_id, 30)),
            cache=(codebuild.Cache.bucket(task.cache, prefix=construct_id) if task.cache else None),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log)
            ),
        )
        self.name = name
        self.task = task
        self.log = log
        self.build_role = role
        self.artifacts = artifacts


def plain(variables: dict[str, str]) -> dict[str, codebuild.BuildEnvironmentVariable]:
    """Environment variables in clear text: there is no secret among them."""
    return {key: codebuild.BuildEnvironmentVariable(value=text) for key, text in variables.items()}
