"""How the time grows with the package: one dimension at a time, in warm environments."""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.tests.bench.measure import run as measured
from ci.tests.bench.sample import Sample, make_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SMALL = Sample(modules=3, tests=10, seconds=0)
_PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12")


@dataclass(frozen=True)
class Dimension:
    """What grows, through which sizes, and the sessions that are timed."""

    name: str
    sizes: tuple[int, ...]
    sample: Callable[[int], Sample]
    sessions: tuple[str, ...]


@dataclass(frozen=True)
class Growth:
    """Median seconds and median processor time, for one size of one dimension."""

    dimension: str
    size: int
    sessions: str
    seconds: float
    cpu: float


DIMENSIONS = (
    Dimension("Pythons", (1, 5), lambda n: replace(_SMALL, pythons=_PYTHONS[-n:]), ("tests_all",)),
    Dimension("tests", (10, 1_000, 10_000), lambda n: replace(_SMALL, tests=n), ("tests",)),
    Dimension("MB of data", (5, 50), lambda n: replace(_SMALL, megabytes=n), ("build",)),
    Dimension("modules", (1, 20), lambda n: replace(_SMALL, modules=n), ("pr",)),
)


def measure_growth(
    dimensions: Sequence[Dimension], *, repeat: int, limit: float, say: Callable[[str], None]
) -> Iterator[Growth]:
    """Time each size `repeat` times, after one run that is not timed and makes the environments."""
    for each in dimensions:
        for size in each.sizes:
            say(f"{each.name}: {size}")
            command = (sys.executable, "-m", "nox", "-R", "-s", *each.sessions)
            with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
                root = make_sample(Path(scratch, "sample"), each.sample(size))
                runs = [measured(command, root, limit=limit) for _ in range(repeat + 1)][1:]
            shown = f"nox -R -s {' '.join(each.sessions)}"
            seconds = statistics.median(run.seconds for run in runs)
            cpu = statistics.median(run.cpu for run in runs)
            yield Growth(each.name, size, shown, seconds, cpu)
