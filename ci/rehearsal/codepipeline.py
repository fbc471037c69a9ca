"""Plays the pipelines of a template the way AWS CodePipeline documents an execution.

Pages of its user guide: [executions] How pipeline executions work; [structure] CodePipeline
pipeline structure reference; [variables] Variables reference; [retry] Configure stage retry for a
failed stage; [CodeBuild], [CodeCommit] and [approval], the action references of those names.
"""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.rehearsal import codecommit
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.codebuild import Failure, play_build
from ci.rehearsal.execution import Execution, Step
from ci.rehearsal.grants import require_build, require_source
from ci.rehearsal.provisioning import discard, download_sources, provision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.rehearsal.account import Account
    from ci.rehearsal.cloudformation import Template


def start(template: Template, request: Mapping[str, Any]) -> Execution:
    """Accept a StartPipelineExecution.

    Raises UserError for what CodePipeline refuses (an unknown pipeline or variable, a variable
    without a value, an action whose input no earlier one makes), and for a source revision
    override, as AWS does not say that it works in every execution mode.
    """
    found = template.resources("AWS::CodePipeline::Pipeline").values()
    pipeline = next((item for item in found if item["Name"] == request["name"]), None)
    if pipeline is None:
        raise _refused([f"there is no pipeline {request['name']}"])
    given = {item["name"]: item["value"] for item in request.get("variables", [])}
    declared = _defaults(pipeline)
    values = {**declared, **given}
    faults = [
        *(f"the pipeline has no variable {name}" for name in given if name not in declared),
        *(f"its variable {name} has no value" for name, value in values.items() if not value),
        *(["it is started with a source revision"] if request.get("sourceRevisions") else []),
        *_missing_inputs(pipeline),
    ]
    if faults:
        raise _refused(faults)
    return Execution(pipeline, {"variables": values})


def start_on_creation(pipeline: dict[str, Any]) -> Execution:
    """What CodePipeline starts by itself once it has made a pipeline: nobody gives variables."""
    values = {name: value for name, value in _defaults(pipeline).items() if value}
    return Execution(pipeline, {"variables": values}, trigger="CreatePipeline")


def _defaults(pipeline: dict[str, Any]) -> dict[str, str]:
    return {item["Name"]: item.get("DefaultValue", "") for item in pipeline.get("Variables", [])}


def _missing_inputs(pipeline: dict[str, Any]) -> list[str]:
    """The input artifacts that no earlier action makes [structure: inputArtifacts]."""
    made: set[str] = set()
    faults = []
    for stage in pipeline["Stages"]:
        for actions in _by_run_order(stage):
            for action in actions:
                absent = {item["Name"] for item in action.get("InputArtifacts", [])} - made
                faults += [
                    f"{action['Name']} takes {name}, which no earlier action makes"
                    for name in absent
                ]
            for action in actions:
                made |= {item["Name"] for item in action.get("OutputArtifacts", [])}
    return faults


def _refused(faults: list[str]) -> UserError:
    return UserError("rehearsal-pipeline", "; ".join(faults), "correct the pipeline in cdk/")


def _by_run_order(stage: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """A stage's actions, those together that run at the same time [structure: runOrder]."""
    in_order = sorted(stage["Actions"], key=_run_order)
    return [list(found) for _, found in groupby(in_order, key=_run_order)]


def _run_order(action: dict[str, Any]) -> int:
    return int(action.get("RunOrder", 1))


def play(execution: Execution, account: Account, *, begin: str | None = None) -> None:
    """Play stage after stage until an action fails [executions].

    `begin` names the stage to begin with: a retry, with the artifacts as they were [retry].
    """
    stages = execution.pipeline["Stages"]
    first = [stage["Name"] for stage in stages].index(begin) if begin else 0
    for stage in stages[first:]:
        for actions in _by_run_order(stage):
            _play_actions(execution, account, stage["Name"], actions)
            if execution.failed:
                return


def _play_actions(
    execution: Execution, account: Account, stage: str, actions: list[dict[str, Any]]
) -> None:
    """Play actions at the same time; if one fails, the others are allowed to end [executions]."""
    steps = [Step(stage, action["Name"], _run_order(action)) for action in actions]
    execution.steps += steps
    with ThreadPoolExecutor(len(actions)) as pool:
        plays = [
            pool.submit(_play_action, execution, account, step, action)
            for step, action in zip(steps, actions, strict=True)
        ]
        try:
            for played in plays:
                played.result()
        except BaseException:
            account.processes.end_all()
            raise


def _play_action(
    execution: Execution, account: Account, step: Step, action: dict[str, Any]
) -> None:
    provider = action["ActionTypeId"]["Provider"]
    began = time.monotonic()
    try:
        resolved = _resolved(action.get("Configuration", {}), execution.variables, account)
        action = {**action, "Configuration": resolved}
        if provider == "CodeCommit":
            _fetch(execution, account, step, action)
        elif provider == "CodeBuild":
            _build(execution, account, step, action)
        elif provider != "Manual":  # an approval is always given: there is nobody to ask [approval]
            raise _refused(
                [f"{step.action} is a {provider} action, which the rehearsal does not play"]
            )
    except UserError as problem:
        step.failure = Failure(step.action, "", str(problem))
    step.seconds = time.monotonic() - began
    account.announce(step)


def _resolved(
    configuration: dict[str, Any], variables: Mapping[str, Any], account: Account
) -> dict[str, Any]:
    """Replace each #{namespace.name} [variables].

    Raises UserError for one that has no value, unless the answer is that it stays as it is.
    """

    def value_of(match: re.Match[str]) -> str:
        value = variables.get(match[1], {}).get(match[2])
        if value:
            return str(value)
        if account.answers.no_value == "as written":
            return match[0]
        raise _refused([f"{match[0]} has no value"])

    return {
        key: re.sub(r"#\{([\w@-]+)\.([\w@-]+)\}", value_of, item) if isinstance(item, str) else item
        for key, item in configuration.items()
    }


def _fetch(execution: Execution, account: Account, step: Step, action: dict[str, Any]) -> None:
    """Take the branch's head [CodeCommit]."""
    require_source(account.template, execution.pipeline, action)
    configuration = action["Configuration"]
    branch = configuration["BranchName"]
    step.commit = codecommit.head(account.repository, branch)
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


def _build(execution: Execution, account: Account, step: Step, action: dict[str, Any]) -> None:
    """Start the project's build with its inputs, and take its artifacts [CodeBuild]."""
    configuration = action["Configuration"]
    step.project = configuration["ProjectName"]
    project = account.project(step.project)
    inputs = {item["Name"]: execution.artifacts[item["Name"]] for item in action["InputArtifacts"]}
    outputs = [item["Name"] for item in action.get("OutputArtifacts", [])]
    spec = read_buildspec(project)
    require_build(account.template, execution.pipeline, action, project, spec)
    step.environment = {
        "CODEBUILD_INITIATOR": f"codepipeline/{execution.pipeline['Name']}",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": execution.steps[0].commit,
        **_variables(project, configuration),
    }
    step.log = account.new_log(step.name.replace("/", "-"))
    account.announce(step)
    branch = execution.pipeline["Stages"][0]["Actions"][0]["Configuration"]["BranchName"]
    primary = configuration.get("PrimarySource", next(iter(inputs)))
    sources = download_sources(account, branch, inputs, primary)
    container = provision(account, spec, project, sources, step.environment)
    step.environment = container.environment
    step.build = play_build(spec, container, step.log, account.answers.no_file)
    discard(account, container)
    step.failure = step.build.failure
    if outputs and not step.build.artifacts and not step.failure:
        step.failure = Failure("UPLOAD_ARTIFACTS", "", f"nothing was built for {outputs[0]}")
    execution.variables[action.get("Namespace", "")] = step.build.exported
    if step.build.artifacts and not step.failure:
        execution.artifacts |= dict.fromkeys(outputs, step.build.artifacts)


def _variables(project: dict[str, Any], configuration: dict[str, Any]) -> dict[str, str]:
    """A build's variables; the action's win over the project's ([variables] in codebuild.py)."""
    actions = json.loads(configuration.get("EnvironmentVariables", "[]"))
    return {
        **_plain(project["Environment"].get("EnvironmentVariables", [])),
        **_plain([{key.title(): text for key, text in item.items()} for item in actions]),
    }


def _plain(variables: list[dict[str, str]]) -> dict[str, str]:
    for item in variables:
        if item.get("Type", "PLAINTEXT") != "PLAINTEXT":
            raise _refused([f"the variable {item['Name']} is of type {item['Type']}, not played"])
    return {item["Name"]: item["Value"] for item in variables}
