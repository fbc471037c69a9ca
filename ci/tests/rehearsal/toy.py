"""A package and a stack just big enough to be rehearsed, with a `nox` that takes no time."""

from __future__ import annotations

import functools
import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from ci.checkout.git import git
from ci.tests.samples import lasting_folder, to_be_copied

if TYPE_CHECKING:
    from pathlib import Path

    # name, project, inputs, outputs
    Action = tuple[str, str, list[str], list[str]]

# A script in the place of nox's: each session takes no time. nox itself only lists its sessions.
_NOXFILE = """
import hashlib, json, os, pathlib, sys, urllib.request

SESSIONS = ("pr", "release", "build", "publish", "verify", "nightly")


def main():
    session = os.environ["NOXSESSION"]
    print("nox > Running session", session)
    name, root = "toy-1.0", os.environ["TWINE_REPOSITORY_URL"]
    dist = pathlib.Path(os.environ.get("CODEBUILD_SRC_DIR_dist", "dist"))
    if session in ("pr", "release"):
        pathlib.Path("reports").mkdir()
        pathlib.Path("reports/junit.xml").write_text("<testsuite/>")
    if session in ("release", "build"):
        dist.mkdir()
        files = {name + "-py3-none-any.whl": b"wheel", name + ".tar.gz": b"sdist"}
        sums = ""
        for file, content in files.items():
            (dist / file).write_bytes(content)
            sums += hashlib.sha256(content).hexdigest() + "  " + file + "\\n"
        (dist / "SHA256SUMS").write_text(sums)
    if session == "publish":
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
    if session == "verify":
        urllib.request.urlopen(os.environ["UV_INDEX"] + "toy/").read()
    print("nox > Session", session, "was successful.")


if "nox" in sys.modules:
    import nox

    for name in SESSIONS:
        nox.session(main, name=name, python="3.12")
else:
    main()
"""

_BUILDSPEC: dict[str, Any] = {
    "version": 0.2,
    "env": {"shell": "bash", "git-credential-helper": "yes"},
    "phases": {
        "install": {
            "runtime-versions": {"python": "3.12"},
            "commands": [
                '"$(git rev-parse --is-shallow-repository)" && git fetch -q --unshallow || true',
                "git fetch -q --force --tags origin '+refs/heads/*:refs/remotes/origin/*'",
                "export BRANCH=refs/remotes/origin/$RELEASE_BRANCH",
                (
                    'test -z "$RELEASE_BRANCH"'
                    " || git merge-base --is-ancestor $SOURCE_COMMIT^{} $BRANCH"
                    " || { echo commit-unmerged; false; }"
                ),
                'git checkout -q --detach "$SOURCE_COMMIT^{commit}"',
            ],
        },
        "build": {
            "commands": [
                f"{sys.executable} noxfile.py",
                "! test -d dist || export DIST_SHA256=$(sha256sum dist/SHA256SUMS | cut -c 1-64)",
            ]
        },
    },
}
_REPORTS = {"reports": {"tests": {"base-directory": "reports", "files": ["*.xml"]}}}
_ARTIFACTS = {"artifacts": {"base-directory": "dist", "files": ["**/*"]}}
_CACHE = {"cache": {"paths": ["/root/.cache/uv/**/*"]}}

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
    made = _toy_once(json.dumps(document or template()))
    shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)
    return folder


@functools.cache
def _toy_once(document: str) -> Path:
    """That repository, to be copied: a copy is faster than git."""
    folder = lasting_folder()
    files = {
        "pyproject.toml": _PYPROJECT,
        "CHANGELOG.md": "# Changelog\n",
        "src/toy/__init__.py": "",
        "tests/test_toy.py": "",
        "noxfile.py": _NOXFILE,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    make_app(folder / "cdk", json.loads(document))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    return to_be_copied(folder)


def make_app(folder: Path, document: dict[str, Any]) -> None:
    """An app of the CDK that makes `document`."""
    files = {
        "app.py": _APP,
        "cdk.json": json.dumps({"app": "python app.py", "context": {}}),
        "assembly/manifest.json": json.dumps(manifest()),
        "assembly/toy.template.json": json.dumps(document),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))


def manifest() -> dict[str, Any]:
    """A cloud assembly's manifest with one stack."""
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/eu-west-1",
        "properties": {"templateFile": "toy.template.json"},
    }
    return {"artifacts": {"tree": {"type": "cdk:tree"}, "stack": stack}}


def template() -> dict[str, Any]:
    """Two pipelines, five projects and what starts them, in the words of CloudFormation."""
    release = {"RELEASE_BRANCH": "main"}
    return {
        "Parameters": {"BootstrapVersion": {"Type": "String", "Default": "/cdk"}},
        "Resources": {
            **_project("Pr", "pr", {}, _REPORTS, _CACHE),
            **_project("Release", "release", release, _REPORTS),
            **_project("Build", "build", release, _ARTIFACTS),
            **_publisher("Publish", "toy/pypi", release),
            **_project("Verify", "verify", release),
            **_grant("Build", _allow("s3:PutObject", _store("/*/dist/*"))),
            **_pipeline(
                "Prs",
                {
                    "SOURCE_COMMIT": "$.detail.sourceCommit",
                    "DESTINATION_COMMIT": "$.detail.destinationCommit",
                    "PULL_REQUEST_ID": "$.detail.pullRequestId",
                },
                {"Validate": [("Validate", "Pr", [], [])]},
                {"event": ["pullRequestCreated", "pullRequestSourceBranchUpdated"]},
            ),
            **_pipeline(
                "Releases",
                {"SOURCE_COMMIT": "$.detail.commitId", "RELEASE_TAG": "$.detail.referenceName"},
                {
                    "Build": [("Check", "Release", [], []), ("Build", "Build", [], ["dist"])],
                    "Publish": [("Publish", "Publish", ["dist"], [])],
                    "Verify": [("Verify", "Verify", ["dist"], [])],
                },
                {"event": ["referenceCreated"], "referenceName": [{"prefix": "v"}]},
            ),
            **_comment(),
            **_mail(),
        },
    }


def add_staging(document: dict[str, Any]) -> None:
    """Have the release published to, and verified on, another index before."""
    there = {"RELEASE_BRANCH": "main", "TWINE_REPOSITORY": "testpypi"}
    resources = document["Resources"]
    resources |= _publisher("Staging", "toy/testpypi", there)
    variables = ["SOURCE_COMMIT", "RELEASE_TAG"]
    publish = _action(variables, ("Publish", "Staging", ["dist"], []))
    verify = _action(variables, ("Verify", "Verify", ["dist"], []), TWINE_REPOSITORY="testpypi")
    stage = {
        "Name": "Staging",
        "Actions": [publish | {"Name": "Upload"}, verify | {"Name": "Install", "RunOrder": 2}],
    }
    releases = resources["Releases"]["Properties"]
    releases["Stages"].insert(2, stage)
    _start(resources, "Staging")


def add_nights(document: dict[str, Any]) -> None:
    """Have a schedule start a pipeline at the branch's head."""
    resources = document["Resources"]
    resources |= _project("Nightly", "nightly", {})
    nights = _pipeline("Nights", {}, {"Nightly": [("Nightly", "Nightly", [], [])]}, {})
    rule = nights["NightsRule"]["Properties"]
    del rule["EventPattern"], rule["Targets"][0]["InputTransformer"]
    rule["ScheduleExpression"] = "rate(1 day)"
    source, nightly = (stage["Actions"][0] for stage in nights["Nights"]["Properties"]["Stages"])
    source["Namespace"] = "Source"
    commit = [{"name": "SOURCE_COMMIT", "type": "PLAINTEXT", "value": "#{Source.CommitId}"}]
    nightly["Configuration"]["EnvironmentVariables"] = json.dumps(commit)
    resources |= nights


def _start(resources: dict[str, Any], project: str) -> None:
    statement = resources["ReleasesPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    statement["Resource"].append({"Fn::GetAtt": [project, "Arn"]})


def _publisher(name: str, secret: str, variables: dict[str, str]) -> dict[str, Any]:
    read = _allow(
        "secretsmanager:GetSecretValue", _arn("secretsmanager", f"secret:{secret}-??????")
    )
    project = _project(name, "publish", {**variables, "PYPI_SECRET_ID": secret})
    return {**project, **_grant(name, read)}


def _arn(service: str, resource: str) -> dict[str, Any]:
    text = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"
    return {"Fn::Sub": text}


def _allow(action: object, resource: object) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _store(keys: str = "") -> dict[str, Any]:
    return {"Fn::Join": ["", [{"Fn::GetAtt": ["Store", "Arn"]}, keys]]}


def _role(name: str, *statements: dict[str, Any]) -> dict[str, Any]:
    policy = {"PolicyDocument": {"Statement": list(statements)}, "Roles": [{"Ref": f"{name}Role"}]}
    service = {"Service": "codebuild.amazonaws.com"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": service}
    properties = {"AssumeRolePolicyDocument": {"Statement": [trust]}}
    return {
        f"{name}Role": {"Type": "AWS::IAM::Role", "Properties": properties},
        f"{name}Policy": {"Type": "AWS::IAM::Policy", "Properties": policy},
    }


def _grant(name: str, statement: dict[str, Any]) -> dict[str, Any]:
    """One more policy of a role."""
    policy = {"PolicyDocument": {"Statement": [statement]}, "Roles": [{"Ref": f"{name}Role"}]}
    return {f"{name}Grant": {"Type": "AWS::IAM::Policy", "Properties": policy}}


def _project(
    name: str, session: str, variables: dict[str, str], *products: dict[str, Any]
) -> dict[str, Any]:
    spec: dict[str, Any] = {**_BUILDSPEC}
    for product in products:
        spec |= product
    if session in {"release", "build"}:
        spec["env"] = {**spec["env"], "exported-variables": ["DIST_SHA256"]}
    environment = {"NOXSESSION": session, **variables}
    properties = {
        "Name": f"toy-{name.lower()}",
        "ServiceRole": {"Fn::GetAtt": [f"{name}Role", "Arn"]},
        "Source": {"Type": "CODEPIPELINE", "BuildSpec": json.dumps(spec)},
        "TimeoutInMinutes": 1,
        "Cache": {"Type": "S3", "Location": "cache"} if "cache" in spec else {"Type": "NO_CACHE"},
        "Environment": {
            "Image": "aws/codebuild/standard:7.0",
            "EnvironmentVariables": [{"Name": n, "Value": v} for n, v in environment.items()],
        },
    }
    usual = [
        _allow("codecommit:GitPull", _arn("codecommit", "toy")),
        _allow("s3:GetObject*", _store("/*")),
        _allow("s3:GetBucket*", _store()),
        _allow("logs:*", _arn("logs", f"log-group:/aws/codebuild/toy-{name.lower()}:*")),
    ]
    if "reports" in spec:
        group = _arn("codebuild", f"report-group/toy-{name.lower()}-*")
        usual.append(_allow(["codebuild:*Report*", "codebuild:BatchPut*"], group))
    if "cache" in spec:
        usual.append(_allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::cache/*"))
    return {
        "Store": {"Type": "AWS::S3::Bucket"},
        name: {"Type": "AWS::CodeBuild::Project", "Properties": properties},
        **_role(name, *usual),
    }


def _pipeline(
    name: str,
    variables: dict[str, str],
    stages: dict[str, list[Action]],
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
            *(
                {"Name": stage, "Actions": [_action(list(variables), action) for action in actions]}
                for stage, actions in stages.items()
            ),
        ],
    }
    given = {"variables": [{"name": n, "value": f"<{n}>"} for n in variables]}
    target = {
        "Arn": arn,
        "RoleArn": {"Fn::GetAtt": [f"{name}EventsRole", "Arn"]},
        "InputTransformer": {
            "InputPathsMap": variables,
            "InputTemplate": json.dumps(given).replace('"<', "<").replace('>"', ">"),
        },
    }
    rule = {"EventPattern": {"source": ["aws.codecommit"], "detail": detail}, "Targets": [target]}
    projects = [
        {"Fn::GetAtt": [project, "Arn"]}
        for actions in stages.values()
        for _, project, _, _ in actions
    ]
    return {
        name: {"Type": "AWS::CodePipeline::Pipeline", "Properties": properties},
        f"{name}Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        **_role(
            name,
            _allow(["codebuild:StartBuild", "codebuild:BatchGetBuilds"], projects),
            _allow(["codecommit:Get*", "codecommit:UploadArchive"], _arn("codecommit", "toy")),
            _allow("s3:*", _store("/*")),
        ),
        **_role(f"{name}Events", _allow("codepipeline:StartPipelineExecution", arn)),
    }


def _action(variables: list[str], action: Action, **more: str) -> dict[str, Any]:
    name, project, inputs, made = action
    environment = {variable: f"#{{variables.{variable}}}" for variable in variables} | more
    if name == "Publish":
        environment["CHECK_DIST_SHA256"] = "#{Check.DIST_SHA256}"
        environment["BUILD_DIST_SHA256"] = "#{Build.DIST_SHA256}"
    return {
        "Name": name,
        "Namespace": name,
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
