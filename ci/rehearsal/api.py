"""Requests to AWS, held to botocore's own models of its services."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from ci.errors import UserError


def check_request(service: str, operation: str, request: dict[str, Any]) -> None:
    """Raise UserError for what the service would refuse in a request.

    Names may begin with a capital at every level, as Step Functions spells them.
    """
    shape = _input_shape(service, operation)
    spelled = _spelled(request, shape)
    report = ParamValidator().validate(spelled, shape)
    faults = [report.generate_report()] if report.has_errors() else _outside(spelled, shape)
    if faults:
        raise UserError(
            "rehearsal-request",
            f"{operation} refuses the request that the template makes from the event:"
            f" {'; '.join(faults)}",
            "correct the target's input in cdk/",
        )


def _spelled(value: Any, shape: Any) -> Any:  # noqa: ANN401 - as many-typed as JSON
    """`value` with the names that the service itself gives to what it is told."""
    if isinstance(value, list):
        return [_spelled(item, shape.member) for item in value]
    if not isinstance(value, dict) or shape.type_name != "structure":
        return value
    names = {name.lower(): name for name in shape.members}
    known = {names.get(key.lower(), key): item for key, item in value.items()}
    return {
        key: _spelled(item, shape.members[key]) if key in shape.members else item
        for key, item in known.items()
    }


@cache
def _input_shape(service: str, operation: str) -> Any:  # noqa: ANN401 - botocore has no types
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def _outside(value: Any, shape: Any) -> list[str]:  # noqa: ANN401 - as above
    """What botocore knows of values but leaves the service to check: enum, pattern, maximum."""
    if isinstance(value, dict):
        return [
            fault for key, item in value.items() for fault in _outside(item, shape.members[key])
        ]
    if isinstance(value, list):
        return [fault for item in value for fault in _outside(item, shape.member)]
    limits = shape.metadata
    size = len(value) if isinstance(value, str) else value
    if size > limits.get("max", size) or value not in limits.get("enum", [value]):
        return [f"{shape.name} can't be {value!r}"]
    fits = re.fullmatch(limits.get("pattern", r"[\s\S]*"), str(value))
    return [] if fits else [f"{shape.name} can't be {value!r}"]
