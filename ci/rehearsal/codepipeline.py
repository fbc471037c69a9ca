"""Plays the pipelines of a template the way AWS CodePipeline documents an execution.

Pages of its user guide: [executions] How pipeline executions work; [overrides] Start a pipeline
with a source revision override; [variables] Variables reference; [retry] Configure stage retry for
a failed stage; [CodeBuild], [CodeCommit] and [approval], the action references of those names.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.rehearsal import codecommit, s3
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.codebuild import Container, Failure, play_build
from ci.rehearsal.container import environment
from ci.rehearsal.execution import Execution, Step
from ci.rehearsal.iam import require_grants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.rehearsal.account import Account
    from ci.rehearsal.cloudformation import Template


def start(template: Template, request: Mapping[str, Any]) -> Execution:
    """Accept a StartPipelineExecution.

    Raises UserError for what CodePipeline refuses: an unknown pipeline, variable or source action,
    a variable without a value, or an action whose input no earlier one makes.
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


def _refused(faults: list[str]) -> UserError:
    return UserError("rehearsal-pipeline", "; ".join(faults), "mend the pipeline in cdk/")


def _ordered(stage: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(stage["Actions"], key=lambda action: int(action.get("RunOrder", 1)))


def play(execution: Execution, account: Account, *, begin: str | None = None) -> None:
    """Play stage after stage until an action fails [executions].

    `begin` names the stage to begin with: a retry, with the artifacts as they were [retry].
    """
    stages = execution.pipeline["Stages"]
    first = [stage["Name"] for stage in stages].index(begin) if begin else 0
    for stage in stages[first:]:
        for action in _ordered(stage):
            execution.steps.append(Step(stage["Name"], action["Name"]))
            _play_action(execution, account, action)
            if execution.failed:
                return


def _play_action(execution: Execution, account: Account, action: dict[str, Any]) -> None:
    step = execution.steps[-1]
    provider = action["ActionTypeId"]["Provider"]
    began = time.monotonic()
    try:
        configuration = _resolved(action.get("Configuration", {}), execution.variables)
        if provider == "CodeCommit":
            _fetch(execution, account, {**action, "Configuration": configuration})
        elif provider == "CodeBuild":
            _build(execution, account, {**action, "Configuration": configuration})
        elif provider != "Manual":  # an approval is always given: there is nobody to ask [approval]
            raise _refused([f"{step.action} is a {provider} action, which is not played"])
    except UserError as problem:
        step.failure = Failure(step.action, "", str(problem))
    step.seconds = time.monotonic() - began
    account.announce(step)


def _resolved(configuration: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Replace each #{namespace.name} [variables]; raises UserError for one that has no value."""

    def value_of(match: re.Match[str]) -> str:
        value = variables.get(match[1], {}).get(match[2])
        if value is None:
            raise _refused([f"{match[0]} has no value"])
        return str(value)

    return {
        key: re.sub(r"#\{([\w@-]+)\.([\w@-]+)\}", value_of, item) if isinstance(item, str) else item
        for key, item in configuration.items()
    }


def _fetch(execution: Execution, account: Account, action: dict[str, Any]) -> None:
    """Take the overriding commit [overrides], else the branch's head [CodeCommit]."""
    configuration = action["Configuration"]
    step = execution.steps[-1]
    branch = configuration["BranchName"]
    step.commit = execution.overrides.get(action["Name"]) or codecommit.head(
        account.repository, branch
    )
    is_clone = configuration.get("OutputArtifactFormat") == "CODEBUILD_CLONE_REF"
    for output in action["OutputArtifacts"]:
        made = step.commit if is_clone else _zipped(account, step.commit)
        execution.artifacts[output["Name"]] = made
    namespace = execution.variables.setdefault(action.get("Namespace", ""), {})
    namespace |= {"CommitId": step.commit, "BranchName": branch}


def _zipped(account: Account, commit: str) -> Path:
    folder = account.fresh("source")
    codecommit.check_out_files(account.repository, commit, folder)
    return folder


def _unpacked(account: Account, artifact: Path | str) -> Path:
    """An input as a build finds it: a copy of its own, or of a commit a clone."""
    folder = account.fresh("src") / "src"
    if isinstance(artifact, str):
        codecommit.clone(account.repository, artifact, folder)
    else:
        shutil.copytree(artifact, folder)
    return folder


def _build(execution: Execution, account: Account, action: dict[str, Any]) -> None:
    """Start the project's build with its inputs, and take its artifacts [CodeBuild].

    The action's variables win over the project's ([variables] of the CodeBuild user guide).
    """
    step, configuration = execution.steps[-1], action["Configuration"]
    step.project = configuration["ProjectName"]
    project = account.project(step.project)
    names = [item["Name"] for item in action["InputArtifacts"]]
    outputs = [item["Name"] for item in action.get("OutputArtifacts", [])]
    artifacts = {name: isinstance(execution.artifacts[name], str) for name in names}
    require_grants(account.template, execution.pipeline, project, artifacts, outputs)
    folders = {name: _unpacked(account, execution.artifacts[name]) for name in names}
    source = folders.pop(configuration.get("PrimarySource", names[0]))
    action_variables = json.loads(configuration.get("EnvironmentVariables", "[]"))
    variables = environment(account, project["ServiceRole"], source, folders) | {
        "CODEBUILD_INITIATOR": f"codepipeline/{execution.pipeline['Name']}",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": execution.steps[0].commit,
        **_plain(project["Environment"].get("EnvironmentVariables", [])),
        **_plain([{key.title(): text for key, text in item.items()} for item in action_variables]),
    }
    step.environment = variables
    step.log = account.new_log(f"{step.stage}-{step.project}")
    account.announce(step)
    spec = read_buildspec(source / project["Source"].get("BuildSpec", "buildspec.yml"))
    minutes = float(project.get("TimeoutInMinutes", 60))
    cache = s3.cache(project, account.folder)
    step.build = play_build(spec, Container(source, variables, step.log, cache, 60 * minutes))
    step.failure = step.build.failure
    execution.variables[action.get("Namespace", "")] = step.build.exported
    if not step.failure:
        made = {name: s3.keep(step.build.artifacts, account.fresh("artifact")) for name in outputs}
        execution.artifacts |= made


def _plain(variables: list[dict[str, str]]) -> dict[str, str]:
    for item in variables:
        if item.get("Type", "PLAINTEXT") != "PLAINTEXT":
            raise _refused([f"the variable {item['Name']} is of type {item['Type']}, not played"])
    return {item["Name"]: item["Value"] for item in variables}
