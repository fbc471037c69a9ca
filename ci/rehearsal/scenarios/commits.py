"""Wrong tags and commits: Build must stop them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from packaging.version import Version

from ci.checkout.changelog import entries, new_heading, read_changelog
from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal.plays import begin, play_release, play_tag, push_commit, push_tag, tag_event
from ci.rehearsal.scenarios.scenario import Ending, ending, write

if TYPE_CHECKING:
    from ci.rehearsal.rehearsal import Rehearsal
    from ci.rehearsal.scenarios.scenario import Start


def wrong_tag(start: Start) -> Ending:
    """Push a tag for another version, which the changelog has, beside the right one.

    Where the version comes from git tags, it is the annotated tag's: git prefers that.
    """
    rehearsal = start.fresh()
    version = Version("0.0.0.post99")
    changelog = rehearsal.project.settings.changelog
    if changelog:
        path = rehearsal.checkout / changelog
        text = read_changelog(path)
        heading = new_heading(path, list(entries(text)), version, datetime.now(UTC).date())
        write(rehearsal, changelog, "\n".join([text, *heading, "", "- A fault.", ""]))
        push_commit(rehearsal, rehearsal.branch, "Say what was changed")
    push_tag(rehearsal, rehearsal.tag)
    git(rehearsal.checkout, "tag", f"v{version}")
    git(rehearsal.checkout, "push", "--quiet", "origin", f"refs/tags/v{version}")
    commit = git(rehearsal.checkout, "rev-parse", "HEAD")
    return ending(rehearsal, play_tag(rehearsal, f"v{version}", commit))


def moved_tag(start: Start) -> Ending:
    """Move the tag to a newer commit when its event, with the commit, is already on its way."""
    rehearsal = start.fresh()
    answers = replace(rehearsal.account.answers, event_commit="the commit")
    rehearsal = replace(rehearsal, account=replace(rehearsal.account, answers=answers))
    return _moved(rehearsal)


def moved_tag_object(start: Start) -> Ending:
    """Move the tag when its event, with the tag object, is already on its way."""
    return _moved(start.fresh())


def _moved(rehearsal: Rehearsal) -> Ending:
    tag = rehearsal.tag
    commit = push_tag(rehearsal, tag)
    push_commit(rehearsal, rehearsal.branch, "Newer")
    git(rehearsal.checkout, "tag", "--force", "--annotate", "--message", tag, tag)
    git(rehearsal.checkout, "push", "--quiet", "--force", "origin", f"refs/tags/{tag}")
    return ending(rehearsal, play_tag(rehearsal, tag, commit))


def moved_event(start: Start) -> Ending:
    """Send the event of a moved tag."""
    return _unheard(start, "v1.0.0", event="referenceUpdated")


def other_tag(start: Start) -> Ending:
    """Send the event of a tag that names no version."""
    return _unheard(start, "nightly")


def _unheard(start: Start, tag: str, **detail: str) -> Ending:
    event = tag_event(start.rehearsal, tag, "0" * 40)
    event["detail"] |= detail
    try:
        begin(start.rehearsal, event)
    except UserError as problem:
        return Ending("event", str(problem))
    return Ending("")


def lowest(start: Start) -> Ending:
    """Commit a test that fails on one Python."""
    rehearsal = start.fresh()
    version = ", ".join(rehearsal.project.python_versions[0].split("."))
    test = (
        f'"""A fault."""\n\nimport sys\n\n\ndef test_fault() -> None:\n'
        f"    assert sys.version_info[:2] != ({version})\n"
    )
    return _committed(rehearsal, "tests/test_fault.py", test)


# What every linter objects to, whatever its settings are, where nothing else looks at it.
INVALID = ("docs/fault.py", '"""A fault."""\nNAME = (\n')


def invalid(start: Start) -> Ending:
    """Commit a file that is not Python."""
    return _committed(start.fresh(), *INVALID)


def leak(start: Start) -> Ending:
    """Track a private file among the package's own, and no longer have git ignore such files."""
    rehearsal = start.fresh()
    ignored = rehearsal.checkout / ".gitignore"
    lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
    kept = [line for line in lines if not line.startswith(".env")]
    ignored.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return _committed(rehearsal, f"{rehearsal.project.package_dir}/.env", "NAME=value\n")


def _committed(rehearsal: Rehearsal, name: str, text: str) -> Ending:
    """Commit a file to the release branch, and release that."""
    write(rehearsal, name, text)
    push_commit(rehearsal, rehearsal.branch, f"Add {name}")
    return ending(rehearsal, play_release(rehearsal))
