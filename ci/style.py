"""Check and fix the style of all Python files, with the formatter that the package uses.

`format` in [tool.ci] names the formatter: black (the default), ruff, or none. In another repository
the pipeline is a copy, which is neither formatted nor checked there.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from ci.checkout.git import git
from ci.errors import UserError, exit_with, printable
from ci.package.pyproject import load, table

DIFF_LINES = 40  # of a formatter's changes that are shown

_COPIED = not Path("ci/tests").is_dir()
_SHOWN = 12  # words of a command
_PYTHON = ("*.py", "*.pyi", "*.ipynb")
_PIPELINE = ("ci", "cdk", "noxfile.py")
_FORMATTERS = {"black": ["black"], "ruff": ["ruff", "format"], "none": []}


def main() -> None:
    """Check the current folder, or fix what the tools can fix."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("do", choices=["check", "fix"])
    fixes = parser.parse_args().do == "fix"
    formatter = formatter_of(Path.cwd())
    if fixes:
        fix(formatter)
    else:
        check(formatter)


def formatter_of(root: Path) -> list[str]:
    """The formatter's command, empty for none. Raises UserError for one that is not known."""
    name = table(load(root / "pyproject.toml"), "tool", "ci").get("format", "black")
    if name not in list(_FORMATTERS):  # it may be no string
        raise UserError(
            "unknown-formatter",
            f"format in [tool.ci] is {name!r}",
            f"use one of {', '.join(_FORMATTERS)}",
        )
    return _FORMATTERS[name]


def targets(tool: str, root: Path, *, copied: bool) -> list[str]:
    """The arguments for black or ruff that name what is theirs: all but a copied pipeline.

    They work with old versions too, which a package may have pinned: `ruff format` has not long had
    --extend-exclude. What the package excludes stays excluded.
    """
    if not copied:
        return ["."]
    if tool == "black":
        return ["--force-exclude", f"^/({'|'.join(_PIPELINE)})(/|$)", "."]
    # Old versions skip what git ignores only where they are given the top folder.
    known = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    beside = [f":!{name}" for name in _PIPELINE]
    names = git(root, *known, "--", *_PYTHON, *beside).split("\0")
    return ["--force-exclude", *(name for name in names if (root / name).is_file())]


def _here(tool: str) -> list[str]:
    return targets(tool, Path.cwd(), copied=_COPIED)


def check(formatter: list[str]) -> None:
    """Run both tools, also if the first one found something.

    Raises UserError when there is a finding.
    """
    wrong = []
    if formatter and not _passes(*formatter, "--check", *_here(formatter[0])):
        wrong.append(formatter[0])
        _show_diff(formatter)
    # A package may have fix = true in its settings, and a check changes nothing.
    if not _passes("ruff", "check", "--no-fix", *_here("ruff")):
        wrong.append("ruff")
    if wrong:
        raise UserError(
            "style",
            f"{' and '.join(dict.fromkeys(wrong))} found the problems above",
            "run `nox -s fmt`; it formats, and fixes what ruff can fix",
        )


def fix(formatter: list[str]) -> None:
    """Format everything, and fix what ruff can. Raises UserError when a tool fails."""
    commands = [["ruff", "check", "--fix-only", *_here("ruff")]]
    if formatter:
        commands.append([*formatter, *_here(formatter[0])])
    for command in commands:
        if not _passes(*command):
            raise UserError(
                "style-unfixable",
                f"{' '.join(command)} failed",
                "fix the error above by hand, then run it again",
            )


def _passes(*command: str) -> bool:
    shown = command if len(command) < _SHOWN else (*command[:_SHOWN], "…")
    print("$", *shown, flush=True)
    return subprocess.run(_program(command), check=False).returncode == 0


def _show_diff(formatter: list[str]) -> None:
    """Print the beginning of what the formatter would change."""
    said = _said_by(*formatter, "--check", *_here(formatter[0]))
    files = re.findall(r"^would reformat:? (.*)$", said, re.MULTILINE | re.IGNORECASE)
    said = _said_by(*formatter, "--diff", "--quiet", *files) if files else ""
    lines = [printable(line.expandtabs()) for line in said.splitlines()]
    print(*lines[:DIFF_LINES], *(["…"] if lines[DIFF_LINES:] else []), sep="\n", flush=True)


def _said_by(*command: str) -> str:
    done = subprocess.run(
        _program(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout


def _program(command: tuple[str, ...]) -> list[str]:
    """The tool of this environment, whatever PATH says and whatever the checkout holds."""
    return [sys.executable, "-I", "-m", *command]


if __name__ == "__main__":
    exit_with(main)
