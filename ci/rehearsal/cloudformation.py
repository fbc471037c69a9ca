"""The synthesized template, with every reference resolved to what it would be once deployed.

Names and ARNs follow the return values that the CloudFormation template reference lists for each
type of resource. CloudFormation makes up the name of a resource that has none of its own; here that
is its path in the CDK app.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ci.errors import UserError

_NAMES = (
    *("Name", "RoleName", "BucketName", "QueueName", "TopicName", "LogGroupName"),
    "StateMachineName",
)
_ARNS = {  # the service and the last part, where they don't follow from the type and the name
    "AWS::CodeBuild::Project": ("codebuild", "project/{name}"),
    "AWS::IAM::Role": ("iam", "role/{name}"),
    "AWS::Logs::LogGroup": ("logs", "log-group:{name}:*"),
    "AWS::StepFunctions::StateMachine": ("states", "stateMachine:{name}"),
}
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}  # by how their regions' names begin
_REFERS_BY_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}


@dataclass(frozen=True)
class Template:
    """A template and where it would be deployed. It is read once: a change of it is another one."""

    document: dict[str, Any]
    region: str = "us-west-2"
    account: str = "123456789012"
    _resolved: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _named: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def partition(self) -> str:
        """The partition of its region, which every ARN begins with."""
        found = (name for begin, name in _PARTITIONS.items() if self.region.startswith(begin))
        return next(found, "aws")

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resolved properties of each resource of that type, by logical id."""
        if kind not in self._resolved:
            self._resolved[kind] = {
                name: self.resolve(resource.get("Properties", {}))
                for name, resource in self.document["Resources"].items()
                if resource["Type"] == kind
            }
        return self._resolved[kind]

    def by_path(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resolved properties of each resource of that type, by its path in the CDK app."""
        return {self.path(name): found for name, found in self.resources(kind).items()}

    def path(self, logical_id: str) -> str:
        """Where the CDK app has a resource, such as "releases/Role".

        Its logical id in a template without such paths (`aws:cdk:enable-path-metadata`).
        """
        metadata = self.document["Resources"][logical_id].get("Metadata", {})
        path = str(metadata.get("aws:cdk:path", logical_id))
        return path.partition("/")[2].removesuffix("/Resource") or logical_id

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - as many-typed as JSON
        """`value` with its references replaced; raises UserError for one that is not understood."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, operand),) = value.items()
            if key == "Ref":
                return self._ref(operand)
            if key.startswith("Fn::"):
                return self._function(key, operand)
        return {key: self.resolve(item) for key, item in value.items()}

    def arn(self, logical_id: str) -> str:
        """The ARN of a resource of this template."""
        kind = self._kind(logical_id)
        service, form = _ARNS.get(kind, (kind.split("::")[1].lower(), "{name}"))
        return self.arn_of(service, form.format(name=self.name(logical_id)))

    def arn_of(self, service: str, name: str) -> str:
        """The ARN of anything in this account, such as ("codebuild", "project/p")."""
        everywhere = {"s3": ":", "iam": f":{self.account}"}  # these ARNs have no region
        where = everywhere.get(service, f"{self.region}:{self.account}")
        return f"arn:{self.partition}:{service}:{where}:{name}"

    def name(self, logical_id: str) -> str:
        """The name of a resource of this template; its path where it has none of its own."""
        if logical_id not in self._named:
            properties = self.document["Resources"][logical_id].get("Properties", {})
            own = (str(self.resolve(properties[key])) for key in _NAMES if key in properties)
            self._named[logical_id] = next(own, self.path(logical_id))
        return self._named[logical_id]

    def _kind(self, logical_id: str) -> str:
        if logical_id not in self.document["Resources"]:
            raise _not_understood(f"a reference to {logical_id}")
        return str(self.document["Resources"][logical_id]["Type"])

    def _ref(self, name: str) -> Any:  # noqa: ANN401 - a parameter's default may be anything
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": "rehearsal",
            "AWS::NoValue": None,
        }
        parameters = self.document.get("Parameters", {})
        if name in pseudo:
            return pseudo[name]
        if name in parameters:
            return parameters[name].get("Default", name)
        return self.arn(name) if self._kind(name) in _REFERS_BY_ARN else self.name(name)

    def _function(self, key: str, operand: Any) -> Any:  # noqa: ANN401 - as above
        if key == "Fn::GetAtt":
            logical_id, attribute = operand
            is_arn = attribute.endswith("Arn")
            return self.arn(logical_id) if is_arn else f"{self.name(logical_id)}.{attribute}"
        if key == "Fn::Join":
            separator, parts = operand
            return separator.join(str(part) for part in self.resolve(parts) if part is not None)
        if key == "Fn::Sub":
            text, given = operand if isinstance(operand, list) else (operand, {})
            return re.sub(r"\$\{([^}]+)\}", lambda match: self._substitute(match[1], given), text)
        if key == "Fn::Select":
            return self.resolve(operand[1])[int(operand[0])]
        if key == "Fn::Split":
            return self.resolve(operand[1]).split(operand[0])
        raise _not_understood(key)

    def _substitute(self, name: str, given: dict[str, Any]) -> str:
        if name.startswith("!"):  # what stands for itself
            return f"${{{name[1:]}}}"
        if name in given:
            return str(self.resolve(given[name]))
        reference, _, attribute = name.partition(".")
        return str(
            self._function("Fn::GetAtt", [reference, attribute]) if attribute else self._ref(name)
        )


def _not_understood(what: str) -> UserError:
    return UserError(
        "rehearsal-template",
        f"the template uses {what}, which the rehearsal does not support",
        "add it to ci/rehearsal/cloudformation.py, or use something else in cdk/",
    )
