"""A synthesized template, read as CloudFormation, EventBridge and IAM would read it."""

from __future__ import annotations

import json
import operator
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

type Json = Any

ACCOUNT = "123456789012"
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws", "AWS::NoValue": ""}


@dataclass(frozen=True)
class Synthesized:
    """What one synthesis wrote: the template's file and its parsed text."""

    file: Path
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    def path(self, logical_id: str) -> str:
        """A resource's path in the stack: logical ids have a hash in them, which says nothing."""
        path: str = self.body["Resources"][logical_id]["Metadata"]["aws:cdk:path"]
        return path.split("/", 1)[1].removesuffix("/Resource")

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of that type, by path, references resolved."""
        return {
            self.path(logical_id): self.resolve(resource.get("Properties", {}))
            for logical_id, resource in self.body["Resources"].items()
            if resource["Type"] == kind
        }

    def resolve(self, value: Json) -> Json:
        """References become `<path>` or `<path>.<attribute>`, the account's number a number."""
        match value:
            case {"Ref": str(name)}:
                return _PSEUDO[name] if name in _PSEUDO else f"<{self.path(name)}>"
            case {"Fn::GetAtt": [str(name), "Arn"]}:
                return f"<{self.path(name)}>"
            case {"Fn::Join": [str(separator), [*parts]]}:
                return separator.join(self.resolve(part) for part in parts)
            case dict():
                return {key: self.resolve(item) for key, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
        return value

    def statements(self) -> dict[str, list[dict[str, Any]]]:
        """Each role's policy statements, by the role's path."""
        found: dict[str, list[dict[str, Any]]] = {path: [] for path in self.all("AWS::IAM::Role")}
        for policy in self.all("AWS::IAM::Policy").values():
            for role in policy["Roles"]:
                found[role.strip("<>")].extend(policy["PolicyDocument"]["Statement"])
        return found


def as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def allows(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    """What IAM would decide: a statement allows it and none denies it."""
    effects = {
        statement["Effect"] for statement in statements if _concerns(statement, action, resource)
    }
    return effects == {"Allow"}


def _concerns(statement: dict[str, Any], action: str, resource: str) -> bool:
    actions = as_list(statement["Action"])
    if not any(fnmatchcase(action.lower(), pattern.lower()) for pattern in actions):
        return False
    if "NotResource" in statement:
        return not any(fnmatchcase(resource, p) for p in as_list(statement["NotResource"]))
    return any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))


def transform(target: dict[str, Any], event: Json) -> Json:
    """The input that EventBridge makes of an event.

    In a template that is one text, a `<key>` becomes text; in an object, JSON; in a text in an
    object, text once more.
    """
    transformer = target["InputTransformer"]
    template = transformer["InputTemplate"]
    for key, path in transformer["InputPathsMap"].items():
        value = reduce(operator.getitem, path.removeprefix("$.").split("."), event)
        bare = rf"(?<=[:\[,])<{key}>(?=[\]}},])"
        template = re.sub(bare, json.dumps(value).replace("\\", r"\\"), template)
        template = template.replace(f"<{key}>", str(value))
    return json.loads(template)


def roles_table(template: Synthesized) -> dict[str, dict[str, set[str]]]:
    """What every role may do: role, resource, actions; what it is denied has a `!`."""
    table: dict[str, dict[str, set[str]]] = {}
    for role, statements in template.statements().items():
        rows = table.setdefault(role, {})
        for resource, action in _permissions(statements):
            rows.setdefault(resource, set()).add(action)
    return table


def _permissions(statements: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for statement in statements:
        mark = "" if statement["Effect"] == "Allow" else "!"
        key = "Resource" if "Resource" in statement else "NotResource"
        for resource in as_list(statement[key]):
            for action in as_list(statement["Action"]):
                yield ("" if key == "Resource" else "not ") + resource, mark + action
