"""Whole plays of a toy package: what goes through, and that what is broken is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError
from ci.rehearsal import play
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.scenarios.scenario import Scenario
from ci.rehearsal.secretsmanager import secrets_gate
from ci.tests.rehearsal.toy import make_toy, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ci.rehearsal.execution import Step

    Edit = Callable[[dict[str, Any]], None]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    toy = make_toy(tmp_path_factory.mktemp("toy"))
    with play.open_rehearsal(toy, tmp_path_factory.mktemp("scratch")) as rehearsal:
        yield Scenario(rehearsal)


@pytest.fixture
def rehearsal(scenario: Scenario) -> play.Rehearsal:
    """One with a repository and an index of its own; servers and gate are shared."""
    scenario.rehearsal.gate.requests.clear()
    return scenario.fresh()


def edited(rehearsal: play.Rehearsal, edit: Edit) -> play.Rehearsal:
    """The same with another template."""
    document = template()
    edit(document["Resources"])
    changed = replace(rehearsal.account.template, document=document)
    return replace(rehearsal, account=replace(rehearsal.account, template=changed))


def rewrite(rehearsal: play.Rehearsal, old: str, new: str) -> None:
    """Commit another buildspec to the release branch."""
    path = rehearsal.checkout / "buildspec.yml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    play.push_commit(rehearsal, rehearsal.branch, "Change the build")


def stopped(rehearsal: play.Rehearsal) -> tuple[str, str]:
    """Where a release stops, and all that is said about it."""
    step = play.play_release(rehearsal).failed
    assert step is not None
    assert play.on_index(rehearsal) == {}
    return step.stage, f"{step.failure}\n{step.log.read_text() if step.log else ''}"


def test_a_release_goes_from_its_tag_to_the_index(rehearsal: play.Rehearsal) -> None:
    heard: list[tuple[str, bool]] = []

    def announce(step: Step) -> None:
        heard.append((step.stage, step.seconds is None))

    account = replace(rehearsal.account, announce=announce)
    execution = play.play_release(replace(rehearsal, account=account))
    assert list(play.check_release(rehearsal, execution)) == [
        "toy-1.0-py3-none-any.whl",
        "toy-1.0.tar.gz",
    ]
    assert [stage for stage, begins in heard if not begins] == [
        "Source",
        "Build",
        "Publish",
        "Verify",
    ]
    assert [step.session for step in execution.steps] == ["", "release", "publish", "verify"]
    assert {request.role.rpartition("/")[2] for request in rehearsal.gate.requests} == {
        "PublishRole"
    }


def test_a_pull_request_leads_to_reports_and_a_comment(rehearsal: play.Rehearsal) -> None:
    commit = play.push_commit(rehearsal, "topic", "Propose")
    execution = play.play_pull_request(rehearsal, "pull-request-created", commit)
    play.check_pull_request(rehearsal, execution)
    comment = play.comment_on(rehearsal, execution)
    assert (comment.to, comment.text) == ("pull request 1", f"{commit} SUCCEEDED")


def test_a_failed_pull_request_is_commented_as_such(rehearsal: play.Rehearsal) -> None:
    rewrite(rehearsal, "[nox]", "['false']")
    commit = play.push_commit(rehearsal, "topic", "Propose")
    execution = play.play_pull_request(rehearsal, "pull-request-source-branch-updated", commit)
    assert play.comment_on(rehearsal, execution).text == f"{commit} FAILED"
    with pytest.raises(UserError, match="stopped in Validate"):
        play.check_pull_request(rehearsal, execution)


def test_another_session_in_a_project_is_named(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        variables = resources["Release"]["Properties"]["Environment"]["EnvironmentVariables"]
        variables[0]["Value"] = "pr"

    stage, said = stopped(edited(rehearsal, edit))
    assert stage == "Build"
    assert "NOXSESSION is 'pr', not 'release'" in said


@pytest.mark.parametrize("name", ["RELEASE_TAG", "SOURCE_COMMIT"])
def test_a_variable_of_another_name_is_named(rehearsal: play.Rehearsal, name: str) -> None:
    def edit(resources: dict[str, Any]) -> None:
        for action in resources["Releases"]["Properties"]["Stages"][1]["Actions"]:
            text = action["Configuration"]["EnvironmentVariables"]
            action["Configuration"]["EnvironmentVariables"] = text.replace(
                f'"name": "{name}"', '"name": "OTHER"'
            )

    stage, said = stopped(edited(rehearsal, edit))
    assert stage == "Build"
    assert f"{name} is None" in said


def test_a_variable_that_the_pipeline_does_not_have_is_named(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources["Releases"]["Properties"]["Variables"][1]["Name"] = "OTHER"

    with pytest.raises(UserError, match="no variable RELEASE_TAG"):
        play.play_release(edited(rehearsal, edit))


def test_stages_in_another_order_are_named(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        stages = resources["Releases"]["Properties"]["Stages"]
        stages[1], stages[2] = stages[2], stages[1]

    with pytest.raises(UserError, match="Publish takes dist, which none before it makes"):
        play.play_release(edited(rehearsal, edit))


def test_a_missing_stage_is_named(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        del resources["Releases"]["Properties"]["Stages"][3]

    execution = play.play_release(edited(rehearsal, edit))
    with pytest.raises(UserError, match="played release, publish, not release, publish, verify"):
        play.check_release(rehearsal, execution)


def test_the_missing_grant_of_the_secret_stops_publish(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources["PublishPolicy"]["Properties"]["PolicyDocument"]["Statement"].pop()

    changed = edited(rehearsal, edit)
    with secrets_gate(changed.account.template, rehearsal.aws.url) as gate:
        account = replace(changed.account, credentials=gate.credentials)
        stage, said = stopped(replace(changed, account=account, gate=gate))
    assert stage == "Publish"
    assert "AccessDeniedException" in said


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        ("ReleasePolicy", "codecommit:GitPull"),
        ("ReleasesPolicy", "codebuild:StartBuild"),
    ],
)
def test_a_missing_grant_stops_the_build(
    rehearsal: play.Rehearsal, policy: str, action: str
) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources[policy]["Properties"]["PolicyDocument"]["Statement"].pop(0)

    stage, said = stopped(edited(rehearsal, edit))
    assert stage == "Build"
    assert f"may not {action}" in said


def test_a_rule_without_the_right_to_start_is_named(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        resources["ReleasesEventsPolicy"]["Properties"]["PolicyDocument"]["Statement"].clear()

    with pytest.raises(UserError, match="may not codepipeline:StartPipelineExecution"):
        play.play_release(edited(rehearsal, edit))


def test_nox_misspelt_is_named(rehearsal: play.Rehearsal) -> None:
    rewrite(rehearsal, "[nox]", "[noxx]")
    stage, said = stopped(rehearsal)
    assert stage == "Build"
    assert "command='noxx', reason='exit code 127'" in said


def test_publishing_in_post_build_is_stopped_under_the_builder_s_role(
    rehearsal: play.Rehearsal,
) -> None:
    post_build = (
        "[nox]\n  post_build: {commands: ['NOXSESSION=publish PYPI_SECRET_ID=toy/pypi nox']}"
    )
    rewrite(rehearsal, "[nox]", post_build)
    stage, said = stopped(rehearsal)
    assert stage == "Build"
    assert "POST_BUILD" in said
    assert "AccessDeniedException" in said


def test_reports_that_are_not_there_are_named(rehearsal: play.Rehearsal) -> None:
    rewrite(rehearsal, '"*.xml"', '"*.json"')
    execution = play.play_release(rehearsal)
    with pytest.raises(UserError, match="the report group tests found no file"):
        play.check_release(rehearsal, execution)


def test_a_build_that_reads_the_secret_without_need_is_named(rehearsal: play.Rehearsal) -> None:
    execution = play.play_release(rehearsal)
    role = rehearsal.account.project("toy-release")["ServiceRole"]
    body = json.dumps({"SecretId": "toy/pypi"}).encode()
    rehearsal.gate.decide(role, "secretsmanager.GetSecretValue", body)
    with pytest.raises(UserError, match="rehearsal-readers"):
        play.check_release(rehearsal, execution)


def test_an_index_with_something_else_is_named(rehearsal: play.Rehearsal, stage: Scenario) -> None:
    execution = play.play_release(rehearsal)
    with pytest.raises(UserError, match="rehearsal-index"):
        play.check_release(stage.fresh(), execution)


def test_a_pull_request_that_asks_for_the_secret_is_named(rehearsal: play.Rehearsal) -> None:
    commit = play.push_commit(rehearsal, "topic", "Propose")
    execution = play.play_pull_request(rehearsal, "pull-request-created", commit)
    rehearsal.gate.decide("arn:aws:iam::123456789012:role/PrRole", "secretsmanager.List", b"{}")
    with pytest.raises(UserError, match="rehearsal-readers"):
        play.check_pull_request(rehearsal, execution)


def test_a_stack_that_fails_to_synthesize_is_named(rehearsal: play.Rehearsal) -> None:
    (rehearsal.checkout / "cdk/app.py").write_text("raise SystemExit('no stack')")
    with pytest.raises(UserError, match=r"no stack.*rehearsal-synth"):
        play.synthesize(rehearsal.checkout / "cdk", rehearsal.account.folder / "out")
    (rehearsal.checkout / "cdk/cdk.json").unlink()
    with pytest.raises(UserError, match="rehearsal-cdk"):
        play.synthesize(rehearsal.checkout / "cdk", rehearsal.account.folder / "out")


def test_a_stack_without_a_publisher_is_named(rehearsal: play.Rehearsal) -> None:
    def edit(resources: dict[str, Any]) -> None:
        del resources["Publish"]

    with pytest.raises(UserError, match="rehearsal-secret"):
        play.secret_id(edited(rehearsal, edit))


def test_a_template_is_deployed_where_its_stack_says(rehearsal: play.Rehearsal) -> None:
    assert rehearsal.account.template == Template(template(), region="eu-west-1")
