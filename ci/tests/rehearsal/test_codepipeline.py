"""The pipeline player, held to what the CodePipeline user guide says."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal.account import Account
from ci.rehearsal.answers import Answers
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.codepipeline import play, start, start_on_creation
from ci.rehearsal.image import Laptop
from ci.tests.rehearsal.toy import make_toy, template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.rehearsal.execution import Execution

    Run = Callable[..., Execution]

PIPELINE = "AWS::CodePipeline::Pipeline"
PROJECTS = ("Release", "Build", "Publish", "Verify")


@pytest.fixture
def document() -> dict[str, Any]:
    """The toy's template; a test may edit it before it runs."""
    return template()


@pytest.fixture
def releases(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["Resources"]["Releases"]["Properties"]
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_toy(tmp_path / "repository")


@pytest.fixture
def account(
    document: dict[str, Any], repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Account:
    """One whose containers have the laptop's own PATH: an image takes long to make."""

    def make_image(folder: Path, *_: object) -> str:
        folder.mkdir()
        return os.environ["PATH"]

    monkeypatch.setattr("ci.rehearsal.provisioning.make_image", make_image)
    laptop = Laptop({}, tmp_path, tmp_path)
    found, logs, variables = Template(document), tmp_path / "logs", {"LANG": "C.UTF-8"}
    return Account(found, tmp_path, logs, repository, laptop, variables=variables)


@pytest.fixture
def run(account: Account) -> Run:
    """Play the toy's release pipeline, each project with a buildspec of one command."""

    def run(command: str = "true", request: dict[str, Any] | None = None) -> Execution:
        for name in PROJECTS:
            source = account.template.document["Resources"][name]["Properties"]["Source"]
            source["BuildSpec"] = json.dumps(buildspec(command))
        asked = request or {}
        given = {"SOURCE_COMMIT": "abc", "RELEASE_TAG": "v1", **asked.get("variables", {})}
        execution = start(
            account.template,
            {
                "name": "Releases",
                **asked,
                "variables": [{"name": name, "value": text} for name, text in given.items()],
            },
        )
        play(execution, account)
        return execution

    return run


def buildspec(command: str) -> dict[str, Any]:
    commands = [command, "mkdir -p out; echo made >out/made", "export DIST_SHA256=$NOXSESSION"]
    return {
        "version": 0.2,
        "env": {"exported-variables": ["DIST_SHA256"], "git-credential-helper": "yes"},
        "phases": {
            "install": {"runtime-versions": {"python": "3.12"}},
            "build": {"commands": commands},
        },
        "artifacts": {"base-directory": "out", "files": ["**/*"]},
    }


def said(execution: Execution, action: str) -> list[str]:
    """What an action's commands printed."""
    log = next(step.log for step in execution.steps if step.action == action)
    lines = log.read_text().splitlines() if log else []
    return [line for line in lines if not line.startswith("[Container]")]


def why(execution: Execution) -> str:
    """Why it stopped."""
    assert execution.failed
    return " and ".join(str(step.failure) for step in execution.failed)


def test_stages_are_played_in_their_order_until_one_fails(run: Run) -> None:
    execution = run("test $NOXSESSION != publish")
    stages = ["Source", "Build", "Build", "Publish"]
    assert [step.stage for step in execution.steps] == stages
    assert execution.failed == [execution.steps[3]]


def test_the_source_is_the_branch_s_head(run: Run, repository: Path) -> None:
    execution = run("git rev-parse HEAD")
    assert execution.steps[0].commit == git(repository, "rev-parse", "HEAD")
    assert said(execution, "Check") == [execution.steps[0].commit]


def test_a_zip_has_files_only(run: Run, releases: dict[str, Any]) -> None:
    del releases["Stages"][0]["Actions"][0]["Configuration"]["OutputArtifactFormat"]
    files = ["CHANGELOG.md", "cdk", "noxfile.py", "pyproject.toml", "src", "tests"]
    assert said(run("ls -A"), "Check") == files


def test_actions_of_one_run_order_run_at_the_same_time(run: Run, tmp_path: Path) -> None:
    """Each waits for the other: one after the other, they would wait for ever."""
    os.mkfifo(tmp_path / "between")
    meet = (
        f"case $NOXSESSION in release) echo >{tmp_path}/between;; build) read x <{tmp_path}/between"
    )
    execution = run(f"{meet};; esac")
    assert not execution.failed


def test_where_one_of_two_actions_fails_the_other_ends_and_nothing_follows(run: Run) -> None:
    execution = run("echo begun; test $NOXSESSION != release")
    assert [step.action for step in execution.failed] == ["Check"]
    assert said(execution, "Build") == ["begun"]
    assert [step.stage for step in execution.steps] == ["Source", "Build", "Build"]


def test_the_action_s_variables_win_over_the_project_s(run: Run, releases: dict[str, Any]) -> None:
    check = releases["Stages"][1]["Actions"][0]
    check["Configuration"]["EnvironmentVariables"] = json.dumps(
        [{"name": "RELEASE_BRANCH", "type": "PLAINTEXT", "value": "next"}]
    )
    execution = run("echo $NOXSESSION $RELEASE_BRANCH")
    assert said(execution, "Check") == ["release next"]
    assert said(execution, "Build") == ["build main"]


def test_a_build_knows_that_it_is_codebuild(run: Run) -> None:
    execution = run("echo $CODEBUILD_INITIATOR $CODEBUILD_RESOLVED_SOURCE_VERSION $AWS_REGION")
    known = f"codepipeline/Releases {execution.steps[0].commit} us-west-2"
    assert said(execution, "Check") == [known]


def test_an_input_artifact_is_a_copy_of_what_was_handed_on_and_nothing_else(run: Run) -> None:
    given = "$CODEBUILD_SRC_DIR_dist"
    execution = run(f'test -z "{given}" || (cd {given}; ls; touch more)')
    assert said(execution, "Publish") == said(execution, "Verify") == ["made"]


def test_an_output_artifact_of_which_nothing_was_built_fails_its_action(
    run: Run, document: dict[str, Any], account: Account
) -> None:
    run()
    project = document["Resources"]["Build"]["Properties"]["Source"]
    spec = json.loads(project["BuildSpec"])
    del spec["artifacts"]
    project["BuildSpec"] = json.dumps(spec)
    changed = replace(account, template=Template(document))
    given = [{"name": name, "value": "x"} for name in ("SOURCE_COMMIT", "RELEASE_TAG")]
    execution = start(changed.template, {"name": "Releases", "variables": given})
    play(execution, changed)
    assert why(execution) == "UPLOAD_ARTIFACTS: nothing was built for dist"


def test_each_build_has_a_checkout_and_a_home_of_its_own(run: Run) -> None:
    execution = run("find ~ $TMPDIR -type f; touch ~/left $TMPDIR/left left; git status --short")
    assert said(execution, "Check") == ["?? left"]
    assert said(execution, "Build") == said(execution, "Publish") == ["?? left"]


def test_a_build_has_the_time_that_its_project_says(run: Run, document: dict[str, Any]) -> None:
    for name in ("Release", "Build"):
        document["Resources"][name]["Properties"]["TimeoutInMinutes"] = 0.005
    failed = run("sleep 20").failed
    assert ["timed out after 0 s" in str(step.failure) for step in failed] == [True, True]


def test_a_container_is_discarded_when_its_build_has_ended(run: Run, account: Account) -> None:
    discarded: list[str] = []
    object.__setattr__(account, "discard", lambda path: discarded.append(path.name))
    run("test $NOXSESSION != publish")
    assert (
        sorted(name.partition("-")[0] for name in discarded)
        == ["container"] * 3 + ["sources"] * 3 + ["tmp"] * 3
    )


def test_exported_variables_reach_later_actions(run: Run) -> None:
    execution = run("echo ${CHECK_DIST_SHA256-none} ${BUILD_DIST_SHA256-none}")
    assert said(execution, "Check") == ["none none"]
    assert said(execution, "Publish") == ["release build"]


def test_a_variable_without_value_fails_its_action(run: Run, releases: dict[str, Any]) -> None:
    action = releases["Stages"][1]["Actions"][0]
    action["Configuration"]["EnvironmentVariables"] = '[{"name": "A", "value": "#{variables.B}"}]'
    assert "#{variables.B} has no value" in why(run())


def test_a_variable_without_value_may_stay_as_it_is_written(
    account: Account, releases: dict[str, Any]
) -> None:
    releases["Stages"][1:] = [{"Name": "Build", "Actions": [releases["Stages"][1]["Actions"][0]]}]
    execution = start_on_creation(
        Template(account.template.document).resources(PIPELINE)["Releases"]
    )
    play(execution, replace(account, answers=Answers(no_value="as written")))
    assert execution.steps[1].environment["SOURCE_COMMIT"] == "#{variables.SOURCE_COMMIT}"
    assert execution.failed


def test_a_new_pipeline_starts_without_variables_and_stops_before_a_build(
    account: Account,
) -> None:
    execution = start_on_creation(account.template.resources(PIPELINE)["Releases"])
    play(execution, account)
    assert "#{variables.SOURCE_COMMIT} has no value" in why(execution)
    assert [step.build for step in execution.steps] == [None, None, None]


def test_a_variable_has_its_default(run: Run, releases: dict[str, Any]) -> None:
    releases["Variables"].append({"Name": "B", "DefaultValue": "usual"})
    action = releases["Stages"][1]["Actions"][0]
    action["Configuration"]["EnvironmentVariables"] = '[{"name": "A", "value": "#{variables.B}"}]'
    assert said(run("echo $A"), "Check") == ["usual"]


def test_an_approval_is_given(run: Run, releases: dict[str, Any]) -> None:
    approval = {"Name": "Approve", "ActionTypeId": {"Provider": "Manual"}}
    releases["Stages"].insert(2, {"Name": "Approval", "Actions": [approval]})
    assert [step.stage for step in run().steps][3:5] == ["Approval", "Publish"]


def test_actions_of_a_stage_run_by_their_run_order(run: Run, releases: dict[str, Any]) -> None:
    actions = releases["Stages"][1]["Actions"]
    actions.append({"Name": "First", "ActionTypeId": {"Provider": "Manual"}, "RunOrder": 1})
    actions[0]["RunOrder"] = 2
    assert [step.action for step in run().steps][1:4] == ["Build", "First", "Check"]


def test_an_action_may_not_take_what_one_of_its_own_run_order_makes(
    run: Run, releases: dict[str, Any]
) -> None:
    releases["Stages"][1]["Actions"][0]["InputArtifacts"].append({"Name": "dist"})
    with pytest.raises(UserError, match="Check takes dist, which no earlier action makes"):
        run()


def test_another_kind_of_action_is_not_passed_over(run: Run, releases: dict[str, Any]) -> None:
    releases["Stages"][1]["Actions"][0]["ActionTypeId"]["Provider"] = "Lambda"
    assert "is a Lambda action, which the rehearsal does not play" in why(run())


def test_a_secret_as_a_variable_is_refused(run: Run, document: dict[str, Any]) -> None:
    project = document["Resources"]["Release"]["Properties"]
    project["Environment"]["EnvironmentVariables"][0]["Type"] = "SECRETS_MANAGER"
    assert "is of type SECRETS_MANAGER" in why(run())


@pytest.mark.parametrize(
    ("role", "right", "action"),
    [
        ("Releases", "codecommit:GetBranch", "Source"),
        ("Releases", "codebuild:BatchGetBuilds", "Check"),
        ("Release", "logs:PutLogEvents", "Check"),
    ],
)
def test_a_right_that_is_not_granted_fails_the_action_that_needs_it(
    run: Run, document: dict[str, Any], role: str, right: str, action: str
) -> None:
    policy = document["Resources"][f"{role}Policy"]["Properties"]["PolicyDocument"]
    policy["Statement"].append({"Effect": "Deny", "Action": right, "Resource": "*"})
    execution = run()
    assert execution.failed[0].action == action
    assert f"{role}Role may not {right} on " in why(execution)


def test_an_unknown_project_fails_its_action(run: Run, releases: dict[str, Any]) -> None:
    releases["Stages"][1]["Actions"][0]["Configuration"]["ProjectName"] = "nobody"
    assert "the template has no project nobody" in why(run())


def test_a_stage_is_retried_with_the_artifacts_as_they_were(run: Run, account: Account) -> None:
    execution = run("test $NOXSESSION != publish")
    made = dict(execution.artifacts)
    play(execution, account, begin="Publish")
    assert [step.stage for step in execution.steps][3:] == ["Publish", "Publish"]
    assert execution.artifacts == made


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"name": "Nobody"}, "there is no pipeline Nobody"),
        ({"variables": {"RELEASE_TAG": ""}}, "its variable RELEASE_TAG has no value"),
        ({"variables": {"MORE": "x"}}, "the pipeline has no variable MORE"),
        ({"sourceRevisions": [{"actionName": "Source"}]}, "started with a source revision"),
    ],
)
def test_a_start_that_codepipeline_refuses_is_refused(
    run: Run, asked: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        run("true", asked)
