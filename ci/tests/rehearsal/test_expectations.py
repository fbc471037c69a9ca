"""What sets a play off, up to where a build would begin."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal import plays
from ci.rehearsal.answers import Answers
from ci.rehearsal.cloudformation import Template
from ci.rehearsal.execution import Step
from ci.tests.rehearsal.toy import add_nights

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.rehearsal import Rehearsal


@pytest.fixture
def pushed(still: Rehearsal) -> Rehearsal:
    """One whose repository has its branch."""
    plays.push_commit(still, still.branch, "Go on")
    return still


def edited(rehearsal: Rehearsal, edit: Callable[[dict[str, Any]], object]) -> Rehearsal:
    """The same, after `edit` has changed the template's resources."""
    document = copy.deepcopy(rehearsal.account.template.document)
    edit(document["Resources"])
    return replace(rehearsal, account=replace(rehearsal.account, template=Template(document)))


def test_a_commit_is_pushed_even_if_nothing_has_changed(still: Rehearsal) -> None:
    commit = plays.push_commit(still, "topic", "Nothing")
    assert git(still.account.repository, "rev-parse", "topic") == commit


def test_the_event_of_a_tag_has_what_the_answers_say(still: Rehearsal) -> None:
    one = plays.push_tag(still, "v1")
    account = replace(still.account, answers=Answers(event_commit="the commit"))
    other = plays.push_tag(replace(still, account=account), "v2")
    assert git(still.account.repository, "cat-file", "-t", one) == "tag"
    assert other == git(still.checkout, "rev-parse", "HEAD")


def test_an_event_starts_its_pipeline_with_its_variables(pushed: Rehearsal) -> None:
    execution = plays.begin(pushed, plays.tag_event(pushed, "v1.0", "a" * 40))
    assert execution.pipeline["Name"] == "Releases"
    assert execution.variables["variables"] == {"SOURCE_COMMIT": "a" * 40, "RELEASE_TAG": "v1.0"}


def test_an_event_that_no_rule_or_two_rules_hear_is_named(pushed: Rehearsal) -> None:
    with pytest.raises(UserError, match="matches rules with 0 targets"):
        plays.begin(pushed, plays.tag_event(pushed, "nightly", "a" * 40))
    twice = edited(pushed, lambda found: found.update(Twice=found["ReleasesRule"]))
    with pytest.raises(UserError, match="matches rules with 2 targets"):
        plays.begin(twice, plays.tag_event(twice, "v1.0", "a" * 40))


def test_a_rule_without_the_right_to_start_is_named(pushed: Rehearsal) -> None:
    barred = edited(
        pushed,
        lambda found: found["ReleasesEventsPolicy"]["Properties"]["PolicyDocument"].update(
            Statement=[]
        ),
    )
    with pytest.raises(UserError, match="may not codepipeline:StartPipelineExecution"):
        plays.begin(barred, plays.tag_event(barred, "v1.0", "a" * 40))


GIVEN = {"SOURCE_COMMIT": "abc", "RELEASE_BRANCH": "main"}


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({**GIVEN, "NOXSESSION": "release"}, ""),
        ({**GIVEN, "NOXSESSION": "lint"}, "NOXSESSION is 'lint'"),
        ({**GIVEN, "NOXSESSION": "release-all"}, "NOXSESSION is 'release-all'"),
        ({**GIVEN, "NOXSESSION": "build", "SOURCE_COMMIT": "def"}, "SOURCE_COMMIT is 'def'"),
        ({"NOXSESSION": "build", "SOURCE_COMMIT": "abc"}, "RELEASE_BRANCH is None, not 'main'"),
    ],
)
def test_a_build_begins_only_with_what_is_expected(
    still: Rehearsal, environment: dict[str, str], wrong: str
) -> None:
    heard: list[Step] = []
    account = replace(still.account, announce=heard.append)
    expecting = plays.expecting(account, GIVEN, plays._RELEASE_SESSIONS)  # noqa: SLF001 - theirs
    step = Step("Build", "Check", environment=environment)
    if wrong:
        with pytest.raises(UserError, match=wrong):
            expecting.announce(step)
        assert heard == []
    else:
        expecting.announce(step)
        assert heard == [step]
    ended = replace(step, seconds=1.0)
    expecting.announce(ended)
    assert heard[-1] is ended


def test_new_pipelines_end_before_a_build_and_tell_nobody(pushed: Rehearsal) -> None:
    executions = plays.play_creations(pushed)
    assert [len(execution.failed) for execution in executions] == [1, 2]
    assert {step.build for execution in executions for step in execution.steps} == {None}


def test_a_new_pipeline_that_tells_somebody_is_named(pushed: Rehearsal) -> None:
    telling = edited(
        pushed,
        lambda found: found["MailRule"]["Properties"]["EventPattern"]["detail"].pop(
            "execution-trigger"
        ),
    )
    with pytest.raises(UserError, match=r"Releases tells Topic.*rehearsal-creation"):
        plays.play_creations(telling)


def test_a_new_pipeline_without_variables_is_not_played(pushed: Rehearsal) -> None:
    nightly = edited(pushed, lambda found: add_nights({"Resources": found}))
    assert plays.play_creations(nightly)[-1].steps == []


def test_a_stack_without_a_schedule_has_no_nights(pushed: Rehearsal) -> None:
    with pytest.raises(UserError, match="rehearsal-nightly"):
        plays.play_night(pushed)
