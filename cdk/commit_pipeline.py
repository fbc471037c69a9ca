"""A pipeline that runs at the commit it is started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk.aws_codecommit import Repository
from aws_cdk.aws_events import EventPattern, Rule

from acknowledgements import acknowledge_bucket
from build_project import plain
from private_bucket import PrivateBucket
from start_pipeline import SOURCE_ACTION, StartPipeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk.aws_s3 import IBucket
    from aws_cdk.aws_sqs import IQueue
    from constructs import Construct

    from build_project import BuildProject
    from settings import Settings


class CommitPipeline(codepipeline.Pipeline):
    """Source, then whatever is added; started by events, never by a branch's movement.

    One role serves the pipeline and its actions: they do nothing but fetch, start builds and wait.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: Settings,
        *,
        mode: codepipeline.ExecutionMode,
        variables: Mapping[str, str],
    ) -> None:
        """`variables` are the pipeline's, each with its path in the event that starts it.

        Every build gets them in its environment. SOURCE_COMMIT is one of them, and none has a
        default: a start by hand has to name its commit as well.
        """
        # Each pipeline has a bucket of its own, as CDK's grants are for whole buckets.
        bucket = PrivateBucket(scope, f"{construct_id}-artifacts")
        self.name = f"{settings.name}-{construct_id}"
        self.artifacts: IBucket = bucket
        super().__init__(
            scope,
            construct_id,
            pipeline_name=self.name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=mode,
            artifact_bucket=bucket,
            cross_account_keys=False,
            use_pipeline_role_for_actions=True,
            variables=[codepipeline.Variable(variable_name=name) for name in variables],
        )
        acknowledge_bucket(self, bucket, writes=True)
        self._region = settings.region
        self._paths = variables
        self._source = codepipeline.Artifact("source")
        self._add_source(settings)

    def _add_source(self, settings: Settings) -> None:
        source = actions.CodeCommitSourceAction(
            action_name=SOURCE_ACTION,
            repository=Repository.from_repository_name(self, "repository", settings.repository),
            branch=settings.branch,
            output=self._source,
            trigger=actions.CodeCommitTrigger.NONE,
            # A zip would have neither tags nor history.
            code_build_clone_output=True,
        )
        self.add_stage(stage_name=SOURCE_ACTION, actions=[source])

    def add_build(
        self,
        stage: str,
        project: BuildProject,
        *,
        session: str | None = None,
        inputs: Sequence[codepipeline.Artifact] = (),
        outputs: Sequence[codepipeline.Artifact] = (),
    ) -> None:
        """A stage of one build; `inputs` join the source; `session` replaces the project's own."""
        environment = {name: f"#{{variables.{name}}}" for name in self._paths}
        if session:
            environment["NOXSESSION"] = session
        build = actions.CodeBuildAction(
            action_name=stage,
            project=project,
            input=self._source,
            extra_inputs=list(inputs),
            outputs=list(outputs),
            environment_variables=plain(environment),
        )
        self.add_stage(stage_name=stage, actions=[build])
        acknowledge_bucket(project, self.artifacts, writes=bool(outputs))

    def start_on(
        self, detail_type: str, detail: Mapping[str, object], *, dead_letter_queue: IQueue
    ) -> None:
        """Start at the commit of each CodeCommit event that has these details."""
        target = StartPipeline(
            self,
            commit=self._paths["SOURCE_COMMIT"],
            variables=self._paths,
            dead_letter_queue=dead_letter_queue,
        )
        Rule(
            self,
            "trigger",
            event_pattern=EventPattern(
                source=["aws.codecommit"], detail_type=[detail_type], detail=detail
            ),
            targets=[target],
        )

    def ended(self, *states: str) -> EventPattern:
        """The events that tell of an execution's end in one of these states."""
        return EventPattern(
            source=["aws.codepipeline"],
            detail_type=["CodePipeline Pipeline Execution State Change"],
            detail={"pipeline": [self.name], "state": list(states)},
        )

    def page(self, execution: str) -> str:
        """Where a person reads what an execution did; `execution` is its id."""
        return (
            f"https://{self._region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/"
            f"{self.name}/executions/{execution}/timeline"
        )
