"""What goes wrong with releases, one row each: what is done, where it must stop, what may be left.

The rows about Build play the whole of it, with the fault committed or pushed; the rows about
Publish retry that stage with the artifacts of one good Build, as a person in the console would.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from ci.distributions.manifest import read_release
from ci.errors import UserError
from ci.rehearsal.scenarios import actions
from ci.rehearsal.scenarios.scenario import Scenario, adopted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.play import Rehearsal
    from ci.rehearsal.report import Report
    from ci.rehearsal.scenarios.scenario import Ending

NOTHING, WHEEL, RELEASE, OTHER = "nothing", "the wheel", "the release", "the other bytes"


@dataclass(frozen=True)
class Fault:
    """One row. `stops` is the stage that must stop it ("" if it has to go through all the same).

    `says` must stand in what is printed there; `holds` is what the index must have at the end.
    """

    name: str
    play: Callable[[Scenario], Ending]
    stops: str = ""
    says: str = ""
    holds: str = NOTHING


FAULTS = (
    # First, as its Build is the good one that the rows about Publish begin with.
    Fault(
        "an annotated tag, whose event carries the tag object's id",
        actions.annotated_tag,
        holds=RELEASE,
    ),
    Fault("a test looks for the token everywhere", actions.thief, holds=RELEASE),
    Fault("the publish stage is retried after all went well", actions.again, holds=RELEASE),
    Fault("a tag is not the version", actions.wrong_tag, "Build", "tag-version"),
    Fault("a tag is on a branch that is not merged", actions.unmerged, "Build", "release-branch"),
    Fault("a tag is moved after its event", actions.moved_tag, "Build", "tag-elsewhere"),
    Fault("a released tag is moved", actions.moved_event, "event", "matches the rules of 0"),
    Fault("a tag has another prefix", actions.other_tag, "event", "matches the rules of 0"),
    Fault("the pipeline is handed the branch's head", actions.head, "Build", "source-commit"),
    Fault("a test fails on the lowest Python only", actions.lowest, "Build", "tests-{}: fail"),
    Fault("a file is not formatted", actions.unformatted, "Build", "lint: fail"),
    Fault("a .env is tracked inside the package", actions.leak, "Build", ".env"),
    Fault("the secret is absent", actions.absent, "Publish", "secret-absent"),
    Fault("the secret is no JSON", actions.malformed, "Publish", "secret-not-json"),
    Fault("the publisher's role may not read it", actions.forbidden, "Publish", "secret-access"),
    Fault("the token is wrong", actions.wrong_token, "Publish", "upload-refused"),
    Fault("the index is down, then back", actions.index_down, holds=RELEASE),
    Fault("the upload is cut after the wheel", actions.cut, "Publish", "upload-failed", WHEEL),
    Fault("the cut upload is retried", actions.cut_retried, holds=RELEASE),
    Fault("the index has other bytes", actions.other_bytes, "Publish", "index-differs", OTHER),
    Fault("a wheel is changed after Build", actions.changed, "Publish", "manifest-differs"),
    Fault("a file is added after Build", actions.added, "Publish", "manifest"),
    Fault(
        "two pull requests at once, one of them bad", actions.two_at_once, "Validate", "lint: fail"
    ),
    Fault("a pull request poisons the cache", actions.poison),
)


def play_faults(rehearsal: Rehearsal, report: Report) -> None:
    """Play every row; raises UserError, at the end, when one was not stopped where it should be."""
    adopted(rehearsal)
    scenario = Scenario(rehearsal)
    table = Table("what goes wrong", "stopped in", "the index has", "seconds", "as it should")
    wrong = []
    for fault in FAULTS:
        began = time.monotonic()
        complaint, ending = _played(fault, scenario)
        seconds = f"{time.monotonic() - began:.1f}"
        outcome = complaint or "ok"
        report.say(f"{fault.name}: {outcome} ({seconds} s)")
        stopped = ending.stopped or "nowhere" if ending else "-"
        holds = ", ".join(ending.index) or NOTHING if ending else "-"
        table.add_row(fault.name, stopped, holds, seconds, "no" if complaint else "yes")
        wrong += [fault.name] if complaint else []
    report.console.print(table)
    report.say(f"{len(FAULTS) - len(wrong)} of {len(FAULTS)} faults ended as they should")
    if wrong:
        raise UserError("rehearsal-faults", f"not stopped: {'; '.join(wrong)}", "mend the pipeline")


def _played(fault: Fault, scenario: Scenario) -> tuple[str, Ending | None]:
    """What is wrong with how the row ended, "" if nothing, and how it ended."""
    try:
        ending = fault.play(scenario)
    except UserError as problem:
        return str(problem), None
    return _complaint(fault, ending, scenario), ending


def _complaint(fault: Fault, ending: Ending, scenario: Scenario) -> str:
    says = fault.says.format(scenario.rehearsal.project.python_versions[0])
    if ending.stopped != fault.stops:
        return f"stopped in {ending.stopped or 'no stage'}, not {fault.stops or 'any'}"
    if says not in ending.printed:
        return f"{ending.stopped} did not print {says!r}"
    holds = _holds(ending, scenario)
    return "" if holds == fault.holds else f"the index has {holds}, not {fault.holds}"


def _holds(ending: Ending, scenario: Scenario) -> str:
    """What the index has, in the words of the rows."""
    if not ending.index:
        return NOTHING
    good = scenario.good.artifacts["dist"] if scenario.good else ""
    files = read_release(Path(str(good))).files
    if ending.index == files:
        return RELEASE
    wheel = next(iter(files))
    return WHEEL if ending.index == {wheel: files[wheel]} else OTHER
