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

    Names may begin with a capital, as Step Functions spells them.
    """
    shape = _input_shape(service, operation)
    spelled = {key if key in shape.members else _lower(key): item for key, item in request.items()}
    report = ParamValidator().validate(spelled, shape)
    faults = [report.generate_report()] if report.has_errors() else _outside(spelled, shape)
    if faults:
        raise UserError(
            "rehearsal-request",
            f"{operation} refuses what the template makes of the event: {'; '.join(faults)}",
            "correct the target's input in cdk/",
        )


def _lower(key: str) -> str:
    return key[:1].lower() + key[1:]


@cache
def _input_shape(service: str, operation: str) -> Any:  # noqa: ANN401 - botocore has no types
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def _outside(value: Any, shape: Any) -> list[str]:  # noqa: ANN401 - as above
    """What botocore knows of strings but leaves the service to check: enum, pattern, length."""
    if isinstance(value, dict):
        return [
            fault for key, item in value.items() for fault in _outside(item, shape.members[key])
        ]
    if isinstance(value, list):
        return [fault for item in value for fault in _outside(item, shape.member)]
    limits = shape.metadata
    if len(value) > limits.get("max", len(value)) or value not in limits.get("enum", [value]):
        return [f"{shape.name} can't be {value!r}"]
    fits = re.fullmatch(limits.get("pattern", r"[\s\S]*"), value)
    return [] if fits else [f"{shape.name} can't be {value!r}"]
