"""Plays the pipelines of a template the way AWS CodePipeline documents an execution.

Pages of its user guide: [executions] How pipeline executions work; [overrides] Start a pipeline
with a source revision override; [variables] Variables reference; [retry] Configure stage retry for
a failed stage; [CodeBuild], [CodeCommit] and [approval], the action references of those names.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ci.errors import Problem
from ci.rehearsal.build import Build, Container, Failure, play_build
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.iam import require_grants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.rehearsal.template import Template
    from ci.rehearsal.world import World


@dataclass
class Step:
    """One action as it was played; `seconds` is None while it runs."""

    stage: str
    action: str
    project: str = ""
    commit: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    seconds: float | None = None
    failure: Failure | None = None
    log: Path | None = None
    build: Build | None = None

    @property
    def session(self) -> str:
        """What the build's nox is asked for."""
        return self.environment.get("NOXSESSION", "")


@dataclass
class Execution:
    """A pipeline's execution: what it was started with, and what its actions made so far.

    An artifact is a folder or, of a full clone, a commit. `variables` are by namespace and name.
    """

    pipeline: dict[str, Any]
    overrides: dict[str, str]
    variables: dict[str, dict[str, str]]
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    artifacts: dict[str, Path | str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def failed(self) -> Step | None:
        """The step that stopped the execution."""
        return self.steps[-1] if self.steps and self.steps[-1].failure else None


def start(template: Template, request: Mapping[str, Any]) -> Execution:
    """Accept a StartPipelineExecution.

    Raises Problem for what CodePipeline refuses: an unknown pipeline, variable or source action, a
    variable without a value, or an action whose input no earlier one makes.
    """
    found = template.resources("AWS::CodePipeline::Pipeline").values()
    pipeline = next((item for item in found if item["Name"] == request["name"]), None)
    if pipeline is None:
        raise _refused([f"there is no pipeline {request['name']}"])
    declared = {item["Name"]: item.get("DefaultValue") for item in pipeline.get("Variables", [])}
    given = {item["name"]: item["value"] for item in request.get("variables", [])}
    values = {**declared, **given}
    revisions = request.get("sourceRevisions", [])
    overrides = {item["actionName"]: item["revisionValue"] for item in revisions}
    sources = {action["Name"] for action in pipeline["Stages"][0]["Actions"]}
    faults = [
        *(f"the pipeline has no variable {name}" for name in given if name not in declared),
        *(f"its variable {name} has no value" for name, value in values.items() if not value),
        *(f"it has no source action {name}" for name in overrides if name not in sources),
        *_missing_inputs(pipeline),
    ]
    if faults:
        raise _refused(faults)
    return Execution(pipeline, overrides, {"variables": values})


def _missing_inputs(pipeline: dict[str, Any]) -> list[str]:
    made: set[str] = set()
    faults = []
    for stage in pipeline["Stages"]:
        for action in _ordered(stage):
            absent = {item["Name"] for item in action.get("InputArtifacts", [])} - made
            faults += [
                f"{action['Name']} takes {name}, which none before it makes" for name in absent
            ]
            made |= {item["Name"] for item in action.get("OutputArtifacts", [])}
    return faults


def _refused(faults: list[str]) -> Problem:
    return Problem("rehearsal-pipeline", "; ".join(faults), "mend the pipeline in cdk/")


def _ordered(stage: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(stage["Actions"], key=lambda action: int(action.get("RunOrder", 1)))


def play(execution: Execution, world: World, *, begin: str | None = None) -> None:
    """Play stage after stage until an action fails [executions].

    `begin` names the stage to begin with: a retry, with the artifacts as they were [retry].
    """
    stages = execution.pipeline["Stages"]
    first = [stage["Name"] for stage in stages].index(begin) if begin else 0
    for stage in stages[first:]:
        for action in _ordered(stage):
            execution.steps.append(Step(stage["Name"], action["Name"]))
            _play_action(execution, world, action)
            if execution.failed:
                return


def _play_action(execution: Execution, world: World, action: dict[str, Any]) -> None:
    step = execution.steps[-1]
    provider = action["ActionTypeId"]["Provider"]
    began = time.monotonic()
    try:
        configuration = _resolved(action.get("Configuration", {}), execution.variables)
        if provider == "CodeCommit":
            _fetch(execution, world, {**action, "Configuration": configuration})
        elif provider == "CodeBuild":
            _build(execution, world, {**action, "Configuration": configuration})
        elif provider != "Manual":  # an approval is always given: there is nobody to ask [approval]
            raise _refused([f"{step.action} is a {provider} action, which is not played"])
    except Problem as problem:
        step.failure = Failure(step.action, "", str(problem))
    step.seconds = time.monotonic() - began
    world.announce(step)


def _resolved(configuration: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Replace each #{namespace.name} [variables]; raises Problem for one that has no value."""

    def value_of(match: re.Match[str]) -> str:
        value = variables.get(match[1], {}).get(match[2])
        if value is None:
            raise _refused([f"{match[0]} has no value"])
        return str(value)

    return {
        key: re.sub(r"#\{([\w@-]+)\.([\w@-]+)\}", value_of, item) if isinstance(item, str) else item
        for key, item in configuration.items()
    }


def _fetch(execution: Execution, world: World, action: dict[str, Any]) -> None:
    """Take the overriding commit [overrides], else the branch's head [CodeCommit]."""
    configuration = action["Configuration"]
    step = execution.steps[-1]
    branch = configuration["BranchName"]
    step.commit = execution.overrides.get(action["Name"]) or world.head(branch)
    is_clone = configuration.get("OutputArtifactFormat") == "CODEBUILD_CLONE_REF"
    for output in action["OutputArtifacts"]:
        made = step.commit if is_clone else world.zipped(step.commit)
        execution.artifacts[output["Name"]] = made
    namespace = execution.variables.setdefault(action.get("Namespace", ""), {})
    namespace |= {"CommitId": step.commit, "BranchName": branch}


def _build(execution: Execution, world: World, action: dict[str, Any]) -> None:
    """Start the project's build with its inputs, and take its artifacts [CodeBuild].

    The action's variables win over the project's ([variables] of the CodeBuild user guide).
    """
    step, configuration = execution.steps[-1], action["Configuration"]
    step.project = configuration["ProjectName"]
    project = world.project(step.project)
    names = [item["Name"] for item in action["InputArtifacts"]]
    outputs = [item["Name"] for item in action.get("OutputArtifacts", [])]
    artifacts = {name: isinstance(execution.artifacts[name], str) for name in names}
    require_grants(world.template, execution.pipeline, project, artifacts, outputs)
    folders = {name: world.unpacked(execution.artifacts[name]) for name in names}
    source = folders.pop(configuration.get("PrimarySource", names[0]))
    action_variables = json.loads(configuration.get("EnvironmentVariables", "[]"))
    environment = world.environment(project["ServiceRole"], source, folders) | {
        "CODEBUILD_INITIATOR": f"codepipeline/{execution.pipeline['Name']}",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": execution.steps[0].commit,
        **_plain(project["Environment"].get("EnvironmentVariables", [])),
        **_plain([{key.title(): text for key, text in item.items()} for item in action_variables]),
    }
    step.environment = environment
    step.log = world.new_log(f"{step.stage}-{step.project}")
    world.announce(step)
    spec = read_buildspec(source / project["Source"].get("BuildSpec", "buildspec.yml"))
    minutes = float(project.get("TimeoutInMinutes", 60))
    cache = world.cache(project)
    step.build = play_build(spec, Container(source, environment, step.log, cache, 60 * minutes))
    step.failure = step.build.failure
    execution.variables[action.get("Namespace", "")] = step.build.exported
    if not step.failure:
        made = {name: world.kept(step.build.artifacts) for name in outputs}
        execution.artifacts |= made


def _plain(variables: list[dict[str, str]]) -> dict[str, str]:
    for item in variables:
        if item.get("Type", "PLAINTEXT") != "PLAINTEXT":
            raise _refused([f"the variable {item['Name']} is of type {item['Type']}, not played"])
    return {item["Name"]: item["Value"] for item in variables}
