"""How the pipeline says that something is wrong.

A `Problem` is for whoever runs the session, not for a debugger: it names the thing and its value,
says what to do about it, and carries a short code under which docs/cicd-setup.md explains it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Problem(Exception):  # noqa: N818 - it is what the user reads, not a failure of this code
    """Something a user can cause and can mend.

    `code` is a short slug, unique in ci/; `found` names the thing and its value; `remedy` says what
    to do, in the imperative.
    """

    def __init__(self, code: str, found: str, remedy: str) -> None:
        """Keep the three parts; `str()` joins them into the line that is printed."""
        super().__init__(f"{found}: {remedy} [{code}]")
        self.code = code
        self.found = found
        self.remedy = remedy


def exit_with(main: Callable[[], None]) -> None:
    """Run `main`; a `Problem` becomes one line on stderr and exit code 1, Ctrl-C exit code 130."""
    try:
        main()
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
