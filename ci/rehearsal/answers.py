"""Questions that AWS's documents leave open. A rehearsal tries the answers; all must work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Answers:
    """One answer to each question; the defaults are the least convenient ones."""

    clone: Literal["everything", "no tags", "only the branch", "shallow"] = "shallow"
    """What a full clone (CODEBUILD_CLONE_REF) holds."""

    event_commit: Literal["the commit", "the tag object"] = "the tag object"
    """What the event of an annotated tag has as its commitId."""

    no_file: Literal["forgiven", "an error"] = "an error"
    """What it is when a build's reports or artifacts match no file."""

    pyenv: Literal["2.4.20", "2.6.30"] = "2.4.20"
    """Which pyenv the image has.

    Until 2.5.0 a `.python-version` that names a missing Python keeps every Python from running.
    Until 2.6.8 there is no command for what `python -m pip` has just installed.
    """

    no_value: Literal["an error", "as written"] = "an error"
    """What an action is given for `#{variables.NAME}` where the variable has no value."""
