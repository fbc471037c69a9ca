"""The scenarios' own judgement: how a play must end, and how it did."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ci.errors import UserError
from ci.rehearsal import plays
from ci.rehearsal.codebuild import Failure
from ci.rehearsal.execution import Execution, Step
from ci.rehearsal.report import Report
from ci.rehearsal.scenarios import attacks, commits, scenario, table, uncertainties
from ci.rehearsal.scenarios.scenario import (
    NOTHING,
    OTHER,
    RELEASE,
    WHEEL,
    Ending,
    Scenario,
    Start,
    before_publish,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.rehearsal import Rehearsal

BUILT = {"toy-1.0-py3-none-any.whl": "aa", "toy-1.0.tar.gz": "bb"}


def played(start: Start, ending: Ending | UserError, **row: str) -> str:
    """What is printed of a scenario that ends so, where `row` says how it must."""

    def play(_: Start) -> Ending:
        if isinstance(ending, UserError):
            raise ending
        return ending

    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SCENARIOS", (Scenario("it", play, **row),))
        patch.setattr(table, "adopt_pipeline", lambda _: None)
        patch.setattr(table, "Start", lambda _: start)
        with suppress(UserError):
            table.play_scenarios(start.rehearsal, Report(Console(file=text, width=200)))
    return text.getvalue().splitlines()[0].rpartition(" (")[0]


@pytest.fixture
def start(still: Rehearsal) -> Start:
    return Start(still)


def test_what_ends_as_it_must_is_ok(start: Start) -> None:
    stopped = Ending("Build", "error[tag-version]: no")
    assert played(start, stopped, stops="Build", says="tag-version") == "it: ok"
    assert played(start, Ending("", "", BUILT, BUILT), holds=RELEASE) == "it: ok"


@pytest.mark.parametrize(
    ("ending", "row", "complaint"),
    [
        (Ending(""), {"stops": "Build"}, "stopped in no stage, not Build"),
        (Ending("Build"), {}, "stopped in Build, not any"),
        (Ending("Build", "x"), {"stops": "Build", "says": "y"}, "Build did not print 'y'"),
        (Ending("", "", BUILT, BUILT), {}, f"the index has {RELEASE}, not {NOTHING}"),
        (Ending("", "", {**BUILT, "x": "cc"}, BUILT), {}, f"the index has {OTHER}, not {NOTHING}"),
        (
            Ending("", "", {"toy-1.0-py3-none-any.whl": "aa"}, BUILT),
            {"holds": RELEASE},
            f"the index has {WHEEL}, not {RELEASE}",
        ),
        (UserError("x", "it is so", "change it"), {}, "it is so: change it [x]"),
    ],
)
def test_what_ends_otherwise_is_named(
    start: Start, ending: Ending | UserError, row: dict[str, str], complaint: str
) -> None:
    assert played(start, ending, **row) == f"it: {complaint}"


def test_the_run_fails_with_the_names_of_what_ended_otherwise(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "adopt_pipeline", lambda _: None)
    good, bad = Scenario("good", lambda _: Ending("")), Scenario("bad", lambda _: Ending("Build"))
    monkeypatch.setattr(table, "SCENARIOS", (good, bad))
    text = io.StringIO()
    with pytest.raises(UserError) as raised:
        table.play_scenarios(start.rehearsal, Report(Console(file=text, width=200)))
    assert (raised.value.code, raised.value.found) == (
        "rehearsal-faults",
        "these scenarios did not end as they should: bad",
    )
    assert "1 of 2 scenarios ended as they should" in text.getvalue()
    monkeypatch.setattr(table, "SCENARIOS", (good,))
    table.play_scenarios(start.rehearsal, Report(Console(file=text)))


def test_a_row_that_failed_names_its_logs_and_the_help_says_where_they_are(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(start: Start) -> Ending:
        start.fresh().account.new_log("Build").touch()
        return Ending("Build")

    monkeypatch.setattr(scenario, "with_indexes", lambda rehearsal, _: rehearsal)
    monkeypatch.setattr(table, "adopt_pipeline", lambda _: None)
    rows = (Scenario("good", play, stops="Build"), Scenario("bad", play))
    monkeypatch.setattr(table, "SCENARIOS", rows)
    monkeypatch.setattr(table, "Start", lambda _: start)
    text = io.StringIO()
    with pytest.raises(UserError) as raised:
        table.play_scenarios(start.rehearsal, Report(Console(file=text, width=200)))
    good, bad, logs = text.getvalue().splitlines()[:3]
    assert good.startswith("good: ok")
    assert bad.startswith("bad: stopped in Build, not any")
    assert logs == "  logs: 02-Build.log"
    folder = start.rehearsal.account.folder / "logs"
    assert (folder / "02-Build.log").exists()
    assert f"their logs in {folder}," in raised.value.remedy


def test_a_reason_may_name_the_lowest_python(start: Start) -> None:
    ending = Ending("Build", "tests-3.12: failed")
    assert played(start, ending, stops="Build", says="tests-{}: failed") == "it: ok"


def test_no_two_scenarios_have_one_name() -> None:
    names = [each.name for each in table.SCENARIOS]
    assert len(set(names)) == len(names)


def test_without_a_release_nothing_can_be_published(start: Start) -> None:
    with pytest.raises(UserError, match="rehearsal-base"):
        start.built()


def test_what_was_played_before_publish_stays(start: Start) -> None:
    pipelines = start.rehearsal.account.template.resources("AWS::CodePipeline::Pipeline")
    steps = [Step(stage, stage) for stage in ("Source", "Build", "Publish", "Verify")]
    execution = Execution(pipelines["Releases"], {"Check": {"A": "1"}}, steps=steps)
    execution.artifacts["dist"] = "x"
    before = before_publish(execution)
    assert [step.stage for step in before.steps] == ["Source", "Build"]
    before.artifacts["dist"] = "y"
    before.variables["Check"]["A"] = "2"
    assert (execution.artifacts["dist"], execution.variables["Check"]["A"]) == ("x", "1")


def test_an_ending_has_all_that_the_failed_builds_printed(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenario, "on_index", lambda _: {})
    steps = []
    for name in ("Check", "Build"):
        (tmp_path / name).write_text(f"said by {name}")
        failure = Failure("BUILD", "nox", f"of {name}")
        steps.append(Step("Build", name, failure=failure, log=tmp_path / name))
    ending = scenario.ending(start.rehearsal, Execution({}, {}, steps=steps))
    assert ending.stopped == "Build"
    for said in ("of Check", "of Build", "said by Check", "said by Build"):
        assert said in ending.printed


def test_events_that_start_nothing_end_at_once(start: Start) -> None:
    for play in (commits.moved_event, commits.other_tag):
        ending = play(start)
        assert (ending.stopped, "matches rules with 0" in ending.printed) == ("event", True)


def test_code_of_an_attacker_in_any_log_is_named(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play_release(_: Rehearsal) -> Execution:
        log = tmp_path / "log"
        log.write_text(f"… {attacks._MARK}\n")  # noqa: SLF001 - what their code would print
        return Execution({}, {}, steps=[Step("Build", "Check", log=log)])

    monkeypatch.setattr(attacks, "play_release", play_release)
    monkeypatch.setattr(Start, "fresh", lambda start: start.rehearsal)
    for play in (attacks.unmerged, attacks.unmerged_with_a_name, attacks.bytecode):
        with pytest.raises(UserError, match="rehearsal-attack"):
            play(start)


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:ListBucket"])
def test_a_build_that_may_write_or_list_others_artifacts_is_named(
    start: Start, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = start.rehearsal.account.template
    policy = template.document["Resources"]["ReleasePolicy"]["Properties"]["PolicyDocument"]
    policy["Statement"].append({"Effect": "Allow", "Action": action, "Resource": "*"})
    step = Step("Build", "Check", project="toy-release", environment={"NOXSESSION": "release"})
    pipeline = template.resources("AWS::CodePipeline::Pipeline")["Releases"]
    execution = Execution(pipeline, {}, steps=[step])
    monkeypatch.setattr(Start, "built", lambda start: (start.rehearsal, execution))
    with pytest.raises(UserError, match=f"toy-release can {action}"):
        attacks.overwritten(start)


def test_new_pipelines_that_do_something_are_an_ending(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays.push_commit(start.rehearsal, "main", "Go on")
    monkeypatch.setattr(Start, "fresh", lambda start: start.rehearsal)

    def play_creations(rehearsal: Rehearsal) -> None:
        assert rehearsal.account.answers.no_value == "as written"
        raise UserError("rehearsal-creation", "it runs", "stop it")

    monkeypatch.setattr(uncertainties, "play_creations", play_creations)
    assert uncertainties.new_pipelines(start) == Ending(
        "creation", "it runs: stop it [rehearsal-creation]"
    )


def test_an_answer_is_given_to_one_row_only(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def play_release(rehearsal: Rehearsal) -> Execution:
        seen.append(rehearsal.account.answers)
        return Execution({}, {}, steps=[Step("Build", "x", failure=Failure("x", "", "y"))])

    monkeypatch.setattr(uncertainties, "play_release", play_release)
    monkeypatch.setattr(Start, "fresh", lambda start: start.rehearsal)
    monkeypatch.setattr(uncertainties, "ending", lambda *_: Ending(""))
    for row in uncertainties.UNCERTAINTIES[:7]:
        row.play(start)
    strictest = start.rehearsal.account.answers
    assert seen[0] == strictest
    assert len(set(seen)) == 7
    for given in seen[1:]:
        changed = [name for name in vars(given) if getattr(given, name) != getattr(strictest, name)]
        assert len(changed) == 1
