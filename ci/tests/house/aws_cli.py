"""Is a command one that the AWS CLI takes: held against the service models that it is made of."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it has no types
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, OperationNotFoundError, Shape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel

# What the CLI has beyond the models.
_ITS_OWN = {
    "codecommit credential-helper": set[str](),
    "logs tail": {"since", "filter-pattern", "follow"},
    "s3 rb": set[str](),
    "s3 rm": {"recursive"},
}
_MODELS = {"s3api": "s3"}  # where the CLI's name of a service is another
_RENAMED = {("sns", "endpoint"): "notification-endpoint"}
_GLOBAL = {"no-paginate", "output", "query", "region"}
_PAGING = {"max-items", "page-size", "starting-token"}

_session = botocore.session.get_session()


def complaints(command: str) -> Iterator[str]:
    """What the CLI would object to in `aws …`; words in CAPITALS stand for anything."""
    _, service, operation, *arguments = shlex.split(command)
    given = dict(_options(arguments))
    own = _ITS_OWN.get(f"{service} {operation}")
    if own is not None:
        yield from (f"unknown option {name}" for name in given.keys() - own - _GLOBAL)
        return
    service = _MODELS.get(service, service)
    try:
        model = _operation(service, operation)
    except (UnknownServiceError, OperationNotFoundError, KeyError) as error:
        yield str(error)
        return
    shape = model.input_shape or StructureShape("Empty", {"type": "structure", "members": {}})
    members = {_option(service, name): member for name, member in shape.members.items()}
    extra = _GLOBAL | (_PAGING if _is_paged(service, model) else set())
    yield from (f"unknown option {name}" for name in given.keys() - members.keys() - extra)
    required = {_option(service, name) for name in shape.required_members}
    yield from (f"lacks {name}" for name in required - given.keys())
    for name in given.keys() & members.keys():
        for value in given[name] or [""]:
            yield from _value_complaints(name, members[name], value)
    if "query" in given:
        yield from _query_complaints(given["query"][0], model)


def _option(service: str, member: str) -> str:
    name = xform_name(member, "-")
    return _RENAMED.get((service, name), name)


def _options(arguments: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with its values."""
    starts = [i for i, word in enumerate(arguments) if word.startswith("--")]
    for start, end in zip(starts, [*starts, len(arguments)][1:], strict=True):
        yield arguments[start].removeprefix("--"), arguments[start + 1 : end]


def _operation(service: str, operation: str) -> OperationModel:
    model = _session.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    return model.operation_model(names[operation])


def _is_paged(service: str, model: OperationModel) -> bool:
    try:
        _session.get_paginator_model(service).get_paginator(model.name)
    except ValueError:
        return False
    return True


def _value_complaints(name: str, shape: Shape, value: str) -> Iterator[str]:
    if getattr(shape, "enum", None):
        yield from [] if value in shape.enum else [f"{name} can't be {value!r}"]  # type: ignore[attr-defined]
        return
    if value.isupper() or value.startswith("file://"):
        return
    if isinstance(shape, ListShape):
        yield from _value_complaints(name, shape.member, value)
    elif isinstance(shape, StructureShape):
        fields = dict(part.partition("=")[::2] for part in value.split(","))
        yield from (f"{name} has no {key}" for key in fields.keys() - shape.members.keys())
        yield from (f"{name} lacks {key}" for key in set(shape.required_members) - fields.keys())
        for key in fields.keys() & shape.members.keys():
            yield from _value_complaints(f"{name}.{key}", shape.members[key], fields[key])
    elif shape.type_name == "boolean":
        yield from [f"{name} is a switch"] if value else []
    elif shape.type_name in {"integer", "long"} and not value.isdecimal():
        yield f"{name} is no number: {value}"


def _query_complaints(query: str, model: OperationModel) -> Iterator[str]:
    """A query has to find something in an answer that has everything."""
    literal = re.search(r"'([^']*)'", query)
    answer = _sample(model.output_shape, literal[1] if literal else "text", ())
    found = jmespath.search(query, answer)
    flat = found[0] if isinstance(found, list) and found else found
    if not flat or (isinstance(flat, list) and None in flat):
        yield f"{query} finds {found}"


def _sample(shape: Shape | None, text: str, above: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
    """An answer of that shape in which every string is `text`."""
    if shape is None or shape.name in above:
        return {}
    above = (*above, shape.name)
    if isinstance(shape, StructureShape):
        return {name: _sample(member, text, above) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [_sample(shape.member, text, above)]
    if isinstance(shape, MapShape):
        return {text: _sample(shape.value, text, above)}
    return text if shape.type_name in {"string", "timestamp"} else 1
