"""The infrastructure: two pipelines, what starts them, and who hears of their outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk.aws_codebuild import Cache
from aws_cdk.aws_codepipeline_actions import ManualApprovalAction
from aws_cdk.aws_events import EventField, Match
from aws_cdk.aws_secretsmanager import Secret

from acknowledgements import acknowledge_bucket
from build_project import BuildProject
from commit_pipeline import CommitPipeline
from notifications import Notifications
from private_bucket import PrivateBucket
from pull_request_comment import PullRequestComment

if TYPE_CHECKING:
    from constructs import Construct

    from settings import Settings


class PipelineStack(Stack):
    """Validates every pull request at its commit, publishes every version tag at its commit."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        """All that is particular to one package is in its settings."""
        super().__init__(
            scope,
            f"{settings.name}-pipeline",
            env=Environment(region=settings.region),
            description=f"Validates and publishes {settings.name}",
        )
        self._settings = settings
        self._notifications = Notifications(
            self, "notifications", email=settings.notification_email
        )
        self._validate_pull_requests()
        self._release_tags()

    def _validate_pull_requests(self) -> None:
        settings = self._settings
        pipeline = CommitPipeline(
            self,
            "pull-requests",
            settings,
            # Any other mode lets one pull request push out or hold up another.
            mode=codepipeline.ExecutionMode.PARALLEL,
            variables={
                "SOURCE_COMMIT": "$.detail.sourceCommit",
                "DESTINATION_COMMIT": "$.detail.destinationCommit",
                "PULL_REQUEST_ID": "$.detail.pullRequestId",
            },
        )
        # What a pull request leaves in this cache, no release may find.
        cache = PrivateBucket(self, "cache")
        project = BuildProject(
            self,
            "pr-validation",
            settings,
            variables={"NOXSESSION": "pr"},
            cache=Cache.bucket(cache),
        )
        acknowledge_bucket(project, cache, writes=True)
        pipeline.add_build("Validate", project)
        pipeline.start_on(
            "CodeCommit Pull Request State Change",
            {
                "event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"],
                "repositoryNames": [settings.repository],
                "destinationReference": [f"refs/heads/{settings.branch}"],
                "pullRequestStatus": ["Open"],
                "isMerged": ["False"],
            },
            dead_letter_queue=self._notifications.dead_letters,
        )
        PullRequestComment(self, "pr-comment", settings, pipeline, self._notifications)

    def _release_tags(self) -> None:
        settings = self._settings
        pipeline = CommitPipeline(
            self,
            "releases",
            settings,
            mode=codepipeline.ExecutionMode.QUEUED,
            variables={
                "SOURCE_COMMIT": "$.detail.commitId",
                "RELEASE_TAG": "$.detail.referenceName",
            },
        )
        release = self._release_project(pipeline)
        dist = codepipeline.Artifact("dist")
        pipeline.add_build("Build", release, outputs=[dist])
        if settings.manual_approval:
            self._add_approval(pipeline)
        pipeline.add_build("Publish", self._publish_project(), inputs=[dist])
        # Verifying installs and runs the package, so it does without the publisher's role.
        pipeline.add_build("Verify", release, session="verify", inputs=[dist])
        pipeline.start_on(
            "CodeCommit Repository State Change",
            {
                # A tag that was moved is a referenceUpdated, and is not released again.
                "event": ["referenceCreated"],
                "repositoryName": [settings.repository],
                "referenceType": ["tag"],
                "referenceName": Match.prefix("v"),
            },
            dead_letter_queue=self._notifications.dead_letters,
        )
        self._notifications.send(
            "release-failed",
            pipeline.ended("FAILED"),
            f"A release of {settings.name} failed: "
            f"{pipeline.page(EventField.from_path('$.detail.execution-id'))}",
        )

    def _release_project(self, pipeline: CommitPipeline) -> BuildProject:
        settings = self._settings
        project = BuildProject(
            self,
            "release",
            settings,
            variables={"NOXSESSION": "release", "RELEASE_BRANCH": settings.branch},
        )
        # Build runs what is not ours. CDK's grant is for the whole bucket: without this it could
        # give Publish, which reads the token, another source. Keys are <pipeline>/<artifact>/….
        project.add_to_role_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=["s3:PutObject*", "s3:DeleteObject*"],
                not_resources=[pipeline.artifacts.arn_for_objects("*/dist/*")],
            )
        )
        return project

    def _publish_project(self) -> BuildProject:
        secret = Secret.from_secret_name_v2(self, "token", self._settings.secret)
        project = BuildProject(
            self,
            "publish",
            self._settings,
            variables={"NOXSESSION": "publish", "PYPI_SECRET_ID": self._settings.secret},
            reports=False,
        )
        secret.grant_read(project)
        return project

    def _add_approval(self, pipeline: CommitPipeline) -> None:
        pipeline.add_stage(
            stage_name="Approval",
            actions=[
                ManualApprovalAction(
                    action_name="Approve", notification_topic=self._notifications.topic
                )
            ],
        )
