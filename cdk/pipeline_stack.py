"""The infrastructure: two pipelines, what starts them, and who hears of their outcome."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack, aws_events, aws_secretsmanager

import events
from build_project import BuildProject, Task
from commit_pipeline import CommitPipeline
from notifications import Notifications
from pull_request_comment import PullRequestComment

if TYPE_CHECKING:
    from constructs import Construct

    from settings import Settings


class PipelineStack(Stack):
    """Validates every pull request at its commit, publishes every version tag at its commit."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        """All that is particular to one package is in its settings."""
        environment = Environment(region=settings.region)
        super().__init__(scope, f"{settings.name}-pipeline", env=environment)
        self._settings = settings
        self._notifications = Notifications(self, settings.notification_email)
        self._validate_pull_requests()
        self._release_tags()

    def _validate_pull_requests(self) -> None:
        trigger = events.pull_requests(self._settings)
        pipeline = self._pipeline("pull-requests", trigger)
        project = self._projects_of(pipeline)

        validation = project("pr-validation", task=Task(session="pr", makes=("reports", "cache")))
        pipeline.add_builds("Validate", pipeline.build("Validate", validation))

        comment = PullRequestComment(self, self._settings, pipeline)
        comment.start_on_outcome(self._notifications)

    def _release_tags(self) -> None:
        settings = self._settings
        pipeline = self._pipeline("releases", events.version_tags(settings))
        project = self._projects_of(pipeline)
        # Their buildspec runs nothing of a commit that is not on this branch.
        merged = {"RELEASE_BRANCH": settings.branch}

        # Check runs tests and tools, which could change what is built beside them: it hands over
        # nothing but a sum to compare with. Build runs nothing but the locked build backend.
        check = Task(session="release", makes=("reports", "exported-variables"), variables=merged)
        build = Task(session="build", makes=("artifacts", "exported-variables"), variables=merged)
        pipeline.add_builds(
            "Build",
            pipeline.build("Check", project("release", task=check)),
            pipeline.build("Build", project("build", task=build)),
        )

        if settings.manual_approval:
            pipeline.add_approval(self._notifications.topic)

        takes = ("source", "dist")
        secret = {"PYPI_SECRET_ID": settings.secret}
        publish = Task(session="publish", takes=takes, variables=merged | secret)
        publisher = project("publish", task=publish)
        token = aws_secretsmanager.Secret.from_secret_name_v2(self, "token", settings.secret)
        token.grant_read(publisher.build_role)
        sums = {
            "CHECK_DIST_SHA256": "#{Check.DIST_SHA256}",
            "BUILD_DIST_SHA256": "#{Build.DIST_SHA256}",
        }
        pipeline.add_builds("Publish", pipeline.build("Publish", publisher, sums))

        # It installs and runs the package, so it does without the publisher's role.
        verify = Task(session="verify", takes=takes, variables=merged)
        pipeline.add_builds("Verify", pipeline.build("Verify", project("verify", task=verify)))

        page = pipeline.page(aws_events.EventField.from_path("$.detail.execution-id"))
        self._notifications.send("failed", pipeline.ended("FAILED"), f"Release failed: {page}")

    def _pipeline(self, construct_id: str, trigger: events.Trigger) -> CommitPipeline:
        queue = self._notifications.undelivered
        return CommitPipeline(self, construct_id, self._settings, trigger, queue)

    def _projects_of(self, pipeline: CommitPipeline) -> partial[BuildProject]:
        """How the projects of that pipeline are made."""
        artifacts = pipeline.artifacts
        return partial(BuildProject, self, settings=self._settings, artifacts=artifacts)
