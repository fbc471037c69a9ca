"""The stack: the pipelines, the rules that start them, and the messages about their outcome."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack, aws_secretsmanager

import events
from announcement import Announcement
from build_project import BuildProject, Task
from commit_pipeline import FAILURES, CommitPipeline
from notifications import Notifications
from pull_request_comment import PullRequestComment
from storage import private_bucket
from validation import add_validation

if TYPE_CHECKING:
    from constructs import Construct

    from settings import Settings

_DIST = ("source", "dist")
# What Check and Build made; Publish refuses distributions of which these don't agree.
_SUMS = {
    "CHECK_DIST_SHA256": "#{Check.DIST_SHA256}",
    "BUILD_DIST_SHA256": "#{Build.DIST_SHA256}",
}


class PipelineStack(Stack):
    """Validates every pull request at its commit, publishes every version tag at its commit."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        """All that is particular to one package is in its settings."""
        environment = Environment(region=settings.region)
        super().__init__(scope, f"{settings.name}-pipeline", env=environment)
        self._settings = settings
        self._notifications = Notifications(self, settings)
        self._announcement = Announcement(self, settings, self._notifications)
        self._validate_pull_requests()
        self._release_tags()
        if settings.nightly:
            self._run_every_night(settings.nightly)

    def _validate_pull_requests(self) -> None:
        pipeline = self._pipeline("pull-requests", events.pull_requests(self._settings))
        # Releases must never read this cache: what a build leaves there, the next one may run.
        cache = private_bucket(self, "cache")
        add_validation(pipeline, self._projects_of(pipeline), cache, self._settings)
        PullRequestComment(self, self._settings, pipeline, self._notifications)

    def _release_tags(self) -> None:
        settings = self._settings
        pipeline = self._pipeline("releases", events.version_tags(settings))
        project = self._projects_of(pipeline)
        # Their buildspec runs nothing of a commit that is not on this branch.
        merged = {"RELEASE_BRANCH": settings.branch}

        # Check runs tests and tools, which could change what is built beside them: it hands over
        # nothing but a sum to compare with. Build runs nothing but the locked build backend.
        checking = Task(
            session="release", reports=("tests", "coverage"), exports=True, variables=merged
        )
        building = Task(
            session="build", artifact="dist", leaves=("dist",), exports=True, variables=merged
        )
        check, build = project("release", checking), project("build", building)
        publish = self._publisher(project, "publish", settings.secret, merged)
        # It installs and runs the package, so it does without the publisher's role.
        verify = project("verify", Task(session="verify", takes=_DIST, variables=merged))
        projects = [check, build, publish, verify]

        pipeline.add_builds("Build", pipeline.build("Check", check), pipeline.build("Build", build))
        if settings.manual_approval:
            pipeline.add_approval(self._notifications.topic)
        if settings.staging_secret:
            there = {"TWINE_REPOSITORY": "testpypi"}
            staging = self._publisher(project, "staging", settings.staging_secret, merged | there)
            projects.append(staging)
            pipeline.add_builds(
                "Staging",
                pipeline.build("PublishToTestPyPI", staging, _SUMS),
                pipeline.build("VerifyFromTestPyPI", verify, there, run_order=2),
            )
        pipeline.add_builds("Publish", pipeline.build("Publish", publish, _SUMS))
        pipeline.add_builds("Verify", pipeline.build("Verify", verify))

        somebody_listens = settings.notification_email or settings.slack_channel
        states = ("SUCCEEDED", *FAILURES) if somebody_listens else FAILURES
        self._announcement.of(pipeline, projects, *states)

    def _publisher(
        self,
        project: partial[BuildProject],
        construct_id: str,
        secret: str,
        variables: dict[str, str],
    ) -> BuildProject:
        """The project whose builds upload, and may read that secret."""
        variables = {**variables, "PYPI_SECRET_ID": secret}
        made = project(construct_id, Task(session="publish", takes=_DIST, variables=variables))
        token = aws_secretsmanager.Secret.from_secret_name_v2(self, f"{construct_id}-token", secret)
        token.grant_read(made.build_role)
        return made

    def _run_every_night(self, schedule: str) -> None:
        pipeline = self._pipeline("nights", events.clock(schedule))
        # It brings the last green night's dependencies to the next night.
        cache = private_bucket(self, "nightly-cache")
        task = Task(session="nightly", artifact="nightly", leaves=("nightly",), cache=cache)
        nightly = self._projects_of(pipeline)("nightly", task)
        pipeline.add_builds("Nightly", pipeline.build("Nightly", nightly))
        self._announcement.of(pipeline, [nightly], *FAILURES)

    def _pipeline(self, construct_id: str, trigger: events.Trigger) -> CommitPipeline:
        queue = self._notifications.undelivered
        return CommitPipeline(self, construct_id, self._settings, trigger, queue)

    def _projects_of(self, pipeline: CommitPipeline) -> partial[BuildProject]:
        """How the projects of that pipeline are made."""
        artifacts = pipeline.artifacts
        return partial(BuildProject, self, settings=self._settings, artifacts=artifacts)
