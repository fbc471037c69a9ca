"""What was measured, as tables: in the terminal and in docs/performance.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from rich.table import Table

from ci.errors import UserError
from ci.tests.bench.measure import Run, critical_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from ci.tests.bench.contenders import Contender
    from ci.tests.bench.growth import Growth

_MB = 1024 * 1024


@dataclass(frozen=True)
class Figures:
    """A table: its head, and its rows of text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def show(self, console: Console) -> None:
        """Print it; what looks like a number is aligned to the right."""
        table = Table(*self.head)
        for number, column in enumerate(table.columns):
            if number:
                column.justify = "right"
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def as_markdown(self) -> str:
        """The table as the documentation has it."""
        lines = [self.head, ("---",) * len(self.head), *self.rows]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine() -> str:
    """Cores, memory, Python and the day (UTC): what the figures hold for."""
    memory = psutil.virtual_memory().total / _MB / 1024
    day = dt.datetime.now(dt.UTC).date()
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()},"
        f" Python {platform.python_version()}, {day}"
    )


def median_run(runs: Sequence[Run]) -> Run:
    """The run whose seconds are the median (the lower one of two)."""
    seconds = statistics.median_low([run.seconds for run in runs])
    return next(run for run in runs if run.seconds == seconds)


def paired_ratio(runs: Sequence[Run], others: Sequence[Run]) -> float:
    """The median of the ratios of runs that were made in the same turn."""
    ratios = [run.seconds / other.seconds for run, other in zip(runs, others, strict=True)]
    return statistics.median(ratios)


def slowest_pytest(reports: Path) -> float:
    """The seconds of the slowest pytest of `tests`, by its JUnit report; 0 if there is none."""
    suites = (
        suite
        for path in reports.glob("junit-tests-*.xml")
        for suite in ET.parse(path).getroot()  # noqa: S314 - pytest wrote it here
    )
    return max((float(suite.get("time", 0)) for suite in suites), default=0.0)


def comparison(
    measured: Mapping[Contender, Sequence[Run]], peaks: Mapping[Contender, int]
) -> Figures:
    """A row for each contender: medians, noise, memory, and the ratio to tox on the same work."""
    by_name = {contender.name: runs for contender, runs in measured.items()}
    rows = []
    for contender, runs in measured.items():
        seconds = [run.seconds for run in runs]
        other = by_name.get(contender.against or "")
        rows.append(
            (
                contender.shown,
                f"{statistics.median(seconds):.1f}",
                f"{min(seconds):.1f}-{max(seconds):.1f}",
                f"{statistics.median(run.cpu for run in runs):.1f}",
                f"{peaks[contender] / _MB:.0f}",
                f"{paired_ratio(runs, other):.2f}" if other else "",
            )
        )
    return Figures(("command", "seconds", "range", "CPU s", "peak MiB", "x tox"), tuple(rows))


def shares(run: Run) -> Figures:
    """When each session began, how long it took, and its share if the end waited for it."""
    path = critical_path(run.bars)
    rows = [
        (
            bar.name,
            f"{bar.start:.1f}",
            f"{bar.seconds:.1f}",
            f"{bar.seconds / run.seconds:.0%}" if bar in path else "",
        )
        for bar in sorted(run.bars, key=lambda bar: bar.start)
    ]
    rest = run.seconds - sum(bar.seconds for bar in path)
    rows.append(("nox itself", "", f"{rest:.1f}", f"{rest / run.seconds:.0%}"))
    return Figures(("session", "from s", "seconds", "of the critical path"), tuple(rows))


def growth_table(grown: Sequence[Growth]) -> Figures:
    """A row for each size, with the factors of size and of time since the size before."""
    rows = []
    for before, each in zip((None, *grown), grown, strict=False):
        factors = ("", "", "")
        if before and before.dimension == each.dimension:
            factors = (
                f"{each.size / before.size:.0f}",
                f"{each.seconds / before.seconds:.1f}",
                f"{each.cpu / before.cpu:.1f}",
            )
        row = (each.dimension, f"{each.size:,}", f"`{each.sessions}`")
        rows.append((*row, f"{each.seconds:.1f}", f"{each.cpu:.1f}", *factors))
    head = ("what grows", "size", "command, warm", "seconds", "CPU s", "size x", "time x", "CPU x")
    return Figures(head, tuple(rows))


def write_section(page: Path, name: str, text: str) -> None:
    """Put `text` between the marks of a section. Raises UserError where the page has none."""
    begin, end = f"<!-- bench {name}: begin -->\n", f"<!-- bench {name}: end -->\n"
    content = page.read_text(encoding="utf-8") if page.is_file() else ""
    head, found, rest = content.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise UserError(
            "bench-page", f"{page} has no section {name}", f"add the lines {begin}{end}".strip()
        )
    page.write_text(f"{head}{begin}{text}{end}{tail}", encoding="utf-8")
