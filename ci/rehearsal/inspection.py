"""Check a template for rights that it must not have, also those that no play uses."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.iam import granted, statements

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.cloudformation import Template

# They run on the Python of the pipeline's tools; tests run on the package's.
_TOOL_SESSIONS = {"build", "publish", "verify"}
_PROJECT = "AWS::CodeBuild::Project"
# Whoever may do one of these to the publisher's role, its project or its secret can do all it can.
_ROLE_RIGHTS = ("PassRole", "PutRolePolicy", "AttachRolePolicy", "UpdateAssumeRolePolicy")
_PROJECT_RIGHTS = ("StartBuildBatch", "RetryBuild", "RetryBuildBatch", "UpdateProject")
# Whoever is in these has rights that no role's statements show.
_ELSEWHERE = (
    *("AWS::IAM::User", "AWS::IAM::UserPolicy", "AWS::IAM::Group", "AWS::IAM::GroupPolicy"),
    "AWS::SecretsManager::ResourcePolicy",
)


def inspect_template(template: Template, checkout: Path) -> None:
    """Raise UserError for a right that must not be there, and for a wrong Python.

    Only a project that publishes may be granted a secret, and only its own. `checkout` has the
    noxfile that the builds run.
    """
    _check_other_principals(template)
    for project in template.resources(_PROJECT).values():
        _check_no_secret_variable(project)
        secret = _variables(project).get("PYPI_SECRET_ID")
        if secret:
            _check_secret(template, project, secret)
    _check_pythons(template, checkout)


def _variables(project: dict[str, Any]) -> dict[str, str]:
    found = project["Environment"].get("EnvironmentVariables", [])
    return {variable["Name"]: variable["Value"] for variable in found}


def _check_no_secret_variable(project: dict[str, Any]) -> None:
    """Check that CodeBuild puts no secret into the environment, where every program finds it."""
    for variable in project["Environment"].get("EnvironmentVariables", []):
        if variable.get("Type", "PLAINTEXT") != "PLAINTEXT":
            raise _granted(f"{project['Name']} gets {variable['Name']} from {variable['Type']}")


def _check_other_principals(template: Template) -> None:
    for kind in _ELSEWHERE:
        for name in template.resources(kind):
            raise UserError(
                "rehearsal-principal",
                f"the template has {template.name(name)}, of type {kind}",
                "grant rights to the roles of the builds and pipelines only",
            )


def _check_secret(template: Template, project: dict[str, Any], secret: str) -> None:
    """Check that only the role of one project can read a secret."""
    session = _variables(project).get("NOXSESSION")
    if session != "publish":
        raise _granted(
            f"{project['Name']} runs {session}, but gets the name of the secret {secret}"
        )
    owner = project["ServiceRole"].partition(":role/")[2]
    users = [
        other["Name"]
        for other in template.resources(_PROJECT).values()
        if other["ServiceRole"] == project["ServiceRole"]
    ]
    if users != [project["Name"]]:
        raise _granted(f"{' and '.join(users)} share the role {owner}")
    for arn in _secret_arns(template, secret):
        others = granted(template, "secretsmanager:GetSecretValue", arn) - {owner}
        if others:
            raise _granted(f"{', '.join(sorted(others))} can read the secret {secret}")
        _check_nobody(template, "secretsmanager:PutResourcePolicy", arn)
    _check_trust(template, project["ServiceRole"])
    for right in _ROLE_RIGHTS:
        _check_nobody(template, f"iam:{right}", project["ServiceRole"])
    name = template.arn_of("codebuild", f"project/{project['Name']}")
    for right in _PROJECT_RIGHTS:
        _check_nobody(template, f"codebuild:{right}", name)
    starters = granted(template, "codebuild:StartBuild", name)
    pipelines = {
        pipeline["RoleArn"].partition(":role/")[2]
        for pipeline in template.resources("AWS::CodePipeline::Pipeline").values()
        if json.dumps(project["Name"]) in json.dumps(pipeline["Stages"])
    }
    if starters - pipelines:
        found = ", ".join(sorted(starters - pipelines))
        raise _granted(f"{found} can start {project['Name']} with its own buildspec")


def _secret_arns(template: Template, secret: str) -> list[str]:
    """ARNs that a secret of that name may have: one for each ending that a policy could mean.

    A secret's ARN ends in six characters of Secrets Manager's choice.
    """
    if secret.startswith("arn:"):
        return [secret]
    endings = {"AbCdEf"}
    for name in template.resources("AWS::IAM::Role"):
        for statement in statements(template, template.arn(name)):
            resources = statement.get("Resource", [])
            for text in [resources] if isinstance(resources, str) else resources:
                ending = str(text).rpartition("-")[2].replace("?", "A")
                filler = "A" * max(0, 7 - len(ending))
                endings.add(f"{ending.replace('*', filler, 1).replace('*', '')}AbCdEf"[:6])
    base = template.arn_of("secretsmanager", f"secret:{secret}")
    return [f"{base}-{ending}" for ending in sorted(endings)]


def _check_trust(template: Template, arn: str) -> None:
    """Check that only CodeBuild can assume the publisher's role."""
    for name, role in template.resources("AWS::IAM::Role").items():
        if template.arn(name) != arn:
            continue
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            if statement.get("Principal") != {"Service": "codebuild.amazonaws.com"}:
                raise _granted(f"not only CodeBuild can assume the role {template.name(name)}")


def _check_nobody(template: Template, action: str, resource: str) -> None:
    found = granted(template, action, resource)
    if found:
        raise _granted(f"{', '.join(sorted(found))} can {action} on {resource}")


def _granted(found: str) -> UserError:
    return UserError("rehearsal-granted", found, "remove this right in cdk/")


def _check_pythons(template: Template, checkout: Path) -> None:
    """Check that every project runs on the Python that its sessions ask for."""
    projects = list(template.resources(_PROJECT).values())
    wanted = _session_pythons(checkout, {_variables(item)["NOXSESSION"] for item in projects})
    for project in projects:
        spec = read_buildspec(project)
        selected = spec.variables.get("PYENV_VERSION", spec.python)
        if {spec.python, selected} != wanted:
            raise UserError(
                "rehearsal-python",
                f"{project['Name']} runs on Python {spec.python} (PYENV_VERSION is {selected}), "
                f"its sessions on {' and '.join(sorted(wanted)) or 'none'}",
                "name the noxfile's Python in buildspec.yml",
            )


def _session_pythons(checkout: Path, sessions: set[str]) -> set[str]:
    """The Pythons that the noxfile names for those of these sessions that run the tools."""
    command = [sys.executable, "-m", "nox", "--list-sessions", "--json", "--session", *sessions]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(
            "rehearsal-noxfile",
            f"nox does not list {', '.join(sorted(sessions))}: {' '.join(done.stderr.split())}",
            "correct noxfile.py, or NOXSESSION in cdk/",
        )
    listed = json.loads(done.stdout)
    return {item["python"] for item in listed if item["name"] in _TOOL_SESSIONS}
