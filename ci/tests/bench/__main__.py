"""Measure the sessions, beside tox-uv on the same work.

nox -s bench                        a sample package with tests of 17 s
nox -s bench -- FOLDER              the package in FOLDER, as it is committed (`.` is this one)
nox -s bench -- --growth            how the time grows with the package
    --write NAME                    put the figures into the section NAME of docs/performance.md

Each contender is run once for its memory, then in turns. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ci.errors import UserError, exit_with
from ci.package.project import read_project
from ci.tests.bench import report
from ci.tests.bench.contenders import CONTENDERS, USUAL, Contender, write_tox_ini
from ci.tests.bench.growth import DIMENSIONS, measure_growth
from ci.tests.bench.measure import Run, run
from ci.tests.bench.picture import picture
from ci.tests.bench.sample import Sample, copy_package, make_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path("docs/performance.md")
_console = Console(markup=False, highlight=False, soft_wrap=True, width=120)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for; print it, and write it if told to."""
    arguments = _parse(argv)
    if arguments.growth:
        grow(arguments)
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Measure the contenders on one package, and draw the median run of `pr`."""
    sample = Sample(arguments.modules, arguments.tests, arguments.seconds)
    what = read_project(arguments.folder).name if arguments.folder else str(sample)
    chosen = [each for each in CONTENDERS if each.name in arguments.runs]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        _console.print(f"preparing {what}")
        ours, theirs = Path(scratch, "ours"), Path(scratch, "tox")
        for root in (ours, theirs):
            if arguments.folder:
                copy_package(arguments.folder, root)
            else:
                make_sample(root, sample)
        write_tox_ini(theirs)
        folders = {each: theirs if each.folder == ".tox" else ours for each in chosen}
        peaks = {
            each: _one(each, folders[each], arguments.limit, memory=True).peak for each in chosen
        }
        measured: dict[Contender, list[Run]] = {each: [] for each in chosen}
        for _ in range(arguments.repeat):
            for each in chosen:
                measured[each].append(_one(each, folders[each], arguments.limit))
        pytest = report.slowest_pytest(ours / "reports")
    figures = report.comparison(measured, peaks)
    figures.show(_console)
    _console.print(f"the slowest pytest alone: {pytest:.1f} s")
    text = f"{what}; {report.machine()}; medians of {arguments.repeat}.\n\n{figures.as_markdown()}"
    if pytest:
        text += f"\nThe slowest pytest alone takes {pytest:.1f} s.\n"
    drawn = next((each for each in chosen if each.name == "pr"), chosen[0])
    middle = report.median_run(measured[drawn])
    if middle.bars:
        table = report.shares(middle)
        table.show(_console)
        text += f"\n{table.as_markdown()}"
    if arguments.write:
        path = PAGE.with_name(f"performance-{arguments.write}.svg")
        report.write_section(PAGE, arguments.write, text)
        path.write_text(picture(middle.bars, middle.seconds, drawn.words), encoding="utf-8")


def grow(arguments: argparse.Namespace) -> None:
    """Measure how the time grows."""
    grown = list(
        measure_growth(
            DIMENSIONS, repeat=arguments.repeat, limit=arguments.limit, say=_console.print
        )
    )
    figures = report.growth_table(grown)
    figures.show(_console)
    if arguments.write:
        text = f"{report.machine()}; medians of {arguments.repeat}.\n\n{figures.as_markdown()}"
        report.write_section(PAGE, arguments.write, text)


def _one(contender: Contender, folder: Path, limit: float, *, memory: bool = False) -> Run:
    contender.prepare(folder)
    found = run(contender.command, folder, limit=limit, memory=memory)
    note = f", {found.peak / 2**20:.0f} MiB" if memory else ""
    _console.print(f"  {contender.shown}: {found.seconds:.1f} s{note}")
    return found


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, help="a package's repository")
    parser.add_argument("--seconds", type=float, default=17, help="that the sample's tests sleep")
    parser.add_argument("--tests", type=int, default=160, help="of the sample")
    parser.add_argument("--modules", type=int, default=15, help="of the sample")
    parser.add_argument("--repeat", type=int, default=5, help="turns (5)")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one run (900)")
    parser.add_argument(
        "--runs",
        nargs="+",
        default=USUAL,
        choices=[each.name for each in CONTENDERS],
        help="these only; `rehearse` is run only if it is named",
    )
    parser.add_argument("--growth", action="store_true", help="measure how the time grows instead")
    parser.add_argument("--write", metavar="NAME", help="the section of the page")
    arguments = parser.parse_args(argv)
    if arguments.repeat < 1:
        raise UserError("bench-repeat", f"--repeat is {arguments.repeat}", "give at least 1")
    return arguments


if __name__ == "__main__":
    exit_with(main)
