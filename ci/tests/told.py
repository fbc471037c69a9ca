"""What every error of the pipeline has to do, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ci.errors import UserError


def code_of(problem: UserError) -> str:
    """The error's code; it says what was found, and what to do about it."""
    for text in (problem.found, problem.remedy):
        assert len(text.split()) > 1, problem
    return problem.code
