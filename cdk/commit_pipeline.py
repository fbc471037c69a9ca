"""A pipeline that runs at the commit it is started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_codecommit, aws_events, aws_iam, aws_sqs
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions

from build_project import BuildProject, plain
from start_pipeline import StartPipeline
from storage import private_bucket

if TYPE_CHECKING:
    from settings import Settings


class CommitPipeline(codepipeline.Pipeline):
    """Source, then whatever is added; started by events, never by a branch's movement.

    One role serves the pipeline and its actions: they do nothing but fetch, start builds and wait.
    """

    def __init__(
        self,
        stack: Stack,
        construct_id: str,
        settings: Settings,
        mode: codepipeline.ExecutionMode,
        variables: dict[str, str],
    ) -> None:
        """`variables` are the pipeline's, and every build's; their values are paths in the event.

        None has a default: a start by hand has to name its commit as well.
        """
        self.name = f"{settings.name}-{construct_id}"
        # A bucket for each pipeline, as CDK's grants are for whole buckets.
        self.artifacts = private_bucket(stack, f"{construct_id}-artifacts")
        super().__init__(
            stack,
            construct_id,
            pipeline_name=self.name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=mode,
            artifact_bucket=self.artifacts,
            cross_account_keys=False,
            use_pipeline_role_for_actions=True,
            variables=[codepipeline.Variable(variable_name=name) for name in variables],
        )
        self._variables = variables
        self._source = codepipeline.Artifact("source")
        self._add_source(settings.repository, settings.branch)

    def _add_source(self, repository: str, branch: str) -> None:
        source = actions.CodeCommitSourceAction(
            action_name="Source",
            repository=aws_codecommit.Repository.from_repository_name(self, "code", repository),
            branch=branch,
            output=self._source,
            trigger=actions.CodeCommitTrigger.NONE,
            # A zip would have neither tags nor history.
            code_build_clone_output=True,
        )
        self.add_stage(stage_name="Source", actions=[source])

    def add_build(
        self,
        stage: str,
        project: BuildProject,
        variables: dict[str, str] | None = None,
        takes: codepipeline.Artifact | None = None,
        makes: codepipeline.Artifact | None = None,
    ) -> None:
        """A stage of one build; `variables` win over the project's."""
        environment = {name: f"#{{variables.{name}}}" for name in self._variables}
        build = actions.CodeBuildAction(
            action_name=stage,
            project=project,
            input=self._source,
            extra_inputs=[takes] if takes else None,
            outputs=[makes] if makes else None,
            environment_variables=plain(environment | (variables or {})),
        )
        self.add_stage(stage_name=stage, actions=[build])

    def start_on(self, kind: str, detail: dict[str, object], undelivered: aws_sqs.IQueue) -> None:
        """Start at the commit of each CodeCommit event of that kind with these details."""
        pattern = aws_events.EventPattern(
            source=["aws.codecommit"], detail_type=[kind], detail=detail
        )
        target = StartPipeline(self, undelivered, self._variables)
        rule = aws_events.Rule(self, "trigger", event_pattern=pattern, targets=[target])
        # CDK's target for pipelines is the one that forgets to let its rule write to the queue.
        rules = {"ArnEquals": {"aws:SourceArn": rule.rule_arn}}
        sender = aws_iam.ServicePrincipal("events.amazonaws.com", conditions=rules)
        undelivered.grant_send_messages(sender)

    def ended(self, *states: str) -> aws_events.EventPattern:
        """The events that tell of an execution's end in one of these states."""
        return aws_events.EventPattern(
            source=["aws.codepipeline"],
            detail_type=["CodePipeline Pipeline Execution State Change"],
            detail={"pipeline": [self.name], "state": list(states)},
        )

    def page(self, execution: str) -> str:
        """Where a person reads what the execution of that id did."""
        console = f"https://{Stack.of(self).region}.console.aws.amazon.com/codesuite/codepipeline"
        return f"{console}/pipelines/{self.name}/executions/{execution}/timeline"
