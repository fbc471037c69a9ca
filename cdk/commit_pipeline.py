"""A pipeline that runs for one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_codecommit, aws_events, aws_iam
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions

from build_project import plain
from start_pipeline import StartPipeline
from storage import private_bucket

if TYPE_CHECKING:
    from aws_cdk import aws_sns, aws_sqs

    from build_project import BuildProject
    from events import Trigger
    from settings import Settings

# The states of CodePipeline's events in which an execution ends without success. SUPERSEDED is not
# one of them: a newer execution goes on in its place.
FAILURES = ("FAILED", "STOPPED", "CANCELED")

# The console's domain in AWS's other partitions.
_CONSOLES = {
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class CommitPipeline(codepipeline.Pipeline):
    """Source, then the stages that are added; a trigger starts it, a branch's movement does not.

    Source clones the branch's head. Each build then checks out the commit that the event named:
    AWS does not say that a source revision override works in every execution mode. Without an event
    it is the branch's head.

    One role serves the pipeline and its actions: they do nothing but fetch, start builds and wait.
    """

    def __init__(
        self,
        stack: Stack,
        construct_id: str,
        settings: Settings,
        trigger: Trigger,
        undelivered: aws_sqs.IQueue,
    ) -> None:
        """The trigger's variables are the pipeline's, and every build's.

        None has a default: anyone who starts it by hand has to name the commit.
        """
        self.name = f"{settings.name}-{construct_id}"
        # A bucket for each pipeline: the builds of one never see what the other made.
        self.artifacts = private_bucket(stack, f"{construct_id}-artifacts")
        super().__init__(
            stack,
            construct_id,
            pipeline_name=self.name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=trigger.mode,
            artifact_bucket=self.artifacts,
            cross_account_keys=False,
            use_pipeline_role_for_actions=True,
            variables=[codepipeline.Variable(variable_name=name) for name in trigger.variables],
        )
        self._variables = {name: f"#{{variables.{name}}}" for name in trigger.variables} or {
            "SOURCE_COMMIT": "#{Source.CommitId}"
        }
        self._add_source(settings.repository, settings.branch)
        self._start_on(trigger, undelivered)

    def _add_source(self, repository: str, branch: str) -> None:
        source = actions.CodeCommitSourceAction(
            action_name="Source",
            repository=aws_codecommit.Repository.from_repository_name(self, "code", repository),
            branch=branch,
            output=codepipeline.Artifact("source"),
            trigger=actions.CodeCommitTrigger.NONE,
            # A zip would have neither tags nor history.
            code_build_clone_output=True,
            variables_namespace="Source",
        )
        self.add_stage(stage_name="Source", actions=[source])

    def _start_on(self, trigger: Trigger, undelivered: aws_sqs.IQueue) -> None:
        target = StartPipeline(self, undelivered, trigger.variables)
        rule = aws_events.Rule(
            self,
            "trigger",
            event_pattern=trigger.pattern,
            schedule=trigger.schedule,
            targets=[target],
        )
        # CDK's target for pipelines is the one that forgets to let its rule write to the queue.
        rules = {"ArnEquals": {"aws:SourceArn": rule.rule_arn}}
        sender = aws_iam.ServicePrincipal("events.amazonaws.com", conditions=rules)
        undelivered.grant_send_messages(sender)

    def add_builds(self, stage: str, *builds: actions.CodeBuildAction) -> None:
        """A stage of builds; those with the same run order run at the same time."""
        self.add_stage(stage_name=stage, actions=list(builds))

    def build(
        self,
        name: str,
        project: BuildProject,
        variables: dict[str, str] | None = None,
        *,
        leaves: tuple[str, ...] | None = None,
        run_order: int = 1,
    ) -> actions.CodeBuildAction:
        """An action of that name; later actions read what it exports as `#{name.VARIABLE}`.

        `variables` win over the project's. `leaves` are those of the project's artifacts that this
        action leaves, by default all of them.
        """
        task = project.task
        source, *others = map(codepipeline.Artifact, task.takes)
        return actions.CodeBuildAction(
            action_name=name,
            project=project,
            input=source,
            extra_inputs=others,
            outputs=[*map(codepipeline.Artifact, task.leaves if leaves is None else leaves)],
            environment_variables=plain(self._variables | (variables or {})),
            variables_namespace=name if task.exports else None,
            run_order=run_order,
        )

    def add_approval(self, topic: aws_sns.ITopic) -> None:
        """A stage that waits for a person, who hears of it by `topic`."""
        ask = actions.ManualApprovalAction(action_name="Approve", notification_topic=topic)
        self.add_stage(stage_name="Approval", actions=[ask])

    def ended(self, *states: str) -> aws_events.EventPattern:
        """The events that tell of an execution's end in one of these states.

        A new pipeline starts itself once, without variables, and fails: that is nobody's news.
        AWS does not say that every such event has a trigger, so one without it counts.
        """
        trigger_types = ({"anything-but": "CreatePipeline"}, {"exists": False})
        return aws_events.EventPattern(
            source=["aws.codepipeline"],
            detail_type=["CodePipeline Pipeline Execution State Change"],
            detail={
                "pipeline": [self.name],
                "state": list(states),
                "$or": [{"execution-trigger": {"trigger-type": [kind]}} for kind in trigger_types],
            },
        )

    def page(self, execution: str) -> str:
        """Where a person reads what the execution of that id did."""
        pipelines = f"{console(Stack.of(self))}/codesuite/codepipeline/pipelines"
        return f"{pipelines}/{self.name}/executions/{execution}/timeline"


def console(stack: Stack) -> str:
    """The address of AWS's console in the stack's region."""
    return f"https://{stack.region}.{_CONSOLES.get(stack.partition, 'console.aws.amazon.com')}"
