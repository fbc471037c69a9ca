"""The infrastructure: two pipelines, what starts them, and who hears of their outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack, aws_codebuild, aws_events, aws_iam, aws_secretsmanager
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk.aws_codepipeline_actions import ManualApprovalAction

from build_project import BuildProject
from commit_pipeline import CommitPipeline
from notifications import Notifications
from pull_request_comment import PullRequestComment
from storage import private_bucket

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
        variables = {
            "SOURCE_COMMIT": "$.detail.sourceCommit",
            "DESTINATION_COMMIT": "$.detail.destinationCommit",
            "PULL_REQUEST_ID": "$.detail.pullRequestId",
        }
        # In any other mode one pull request pushes out or holds up another.
        mode = codepipeline.ExecutionMode.PARALLEL
        pipeline = CommitPipeline(self, "pull-requests", self._settings, mode, variables)
        # What a pull request leaves in this cache, no release may find.
        cache = aws_codebuild.Cache.bucket(private_bucket(self, "cache"))
        session = {"NOXSESSION": "pr"}
        project = BuildProject(self, "pr-validation", self._settings, session, cache)
        pipeline.add_build("Validate", project)
        pattern: dict[str, object] = {
            "event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"],
            "repositoryNames": [self._settings.repository],
            "destinationReference": [f"refs/heads/{self._settings.branch}"],
            "pullRequestStatus": ["Open"],
            "isMerged": ["False"],
        }
        undelivered = self._notifications.undelivered
        pipeline.start_on("CodeCommit Pull Request State Change", pattern, undelivered)
        PullRequestComment(self, self._settings, pipeline).start_on_outcome(self._notifications)

    def _release_tags(self) -> None:
        variables = {"SOURCE_COMMIT": "$.detail.commitId", "RELEASE_TAG": "$.detail.referenceName"}
        mode = codepipeline.ExecutionMode.QUEUED
        pipeline = CommitPipeline(self, "releases", self._settings, mode, variables)
        release = self._release_project(pipeline)
        dist = codepipeline.Artifact("dist")
        pipeline.add_build("Build", release, makes=dist)
        if self._settings.manual_approval:
            topic = self._notifications.topic
            approve = ManualApprovalAction(action_name="Approve", notification_topic=topic)
            pipeline.add_stage(stage_name="Approval", actions=[approve])
        pipeline.add_build("Publish", self._publish_project(), takes=dist)
        # Verifying installs and runs the package, so it does without the publisher's role.
        pipeline.add_build("Verify", release, {"NOXSESSION": "verify"}, takes=dist)
        pattern: dict[str, object] = {
            # A tag that was moved is a referenceUpdated, and is not released again.
            "event": ["referenceCreated"],
            "repositoryName": [self._settings.repository],
            "referenceType": ["tag"],
            "referenceName": aws_events.Match.prefix("v"),
        }
        undelivered = self._notifications.undelivered
        pipeline.start_on("CodeCommit Repository State Change", pattern, undelivered)
        page = pipeline.page(aws_events.EventField.from_path("$.detail.execution-id"))
        self._notifications.send("failed", pipeline.ended("FAILED"), f"Release failed: {page}")

    def _release_project(self, pipeline: CommitPipeline) -> BuildProject:
        variables = {"NOXSESSION": "release", "RELEASE_BRANCH": self._settings.branch}
        project = BuildProject(self, "release", self._settings, variables)
        # Build runs what is not ours. CDK's grant is for the whole bucket: without this it could
        # give Publish, which reads the token, another source. Keys are <pipeline>/<artifact>/….
        only_dist = aws_iam.PolicyStatement(
            effect=aws_iam.Effect.DENY,
            actions=["s3:PutObject*", "s3:DeleteObject*"],
            not_resources=[pipeline.artifacts.arn_for_objects("*/dist/*")],
        )
        project.add_to_role_policy(only_dist)
        return project

    def _publish_project(self) -> BuildProject:
        name = self._settings.secret
        variables = {"NOXSESSION": "publish", "PYPI_SECRET_ID": name}
        project = BuildProject(self, "publish", self._settings, variables)
        aws_secretsmanager.Secret.from_secret_name_v2(self, "token", name).grant_read(project)
        return project
