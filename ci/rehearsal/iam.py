"""What a role of the template may do, as far as its own statements say.

The order of decisions is that of the IAM user guide's "Policy evaluation logic" within one account,
for identity-based policies: an explicit deny, then an explicit allow, else an implicit deny. What a
condition says is not evaluated: a statement that has one never allows, and always denies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.rehearsal.cloudformation import Template


def may(template: Template, role_arn: str, action: str, resource: str) -> bool:
    """Whether the role may do `action` (such as "s3:GetObject") to the resource with that ARN.

    Raises UserError for a role that is not in the template, or holds a policy whose text is not.
    """
    fitting = [
        statement
        for statement in _statements(template, role_arn)
        if _fits(statement, "Action", action, re.IGNORECASE)
        and _fits(statement, "Resource", resource)
    ]
    if any(statement["Effect"] == "Deny" for statement in fitting):
        return False
    return any(not statement.get("Condition") for statement in fitting)


def _statements(template: Template, role_arn: str) -> Iterator[dict[str, Any]]:
    roles = template.resources("AWS::IAM::Role")
    found = [name for name in roles if template.arn(name) == role_arn]
    if not found:
        raise UserError("rehearsal-role", f"the template has no role {role_arn}", "define it there")
    logical_id, role = found[0], roles[found[0]]
    documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, policy in template.resources(kind).items():
            if template.name(logical_id) in policy.get("Roles", []) or template.name(
                name
            ) in role.get("ManagedPolicyArns", []):
                documents.append(policy["PolicyDocument"])
    foreign = [arn for arn in role.get("ManagedPolicyArns", []) if str(arn).startswith("arn:")]
    if foreign:
        raise UserError(
            "rehearsal-managed-policy",
            f"the role {role_arn} holds {', '.join(foreign)}, whose text is not in the template",
            "write the statements that it needs",
        )
    for document in documents:
        yield from document["Statement"]


def _fits(statement: dict[str, Any], key: str, value: str, flags: int = 0) -> bool:
    negated = f"Not{key}" in statement
    patterns = statement.get(f"Not{key}" if negated else key, [])
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return negated != any(re.fullmatch(_expression(text), value, flags) for text in patterns)


def _expression(pattern: str) -> str:
    """IAM's wildcards as a regular expression: * is any text, ? is any one character."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def require_grants(
    template: Template,
    pipeline: dict[str, Any],
    project: dict[str, Any],
    inputs: dict[str, bool],
    outputs: list[str],
) -> None:
    """Hold the roles behind a build to what they have to do for it.

    `inputs` are the artifacts it takes and whether each is a clone. Raises UserError for what is
    not granted: the "service role permissions" of CodePipeline's CodeBuild action reference.
    """
    store = f"arn:aws:s3:::{pipeline['ArtifactStore']['Location']}/{pipeline['Name'][:20]}"
    where = f"{template.region}:{template.account}"
    arn = f"arn:aws:codebuild:{where}:project/{project['Name']}"
    wanted = [(pipeline["RoleArn"], "codebuild:StartBuild", arn)]
    role = project["ServiceRole"]
    if any(inputs.values()):
        source = pipeline["Stages"][0]["Actions"][0]["Configuration"]["RepositoryName"]
        wanted += [(role, "codecommit:GitPull", f"arn:aws:codecommit:{where}:{source}")]
    wanted += [(role, "s3:GetObject", f"{store}/{name[:10]}/key") for name in inputs]
    wanted += [(role, "s3:PutObject", f"{store}/{name[:10]}/key") for name in outputs]
    for need in wanted:
        require(template, *need)


def require(template: Template, role_arn: str, action: str, resource: str) -> None:
    """Raise UserError unless the role may do that."""
    if not may(template, role_arn, action, resource):
        raise UserError(
            "rehearsal-forbidden",
            f"{role_arn.rpartition('/')[2]} may not {action} on {resource}",
            "grant it in cdk/",
        )
