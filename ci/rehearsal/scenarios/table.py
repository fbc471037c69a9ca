"""All scenarios, one row each, and the play of them all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from ci.distributions.manifest import read_release
from ci.errors import UserError
from ci.rehearsal.scenarios import attacks, commits, publishing, pull_requests
from ci.rehearsal.scenarios.scenario import (
    NOTHING,
    OTHER,
    RELEASE,
    WHEEL,
    Scenario,
    Start,
    adopt_pipeline,
)
from ci.rehearsal.scenarios.uncertainties import UNCERTAINTIES

if TYPE_CHECKING:
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.report import Report
    from ci.rehearsal.scenarios.scenario import Ending

SCENARIOS = (
    *UNCERTAINTIES,  # the first of them is the release that the rows about Publish begin with
    Scenario("a tag is not the version", commits.wrong_tag, "Build", "tag-version"),
    Scenario("a tag is moved after its event", commits.moved_tag, "Build", "tag-elsewhere"),
    Scenario(
        "a tag object is replaced after its event", commits.moved_tag_object, "Build", "commit-gone"
    ),
    Scenario("a released tag is moved", commits.moved_event, "event", "matches rules with 0"),
    Scenario("a tag has another prefix", commits.other_tag, "event", "matches rules with 0"),
    Scenario("a test fails on the lowest Python only", commits.lowest, "Build", "tests-{}: failed"),
    Scenario("a file is not valid Python", commits.invalid, "Build", "lint: failed"),
    Scenario("a .env is tracked inside the package", commits.leak, "Build", ".env"),
    Scenario("the publish stage is retried after all went well", publishing.again, holds=RELEASE),
    Scenario("the secret is absent", publishing.absent, "Publish", "secret-absent"),
    Scenario("the secret is no JSON", publishing.malformed, "Publish", "secret-not-json"),
    Scenario(
        "the publisher's role may not read it", publishing.forbidden, "Publish", "secret-access"
    ),
    Scenario("the token is wrong", publishing.wrong_token, "Publish", "upload-refused"),
    Scenario("the index is down, then back", publishing.index_down, holds=RELEASE),
    Scenario(
        "the upload is cut after the wheel", publishing.cut, "Publish", "upload-failed", WHEEL
    ),
    Scenario("the cut upload is retried", publishing.cut_retried, holds=RELEASE),
    Scenario(
        "the index has other bytes", publishing.other_bytes, "Publish", "index-differs", OTHER
    ),
    Scenario("a wheel is changed after Build", publishing.changed, "Publish", "manifest-differs"),
    Scenario("a file is added after Build", publishing.added, "Publish", "manifest"),
    Scenario("a test looks for the token everywhere", attacks.thief, holds=RELEASE),
    Scenario(
        "a tag is on a commit that is not merged", attacks.unmerged, "Build", "commit-unmerged"
    ),
    Scenario(
        "the same, and a tag is called origin/BRANCH",
        attacks.unmerged_with_a_name,
        "Build",
        "commit-unmerged",
    ),
    Scenario("the build backend adds a file", attacks.backdoor, "Build", "backdoor.pth"),
    Scenario("bytecode of the pipeline is merged", attacks.bytecode, "Build", "hidden-code"),
    Scenario(
        "a test replaces dist/ after the checks",
        attacks.swapped_in_check,
        "Publish",
        "witnesses-differ",
    ),
    Scenario("Check and Build differ", attacks.built_differently, "Publish", "witnesses-differ"),
    Scenario(
        "another release takes the approved one's place",
        attacks.overwritten,
        "Publish",
        "witnesses-disown",
    ),
    Scenario(
        "two pull requests at once, one of them bad",
        pull_requests.two_at_once,
        "Validate",
        "lint: failed",
    ),
    Scenario("a pull request poisons the cache", pull_requests.poison),
)


def play_scenarios(rehearsal: Rehearsal, report: Report) -> None:
    """Play every row; raises UserError, at the end, when one did not end as it must."""
    adopt_pipeline(rehearsal)
    start = Start(rehearsal)
    table = Table("what goes wrong", "stopped in", "the index has", "seconds", "as it should")
    wrong, logs = [], rehearsal.account.logs
    for scenario in SCENARIOS:
        began, before = time.monotonic(), set(logs.glob("*.log"))
        complaint, ending = _played(scenario, start)
        seconds = f"{time.monotonic() - began:.1f}"
        report.say(f"{scenario.name}: {complaint or 'ok'} ({seconds} s)")
        made = sorted(log.name for log in set(logs.glob("*.log")) - before)
        if complaint and made:
            report.say(f"  logs: {', '.join(made)}")
        stopped = ending.stopped or "nowhere" if ending else "-"
        holds = ", ".join(ending.index) or NOTHING if ending else "-"
        table.add_row(scenario.name, stopped, holds, seconds, "no" if complaint else "yes")
        wrong += [scenario.name] if complaint else []
    report.print(table)
    report.say(f"{len(SCENARIOS) - len(wrong)} of {len(SCENARIOS)} scenarios ended as they should")
    if wrong:
        raise UserError(
            "rehearsal-faults",
            f"these scenarios did not end as they should: {'; '.join(wrong)}",
            f"read their rows above and their logs in {logs}, and correct the pipeline",
        )


def _played(scenario: Scenario, start: Start) -> tuple[str, Ending | None]:
    """What is wrong with how the scenario ended, "" if nothing, and how it ended."""
    try:
        ending = scenario.play(start)
    except UserError as problem:
        return str(problem), None
    return _complaint(scenario, ending, start), ending


def _complaint(scenario: Scenario, ending: Ending, start: Start) -> str:
    says = scenario.says.format(start.rehearsal.project.python_versions[0])
    if ending.stopped != scenario.stops:
        return f"stopped in {ending.stopped or 'no stage'}, not {scenario.stops or 'any'}"
    if says not in ending.printed:
        return f"{ending.stopped} did not print {says!r}"
    holds = _holds(ending, start)
    return "" if holds == scenario.holds else f"the index has {holds}, not {scenario.holds}"


def _holds(ending: Ending, start: Start) -> str:
    """What the index has, in the words of the rows."""
    if not ending.index:
        return NOTHING
    files = ending.built or read_release(Path(str(start.release().artifacts["dist"]))).files
    if ending.index == files:
        return RELEASE
    wheel = next(iter(files))
    return WHEEL if ending.index == {wheel: files[wheel]} else OTHER
