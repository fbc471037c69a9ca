"""Whole plays of a toy package: what goes through, and that what is broken is named."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal import outcome, plays
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.rehearsal import Rehearsal, open_rehearsal, with_indexes
from ci.rehearsal.scenarios.scenario import Start, ending
from ci.rehearsal.secretsmanager import secrets_proxy
from ci.tests.rehearsal.toy import add_nights, add_staging, make_toy, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from ci.rehearsal.execution import Step

    Edit = Callable[[dict[str, Any]], None]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    toy = make_toy(tmp_path_factory.mktemp("toy"))
    with open_rehearsal(toy, tmp_path_factory.mktemp("scratch")) as rehearsal:
        yield Start(rehearsal)


@pytest.fixture
def rehearsal(start: Start) -> Rehearsal:
    """One with a repository and an index of its own; servers are shared."""
    start.rehearsal.secrets.requests.clear()
    return start.fresh()


def edited(rehearsal: Rehearsal, edit: Edit) -> Rehearsal:
    """The same with another template."""
    document = template()
    edit(document["Resources"])
    changed = replace(rehearsal.account.template, document=document)
    return replace(rehearsal, account=replace(rehearsal.account, template=changed))


def with_command(rehearsal: Rehearsal, project: str, phase: str, command: str) -> Rehearsal:
    """The same with the commands of one phase of a project's buildspec replaced."""

    def edit(resources: dict[str, Any]) -> None:
        source = resources[project]["Properties"]["Source"]
        spec = json.loads(source["BuildSpec"])
        spec["phases"].setdefault(phase, {})["commands"] = [command]
        source["BuildSpec"] = json.dumps(spec)

    return edited(rehearsal, edit)


def stopped(rehearsal: Rehearsal) -> tuple[str, str]:
    """Where a release stops, and all that is said about it."""
    execution = plays.play_release(rehearsal)
    assert outcome.on_index(rehearsal) == {}
    return execution.failed[0].name, ending(rehearsal, execution).printed


def test_a_release_goes_from_its_tag_to_the_index(rehearsal: Rehearsal) -> None:
    heard: list[tuple[str, bool]] = []

    def announce(step: Step) -> None:
        heard.append((step.stage, step.seconds is None))

    account = replace(rehearsal.account, announce=announce)
    execution = plays.play_release(replace(rehearsal, account=account))
    assert list(outcome.check_release(rehearsal, execution)) == [
        "toy-1.0-py3-none-any.whl",
        "toy-1.0.tar.gz",
    ]
    ended = [stage for stage, begins in heard if not begins]
    assert ended == ["Source", "Build", "Build", "Publish", "Verify"]
    assert {request.role.rpartition("/")[2] for request in rehearsal.secrets.requests} == {
        "PublishRole"
    }


def test_a_release_is_staged_on_an_index_and_with_a_secret_of_its_own(
    rehearsal: Rehearsal,
) -> None:
    document = template()
    add_staging(document)
    account = replace(rehearsal.account, template=Template(document, "eu-west-1"))
    with secrets_proxy(account.template, rehearsal.aws.url) as proxy:
        account = replace(account, credentials=proxy.credentials)
        staged = with_indexes(replace(rehearsal, account=account, secrets=proxy), "staged")
        assert staged.staging
        execution = plays.play_release(staged)
        files = outcome.check_release(staged, execution)
        uploads = [step.environment["TWINE_REPOSITORY_URL"] for step in execution.steps[3:]]
        assert uploads == [
            *[staged.staging.upload_url] * 2,
            *[staged.index.upload_url] * 2,
        ]
        assert outcome.on_index(staged, staged.staging) == files
        assert [request.resource.rpartition(":")[2] for request in proxy.requests] == [
            "toy/testpypi-AbCdEf",
            "toy/pypi-AbCdEf",
        ]


def test_a_night_builds_the_branch_s_head_and_reads_no_secret(rehearsal: Rehearsal) -> None:
    document = template()
    add_nights(document)
    template_ = replace(rehearsal.account.template, document=document)
    nightly = replace(rehearsal, account=replace(rehearsal.account, template=template_))
    commit = plays.push_commit(nightly, nightly.branch, "Go on")
    execution = plays.play_night(nightly)
    outcome.check_night(nightly, execution)
    assert execution.steps[1].environment["SOURCE_COMMIT"] == commit
    assert plays.play_creations(nightly)[-1].steps == []


def test_a_night_that_fails_is_named(rehearsal: Rehearsal) -> None:
    document = template()
    add_nights(document)
    template_ = replace(rehearsal.account.template, document=document)
    nightly = replace(rehearsal, account=replace(rehearsal.account, template=template_))
    (nightly.checkout / "noxfile.py").write_text("raise SystemExit(1)\n")
    plays.push_commit(nightly, nightly.branch, "Break")
    with pytest.raises(UserError, match="Nightly failed in BUILD"):
        outcome.check_night(nightly, plays.play_night(nightly))


def test_a_pull_request_leads_to_reports_and_a_comment(rehearsal: Rehearsal) -> None:
    commit = plays.push_commit(rehearsal, "topic", "Propose")
    execution = plays.play_pull_request(rehearsal, "pull-request-created", commit)
    outcome.check_pull_request(rehearsal, execution)
    comment = outcome.comment_on(rehearsal, execution)
    assert (comment.to, comment.text) == ("pull request 1", f"{commit} SUCCEEDED")


def test_a_failed_pull_request_is_commented_as_such(rehearsal: Rehearsal) -> None:
    commit = plays.push_commit(rehearsal, "topic", "Propose")
    broken = with_command(rehearsal, "Pr", "build", "false")
    execution = plays.play_pull_request(broken, "pull-request-source-branch-updated", commit)
    assert outcome.comment_on(broken, execution).text == f"{commit} FAILED"
    with pytest.raises(UserError, match="Validate failed in BUILD: false: exit code 1"):
        outcome.check_pull_request(broken, execution)


def test_another_session_in_a_project_is_named(rehearsal: Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        variables = resources["Release"]["Properties"]["Environment"]["EnvironmentVariables"]
        variables[0]["Value"] = "pr"

    where, said = stopped(edited(rehearsal, edit))
    assert where == "Build/Check"
    assert "NOXSESSION is 'pr', not release|build|publish|verify" in said


@pytest.mark.parametrize("name", ["RELEASE_TAG", "SOURCE_COMMIT"])
def test_a_variable_of_another_name_is_named(rehearsal: Rehearsal, name: str) -> None:
    def edit(resources: dict[str, Any]) -> None:
        for action in resources["Releases"]["Properties"]["Stages"][1]["Actions"]:
            text = action["Configuration"]["EnvironmentVariables"]
            action["Configuration"]["EnvironmentVariables"] = text.replace(
                f'"name": "{name}"', '"name": "OTHER"'
            )

    where, said = stopped(edited(rehearsal, edit))
    assert where == "Build/Check"
    assert f"{name} is None" in said


@pytest.mark.parametrize(
    ("project", "where"), [("Build", "Build"), ("Publish", "Publish"), ("Verify", "Verify")]
)
def test_a_release_project_that_does_not_know_the_branch_is_named(
    rehearsal: Rehearsal, project: str, where: str
) -> None:
    def edit(resources: dict[str, Any]) -> None:
        environment = resources[project]["Properties"]["Environment"]
        del environment["EnvironmentVariables"][1]

    execution = plays.play_release(edited(rehearsal, edit))
    assert [step.name for step in execution.failed] == [where]
    assert "RELEASE_BRANCH is None, not 'main'" in str(execution.failed[0].failure)


def test_a_variable_that_the_pipeline_does_not_have_is_named(rehearsal: Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources["Releases"]["Properties"]["Variables"][1]["Name"] = "OTHER"

    with pytest.raises(UserError, match="no variable RELEASE_TAG"):
        plays.play_release(edited(rehearsal, edit))


def test_stages_in_another_order_are_named(rehearsal: Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        stages = resources["Releases"]["Properties"]["Stages"]
        stages[1], stages[2] = stages[2], stages[1]

    with pytest.raises(UserError, match="Publish takes dist, which no earlier action makes"):
        plays.play_release(edited(rehearsal, edit))


def test_a_missing_stage_is_named(rehearsal: Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        del resources["Releases"]["Properties"]["Stages"][3]

    execution = plays.play_release(edited(rehearsal, edit))
    with pytest.raises(UserError, match="ran build and release, publish, not build and release, p"):
        outcome.check_release(rehearsal, execution)


def test_witnesses_that_run_one_after_the_other_are_named(rehearsal: Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources["Releases"]["Properties"]["Stages"][1]["Actions"][1]["RunOrder"] = 2

    execution = plays.play_release(edited(rehearsal, edit))
    with pytest.raises(UserError, match="ran release, build, publish, verify, not build and rel"):
        outcome.check_release(rehearsal, execution)


def test_the_missing_grant_of_the_secret_stops_publish(rehearsal: Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        del resources["PublishGrant"]

    changed = edited(rehearsal, edit)
    with secrets_proxy(changed.account.template, rehearsal.aws.url) as secrets:
        account = replace(changed.account, credentials=secrets.credentials)
        where, said = stopped(replace(changed, account=account, secrets=secrets))
    assert where == "Publish"
    assert "AccessDeniedException" in said


@pytest.mark.parametrize(
    ("policy", "where", "action"),
    [
        ("ReleasePolicy", "Build/Check", "codecommit:GitPull"),
        ("BuildGrant", "Build", "s3:PutObject"),
        ("ReleasesPolicy", "Build/Check", "codebuild:StartBuild"),
    ],
)
def test_a_missing_grant_stops_the_build(
    rehearsal: Rehearsal, policy: str, where: str, action: str
) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources[policy]["Properties"]["PolicyDocument"]["Statement"].pop(0)

    found, said = stopped(edited(rehearsal, edit))
    assert found == where
    assert f"may not {action}" in said


def test_nox_misspelt_is_named(rehearsal: Rehearsal) -> None:
    where, said = stopped(with_command(rehearsal, "Release", "build", "noxx"))
    assert where == "Build/Check"
    assert "BUILD: noxx: exit code 127" in said


def test_publishing_in_post_build_is_stopped_under_the_builder_s_role(
    rehearsal: Rehearsal,
) -> None:
    publish = f"NOXSESSION=publish PYPI_SECRET_ID=toy/pypi {sys.executable} noxfile.py"
    where, said = stopped(with_command(rehearsal, "Build", "post_build", publish))
    assert where == "Build"
    assert "POST_BUILD" in said
    assert "AccessDeniedException" in said


def test_a_build_that_ends_without_its_reports_is_stopped(rehearsal: Rehearsal) -> None:
    where, said = stopped(with_command(rehearsal, "Release", "build", "true"))
    assert where == "Build/Check"
    assert "UPLOAD_ARTIFACTS: no file of the report tests" in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"RELEASE_TAG": "v0", "SOURCE_COMMIT": "HEAD"}, "runs Check"),
        ({}, "tells Topic"),
    ],
)
def test_a_new_pipeline_that_does_something_by_itself_is_named(
    rehearsal: Rehearsal, changes: dict[str, str], why: str
) -> None:
    def edit(resources: dict[str, Any]) -> None:
        releases = resources["Releases"]["Properties"]
        for variable in releases["Variables"]:
            variable["DefaultValue"] = changes.get(variable["Name"], "")
        if not changes:
            pattern = resources["MailRule"]["Properties"]["EventPattern"]
            del pattern["detail"]["execution-trigger"]

    with pytest.raises(UserError, match="rehearsal-creation") as raised:
        plays.play_creations(edited(rehearsal, edit))
    assert why.partition(" ")[2] in raised.value.found


@pytest.mark.parametrize("no_value", ["an error", "as written"])
def test_new_pipelines_run_nothing_and_tell_nobody(
    rehearsal: Rehearsal, no_value: Literal["an error", "as written"]
) -> None:
    answers = replace(rehearsal.account.answers, no_value=no_value)
    account = replace(rehearsal.account, answers=answers)
    executions = plays.play_creations(replace(rehearsal, account=account))
    assert [execution.pipeline["Name"] for execution in executions] == ["Prs", "Releases"]
