"""How the pipeline tells a user what is wrong.

A `UserError` is for the person who runs the session, not for a debugger. It names the thing and its
value, says what to do, and carries a short code under which ci/errors.md explains it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class UserError(Exception):
    """Something that a user can cause, and can fix.

    `code` is a short slug, unique in ci/; `found` names the thing and its value; `remedy` says what
    to do, in the imperative.
    """

    def __init__(self, code: str, found: str, remedy: str) -> None:
        """Keep the three parts; `str()` joins them into one line."""
        super().__init__(f"{found}: {remedy} [{code}]")
        self.code = code
        self.found = found
        self.remedy = remedy


class UserErrors(Exception):  # noqa: N818 - more than one of them
    """Several `UserError`s that are shown at once, so that nobody fixes one in each run."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        """Keep the `errors`; `str()` is one of them a line."""
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


def check_all(*checks: Callable[[], object]) -> None:
    """Call every one of `checks`; raise a UserErrors of all that they raise, if they do."""
    found: list[UserError] = []
    for check in checks:
        try:
            check()
        except UserErrors as several:
            found += several.errors
        except UserError as error:
            found.append(error)
    if found:
        raise UserErrors(found)


def exit_with(main: Callable[[], None]) -> None:
    """Run `main`: a `UserError` is two lines on stderr and exit code 1, Ctrl-C exit code 130."""
    try:
        main()
    except (UserError, UserErrors) as caught:
        sys.stdout.flush()  # or the error stands above what led to it
        for error in caught.errors if isinstance(caught, UserErrors) else [caught]:
            print(f"error[{error.code}]: {error.found}\nhelp: {error.remedy}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
