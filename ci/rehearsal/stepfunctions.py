"""Plays a state machine whose tasks are calls of the AWS SDK.

The rules are those of the Step Functions guide's "Transforming data with JSONata": Arguments,
Assign and Output are JSON in which a string `{% … %}` is an expression, evaluated with $states.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jsonata  # type: ignore[import-untyped]  # it has no stubs

from ci.errors import UserError
from ci.rehearsal.api import check_request
from ci.rehearsal.eventbridge import transformed
from ci.rehearsal.iam import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ci.rehearsal.cloudformation import Template

_CALLED_BY_IAM = {"cloudwatchlogs": "logs"}  # where the SDK's name of a service is another


@dataclass(frozen=True)
class Call:
    """One call of an AWS SDK, such as ("codecommit", "postCommentForPullRequest", {…})."""

    service: str
    operation: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """What AWS knows of an execution that has ended.

    `actions` are ActionExecutionDetails of CodePipeline, in the spelling of Step Functions. `logs`
    are lines by log group and stream; of any other stream there is no log.
    """

    variables: Mapping[str, str]
    actions: Sequence[Mapping[str, Any]] = ()
    logs: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)


def calls(
    template: Template, target: dict[str, Any], event: dict[str, Any], ended: Ended
) -> Iterator[Call]:
    """What the state machine that is an event's `target` calls, one task after the other.

    Raises UserError when a role lacks a right, a service would refuse the request, or a state is of
    a kind that is not played.
    """
    machines = template.resources("AWS::StepFunctions::StateMachine")
    machine = next(item for name, item in machines.items() if template.arn(name) == target["Arn"])
    require(template, target["RoleArn"], "states:StartExecution", target["Arn"])
    definition = _definition(machine)
    given = json.loads(transformed(target, event))
    name, known = definition["StartAt"], {"states": {"input": given}}
    while name:
        state = definition["States"][name]
        if state["Type"] == "Succeed":
            return
        if state["Type"] == "Choice":
            name = _chosen(state, known)
            continue
        transition = state
        if state["Type"] != "Pass":
            call = _call(template, machine, name, state, known)
            yield call
            try:
                known["states"]["result"] = _answer(call, event, ended)
            except LookupError:  # the one error that is played, and States.ALL is any
                transition = state["Catch"][0]
        assigned = _evaluated(transition.get("Assign", {}), known)
        default = "result" if "result" in known["states"] else "input"
        output = _evaluated(transition.get("Output", f"{{% $states.{default} %}}"), known)
        known = {**known, **assigned, "states": {"input": output}}
        name = transition.get("Next")


def _call(
    template: Template,
    machine: dict[str, Any],
    name: str,
    state: dict[str, Any],
    known: dict[str, Any],
) -> Call:
    """The call of a task; raises UserError unless the role may, and the service would, do it."""
    sdk = f"arn:{template.partition}:states:::aws-sdk:"
    if state["Type"] != "Task" or not state["Resource"].startswith(sdk):
        raise UserError(
            "rehearsal-state",
            f"the rehearsal can't play the state {name}",
            f"use only tasks that call the AWS SDK: {sdk}…",
        )
    service, operation = state["Resource"].removeprefix(sdk).split(":")
    service = _CALLED_BY_IAM.get(service, service)
    call = Call(service, operation, _evaluated(state["Arguments"], known))
    arn = _resource(template, call)
    require(template, machine["RoleArn"], f"{service}:{operation}", arn)
    check_request(service, operation[0].upper() + operation[1:], call.arguments)
    return call


def _answer(call: Call, event: dict[str, Any], ended: Ended) -> dict[str, Any]:
    """What the service answers, in Step Functions' spelling; LookupError for a log that isn't."""
    asked = call.arguments
    match call.operation:
        case "getPipelineExecution":
            return _execution_of(event, ended.variables, asked)
        case "listActionExecutions":
            return {"ActionExecutionDetails": list(ended.actions)}
        case "filterLogEvents":
            return _page(ended.logs[asked["LogGroupName"], asked["LogStreamNames"][0]], asked)
    return {}


def _page(log: Sequence[str], asked: dict[str, Any]) -> dict[str, Any]:
    """A page of FilterLogEvents' answer. CloudWatch's first page may be empty, so this one is."""
    if "NextToken" not in asked:
        return {"Events": [], "NextToken": "0"}
    words = re.findall(r'\?"([^"]+)"', asked["FilterPattern"])
    found = [line for line in log if any(word in line for word in words)]
    start = int(asked["NextToken"])
    end = start + asked["Limit"]
    more = {"NextToken": str(end)} if end < len(found) else {}
    return {"Events": [{"Message": line} for line in found[start:end]], **more}


def _chosen(state: dict[str, Any], known: dict[str, Any]) -> str:
    """The state after a Choice: that of the first condition that holds, else its default."""
    for choice in state["Choices"]:
        if _evaluated(choice["Condition"], known) is True:
            return str(choice["Next"])
    return str(state["Default"])


def _definition(machine: dict[str, Any]) -> dict[str, Any]:
    values = machine.get("DefinitionSubstitutions", {})
    text = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], machine["DefinitionString"])
    definition: dict[str, Any] = json.loads(text)
    return definition


def _resource(template: Template, call: Call) -> str:
    asked = call.arguments
    if "TopicArn" in asked:
        return str(asked["TopicArn"])
    name = asked.get("PipelineName") or asked.get("RepositoryName")
    if "LogGroupName" in asked:
        name = f"log-group:{asked['LogGroupName']}:*"
    return template.arn_of(call.service, str(name))


def _execution_of(
    event: dict[str, Any], variables: Mapping[str, str], asked: dict[str, Any]
) -> dict[str, Any]:
    """The answer of GetPipelineExecution, in Step Functions' spelling."""
    wanted = (event["detail"]["pipeline"], event["detail"]["execution-id"])
    if (asked["PipelineName"], asked["PipelineExecutionId"]) != wanted:
        raise UserError(
            "rehearsal-execution",
            f"the state machine reads {asked}, not {wanted}",
            "correct the state machine's definition in cdk/",
        )
    resolved = [{"Name": name, "ResolvedValue": value} for name, value in variables.items()]
    return {"PipelineExecution": {"PipelineExecutionId": wanted[1], "Variables": resolved}}


def _evaluated(value: Any, known: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """`value` with its expressions replaced; `known` are the variables, `states` among them.

    Raises UserError for one without a value: Step Functions has no JSON for it, and fails.
    """
    if isinstance(value, dict):
        return {key: _evaluated(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_evaluated(item, known) for item in value]
    if not isinstance(value, str) or not (value.startswith("{%") and value.endswith("%}")):
        return value
    expression = jsonata.Jsonata(value[2:-2].strip())
    frame = expression.create_frame()
    for name, item in known.items():
        frame.bind(name, item)
    found = expression.evaluate(None, frame)
    if found is None:
        raise UserError(
            "rehearsal-expression",
            f"the state machine's expression {value} has no value",
            "give it one in cdk/ for every input, such as an empty text or list",
        )
    return found
