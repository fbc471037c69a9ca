"""Find out what a role of the template can do, from its own statements.

The order of decisions is that of the IAM user guide's "Policy evaluation logic" within one account,
for identity-based policies: an explicit deny, then an explicit allow, else an implicit deny.
Conditions are not evaluated: a Deny that has one denies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ci.errors import UserError

if TYPE_CHECKING:
    from ci.rehearsal.cloudformation import Template

Statement = dict[str, Any]


def may(template: Template, role_arn: str, action: str, resource: str) -> bool:
    """Whether the role may do `action` (such as "s3:GetObject") to the resource with that ARN.

    A statement with a condition allows nothing. Raises UserError for a role that is not in the
    template, or that holds a policy whose text is not.
    """
    fitting = _fitting(statements(template, role_arn), action, resource)
    allowed = any(not statement.get("Condition") for statement in fitting)
    return allowed and not any(statement["Effect"] == "Deny" for statement in fitting)


def granted(template: Template, action: str, resource: str) -> set[str]:
    """The names of all roles that may do `action` to that resource under any condition.

    Raises UserError for a role that holds a policy whose text is not in the template.
    """
    found = set()
    for logical_id in template.resources("AWS::IAM::Role"):
        fitting = _fitting(statements(template, template.arn(logical_id)), action, resource)
        sure = {item["Effect"] for item in fitting if not item.get("Condition")}
        if "Deny" not in sure and any(item["Effect"] == "Allow" for item in fitting):
            found.add(template.name(logical_id))
    return found


def statements(template: Template, role_arn: str) -> list[Statement]:
    """Every statement of the role's policies, inline, attached or managed.

    Raises UserError for a role that is not in the template, or that holds a policy whose text is
    not.
    """
    roles = template.resources("AWS::IAM::Role")
    logical_id = next((name for name in roles if template.arn(name) == role_arn), None)
    if logical_id is None:
        raise UserError(
            "rehearsal-role", f"the template has no role {role_arn}", "define the role in cdk/"
        )
    role = roles[logical_id]
    managed = [str(arn) for arn in role.get("ManagedPolicyArns", [])]
    documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    documents += [
        policy["PolicyDocument"]
        for policy in template.resources("AWS::IAM::RolePolicy").values()
        if policy["RoleName"] == template.name(logical_id)
    ]
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        documents += [
            policy["PolicyDocument"]
            for name, policy in template.resources(kind).items()
            if template.name(logical_id) in policy.get("Roles", [])
            or template.name(name) in managed
        ]
    foreign = [arn for arn in managed if arn.startswith("arn:")]
    if foreign:
        raise UserError(
            "rehearsal-managed-policy",
            f"the role {role_arn} has the policies {', '.join(foreign)}, whose text is not in"
            " the template",
            "replace them in cdk/ with the statements that the role needs",
        )
    return [statement for document in documents for statement in document["Statement"]]


def _fitting(found: list[Statement], action: str, resource: str) -> list[Statement]:
    """The statements that are about that action and that resource."""
    return [
        statement
        for statement in found
        if _fits(statement, "Action", action, re.IGNORECASE)
        and _fits(statement, "Resource", resource)
    ]


def _fits(statement: Statement, key: str, value: str, flags: int = 0) -> bool:
    negated = f"Not{key}" in statement
    patterns = statement.get(f"Not{key}" if negated else key, [])
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return negated != any(re.fullmatch(_expression(text), value, flags) for text in patterns)


def _expression(pattern: str) -> str:
    """IAM's wildcards as a regular expression: * is any text, ? is any one character."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def require(template: Template, role_arn: str, action: str, resource: str) -> None:
    """Raise UserError unless the role may do that."""
    if not may(template, role_arn, action, resource):
        raise UserError(
            "rehearsal-forbidden",
            f"{role_arn.partition('/')[2]} may not {action} on {resource}",
            "grant that right to the role in cdk/",
        )
