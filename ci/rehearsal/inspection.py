"""What a template must not hold, whether or not a play comes upon it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.rehearsal.buildspec import read_buildspec
from ci.rehearsal.iam import granted

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.cloudformation import Template

# They run on the Python of the pipeline's tools; tests run on the package's.
_TOOL_SESSIONS = {"build", "publish", "verify"}
_PROJECT = "AWS::CodeBuild::Project"
# Whoever is in these has rights that no role's statements show.
_ELSEWHERE = (
    *("AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::UserPolicy"),
    "AWS::SecretsManager::ResourcePolicy",
)


def inspect_template(template: Template, checkout: Path) -> None:
    """Raise UserError for a right that is too much, and for a Python that the sessions don't need.

    Only a project that publishes may be granted a secret, and only its own. `checkout` has the
    noxfile that the builds run.
    """
    _check_other_principals(template)
    for project in template.resources(_PROJECT).values():
        secret = _variables(project).get("PYPI_SECRET_ID")
        if secret:
            _check_secret(template, project, secret)
    _check_pythons(template, checkout)


def _variables(project: dict[str, Any]) -> dict[str, str]:
    found = project["Environment"].get("EnvironmentVariables", [])
    return {variable["Name"]: variable["Value"] for variable in found}


def _check_other_principals(template: Template) -> None:
    for kind in _ELSEWHERE:
        for name in template.resources(kind):
            raise UserError(
                "rehearsal-principal",
                f"the template has {template.name(name)}, of type {kind}",
                "grant rights to the roles of the builds and pipelines only",
            )


def _check_secret(template: Template, project: dict[str, Any], secret: str) -> None:
    """Check who can read a secret: the role of its project, which is nobody else's."""
    session = _variables(project).get("NOXSESSION")
    if session != "publish":
        raise _granted(f"the project {project['Name']}, which runs {session}, is told {secret}")
    owner = project["ServiceRole"].partition(":role/")[2]
    users = [
        other["Name"]
        for other in template.resources(_PROJECT).values()
        if other["ServiceRole"] == project["ServiceRole"]
    ]
    if users != [project["Name"]]:
        raise _granted(f"the role {owner} is that of {' and '.join(users)}")
    where = f"{template.region}:{template.account}"
    # A secret's ARN ends in six characters of Secrets Manager's choice.
    arn = f"arn:aws:secretsmanager:{where}:secret:{secret}-AbCdEf"
    others = granted(template, "secretsmanager:GetSecretValue", arn) - {owner}
    if others:
        raise _granted(f"{', '.join(sorted(others))} may read {secret}")
    starters = granted(
        template, "codebuild:StartBuild", f"arn:aws:codebuild:{where}:project/{project['Name']}"
    )
    pipelines = {
        pipeline["RoleArn"].partition(":role/")[2]
        for pipeline in template.resources("AWS::CodePipeline::Pipeline").values()
        if json.dumps(project["Name"]) in json.dumps(pipeline["Stages"])
    }
    if starters - pipelines:
        found = ", ".join(sorted(starters - pipelines))
        raise _granted(f"{found} may start {project['Name']} with a buildspec of its own")


def _granted(found: str) -> UserError:
    return UserError("rehearsal-granted", found, "take the right away in cdk/")


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
