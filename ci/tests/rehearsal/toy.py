"""A package and a stack just big enough to be rehearsed, with a `nox` that takes no time."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from ci.checkout.git import git

if TYPE_CHECKING:
    from pathlib import Path

    # stage, project, session of its own, inputs, outputs
    Build = tuple[str, str, str | None, list[str], list[str]]

_NOX = """
import hashlib, json, os, pathlib, sys, urllib.request

session = os.environ["NOXSESSION"]
name, root = "toy-1.0", os.environ["TWINE_REPOSITORY_URL"]
dist = pathlib.Path(os.environ.get("CODEBUILD_SRC_DIR_dist", "dist"))
if session in ("pr", "release"):
    pathlib.Path("reports").mkdir()
    pathlib.Path("reports/junit.xml").write_text("<testsuite/>")
    dist.mkdir()
    files = {name + "-py3-none-any.whl": b"wheel", name + ".tar.gz": b"sdist"}
    sums = ""
    for file, content in files.items():
        (dist / file).write_bytes(content)
        sums += hashlib.sha256(content).hexdigest() + "  " + file + "\\n"
    (dist / "SHA256SUMS").write_text(sums)
elif session == "publish":
    import boto3, requests  # which take their time

    client = boto3.client("secretsmanager")
    secret = client.get_secret_value(SecretId=os.environ["PYPI_SECRET_ID"])
    token = json.loads(secret["SecretString"])
    for path in dist.glob("toy-*"):
        kind = "bdist_wheel" if path.suffix == ".whl" else "sdist"
        form = {":action": "file_upload", "name": "toy", "version": "1.0", "filetype": kind}
        requests.post(
            root,
            data={**form, "metadata_version": "2.1", "pyversion": "py3"},
            files={"content": (path.name, path.read_bytes())},
            auth=(token["username"], token["password"]),
        ).raise_for_status()
elif session == "verify":
    urllib.request.urlopen(os.environ["UV_INDEX"] + "toy/").read()
else:
    sys.exit("no session " + session)
"""

_BUILDSPEC = """
version: 0.2
phases:
  install:
    commands: ['export PATH="$PWD/tools:$PATH"']
  pre_build:
    commands: ['test -z "$CODEBUILD_SRC_DIR_dist" || ln -s "$CODEBUILD_SRC_DIR_dist" dist']
  build:
    commands: [nox]
reports:
  tests: {base-directory: reports, files: ["*.xml"]}
artifacts: {base-directory: dist, files: ["**/*"]}
cache: {paths: [/root/.cache/uv/**/*]}
"""

_PYPROJECT = """
[project]
name = "toy"
version = "1.0"
classifiers = ["Programming Language :: Python :: 3.12"]
"""

_APP = """
import os, pathlib, shutil
out = pathlib.Path(os.environ["CDK_OUTDIR"])
shutil.copytree("assembly", out)
"""


def make_toy(folder: Path, document: dict[str, Any] | None = None) -> Path:
    """A git repository with the toy package, its pipeline, and an app that makes `document`."""
    files = {
        "pyproject.toml": _PYPROJECT,
        "src/toy/__init__.py": "",
        "tests/test_toy.py": "",
        "buildspec.yml": _BUILDSPEC,
        "tools/nox": f"#!{sys.executable}\n{_NOX}",
        "cdk/app.py": _APP,
        "cdk/cdk.json": json.dumps({"app": "python app.py", "context": {}}),
        "cdk/assembly/manifest.json": json.dumps(manifest()),
        "cdk/assembly/toy.template.json": json.dumps(document or template()),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    (folder / "tools/nox").chmod(0o755)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    author = (
        "-c",
        "user.name=Toy",
        "-c",
        "user.email=toy@example.com",
        "-c",
        "commit.gpgsign=false",
    )
    git(folder, *author, "commit", "--quiet", "--message", "Begin")
    return folder


def manifest() -> dict[str, Any]:
    """A cloud assembly's manifest with one stack."""
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/eu-west-1",
        "properties": {"templateFile": "toy.template.json"},
    }
    return {"artifacts": {"tree": {"type": "cdk:tree"}, "stack": stack}}


def template() -> dict[str, Any]:
    """Two pipelines, three projects and what starts them, in the words of CloudFormation."""
    return {
        "Parameters": {"BootstrapVersion": {"Type": "String", "Default": "/cdk"}},
        "Resources": {
            **_project("Pr", "toy-pr-validation", {"NOXSESSION": "pr"}, cache=True),
            **_project("Release", "toy-release", {"NOXSESSION": "release"}),
            **_project(
                "Publish",
                "toy-publish",
                {"NOXSESSION": "publish", "PYPI_SECRET_ID": "toy/pypi"},
                _allow(
                    "secretsmanager:GetSecretValue",
                    _arn("secretsmanager", "secret:toy/pypi-??????"),
                ),
            ),
            **_pipeline(
                "Prs",
                {
                    "SOURCE_COMMIT": "$.detail.sourceCommit",
                    "PULL_REQUEST_ID": "$.detail.pullRequestId",
                },
                [("Validate", "Pr", None, [], [])],
                {"event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"]},
            ),
            **_pipeline(
                "Releases",
                {"SOURCE_COMMIT": "$.detail.commitId", "RELEASE_TAG": "$.detail.referenceName"},
                [
                    ("Build", "Release", None, [], ["dist"]),
                    ("Publish", "Publish", None, ["dist"], []),
                    ("Verify", "Release", "verify", ["dist"], []),
                ],
                {"event": ["referenceCreated"], "referenceName": [{"prefix": "v"}]},
            ),
            **_comment(),
            **_mail(),
        },
    }


def _arn(service: str, resource: str) -> dict[str, Any]:
    text = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"
    return {"Fn::Sub": text}


def _allow(action: object, resource: object) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _role(name: str, *statements: dict[str, Any]) -> dict[str, Any]:
    policy = {"PolicyDocument": {"Statement": list(statements)}, "Roles": [{"Ref": f"{name}Role"}]}
    return {
        f"{name}Role": {"Type": "AWS::IAM::Role"},
        f"{name}Policy": {"Type": "AWS::IAM::Policy", "Properties": policy},
    }


def _project(
    name: str, full: str, variables: dict[str, str], *grants: dict[str, Any], cache: bool = False
) -> dict[str, Any]:
    store = {"Fn::Join": ["", [{"Fn::GetAtt": ["Store", "Arn"]}, "/*"]]}
    properties = {
        "Name": full,
        "ServiceRole": {"Fn::GetAtt": [f"{name}Role", "Arn"]},
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": "buildspec.yml"},
        "TimeoutInMinutes": 1,
        "Cache": {"Type": "S3", "Location": "cache"} if cache else {"Type": "NO_CACHE"},
        "Environment": {
            "EnvironmentVariables": [{"Name": n, "Value": v} for n, v in variables.items()]
        },
    }
    usual = [
        _allow("codecommit:GitPull", _arn("codecommit", "toy")),
        _allow(["s3:GetObject*", "s3:PutObject"], store),
    ]
    return {
        "Store": {"Type": "AWS::S3::Bucket"},
        name: {"Type": "AWS::CodeBuild::Project", "Properties": properties},
        **_role(name, *usual, *grants),
    }


def _pipeline(
    name: str,
    variables: dict[str, str],
    builds: list[Build],
    detail: dict[str, Any],
) -> dict[str, Any]:
    arn = _arn("codepipeline", name)
    source = {
        "Name": "Source",
        "ActionTypeId": {"Provider": "CodeCommit"},
        "Configuration": {
            "RepositoryName": "toy",
            "BranchName": "main",
            "OutputArtifactFormat": "CODEBUILD_CLONE_REF",
        },
        "OutputArtifacts": [{"Name": "source"}],
    }
    properties = {
        "Name": name,
        "RoleArn": {"Fn::GetAtt": [f"{name}Role", "Arn"]},
        "ArtifactStore": {"Location": {"Ref": "Store"}},
        "Variables": [{"Name": variable} for variable in variables],
        "Stages": [
            {"Name": "Source", "Actions": [source]},
            *(_stage(list(variables), build) for build in builds),
        ],
    }
    named = [{"name": n, "value": f"<{n}>"} for n in variables]
    given = {
        "sourceRevisions": [
            {
                "actionName": "Source",
                "revisionType": "COMMIT_ID",
                "revisionValue": "<SOURCE_COMMIT>",
            }
        ],
        "variables": named,
    }
    target = {
        "Arn": arn,
        "RoleArn": {"Fn::GetAtt": [f"{name}EventsRole", "Arn"]},
        "InputTransformer": {
            "InputPathsMap": variables,
            "InputTemplate": json.dumps(given).replace('"<', "<").replace('>"', ">"),
        },
    }
    rule = {"EventPattern": {"source": ["aws.codecommit"], "detail": detail}, "Targets": [target]}
    return {
        name: {"Type": "AWS::CodePipeline::Pipeline", "Properties": properties},
        f"{name}Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        **_role(name, _allow("codebuild:StartBuild", "*")),
        **_role(f"{name}Events", _allow("codepipeline:StartPipelineExecution", arn)),
    }


def _stage(variables: list[str], build: Build) -> dict[str, Any]:
    name, project, session, inputs, made = build
    environment = {variable: f"#{{variables.{variable}}}" for variable in variables}
    if session:
        environment["NOXSESSION"] = session
    action = {
        "Name": name,
        "ActionTypeId": {"Provider": "CodeBuild"},
        "Configuration": {
            "ProjectName": {"Ref": project},
            "PrimarySource": "source",
            "EnvironmentVariables": json.dumps(
                [{"name": n, "type": "PLAINTEXT", "value": v} for n, v in environment.items()]
            ),
        },
        "InputArtifacts": [{"Name": "source"}, *({"Name": item} for item in inputs)],
        "OutputArtifacts": [{"Name": item} for item in made],
    }
    return {"Name": name, "Actions": [action]}


def _ended(pipeline: str, *states: str) -> dict[str, Any]:
    """The pattern of an execution's end, unless the pipeline's creation started it."""
    detail: dict[str, Any] = {
        "pipeline": [{"Ref": pipeline}],
        "execution-trigger": {"trigger-type": [{"anything-but": ["CreatePipeline"]}]},
    }
    if states:
        detail["state"] = list(states)
    return {"source": ["aws.codepipeline"], "detail": detail}


def _mail() -> dict[str, Any]:
    target = {
        "Arn": {"Ref": "Topic"},
        "InputTransformer": {
            "InputPathsMap": {"id": "$.detail.execution-id"},
            "InputTemplate": '"Release failed: <id>"',
        },
    }
    rule = {"EventPattern": _ended("Releases", "FAILED"), "Targets": [target]}
    return {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "MailRule": {"Type": "AWS::Events::Rule", "Properties": rule},
    }


def _comment() -> dict[str, Any]:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Read",
        "States": {
            "Read": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:codepipeline:getPipelineExecution",
                "Arguments": {
                    "PipelineName": "${pipeline}",
                    "PipelineExecutionId": "{% $states.input.execution %}",
                },
                "Assign": {
                    "run": "{% $states.result.PipelineExecution.Variables{Name: ResolvedValue} %}"
                },
                "Output": "{% $states.input %}",
                "Next": "Write",
            },
            "Write": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:codecommit:postCommentForPullRequest",
                "Arguments": {
                    "PullRequestId": "{% $run.PULL_REQUEST_ID %}",
                    "RepositoryName": "toy",
                    "BeforeCommitId": "{% $run.SOURCE_COMMIT %}",
                    "AfterCommitId": "{% $run.SOURCE_COMMIT %}",
                    "Content": "{% $run.SOURCE_COMMIT & ' ' & $states.input.state %}",
                },
                "End": True,
            },
        },
    }
    machine = {
        "DefinitionString": json.dumps(definition),
        "DefinitionSubstitutions": {"pipeline": {"Ref": "Prs"}},
        "RoleArn": {"Fn::GetAtt": ["CommentRole", "Arn"]},
    }
    rule = {
        "EventPattern": _ended("Prs"),
        "Targets": [
            {
                "Arn": {"Ref": "Comment"},
                "RoleArn": {"Fn::GetAtt": ["CommentEventsRole", "Arn"]},
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.execution-id", "state": "$.detail.state"},
                    "InputTemplate": '{"execution":<id>,"state":"<state>"}',
                },
            }
        ],
    }
    wanted = ["codepipeline:GetPipelineExecution", "codecommit:PostCommentForPullRequest"]
    return {
        "Comment": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
        "CommentRule": {"Type": "AWS::Events::Rule", "Properties": rule},
        **_role(
            "Comment", _allow(wanted, [_arn("codepipeline", "Prs"), _arn("codecommit", "toy")])
        ),
        **_role("CommentEvents", _allow("states:StartExecution", {"Ref": "Comment"})),
    }
