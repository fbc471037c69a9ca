"""How long each play took the last time, on this machine: in a small file in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Times:
    """Seconds of a whole play, set-up included; of each step; of each session in its step."""

    total: float
    steps: Mapping[str, float] = field(default_factory=dict)
    sessions: Mapping[str, float] = field(default_factory=dict)


def read_times(root: Path, play: str) -> Times | None:
    """The times of the last such play of the repository in `root`, None if there was none."""
    with suppress(OSError, ValueError, TypeError):
        return Times(**json.loads(_file(root, play).read_text(encoding="utf-8")))
    return None


def write_times(root: Path, play: str, times: Times) -> None:
    """Keep them for the next time; a cache that can't be written to is left alone."""
    file = _file(root, play)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(times)), encoding="utf-8")


def _file(root: Path, play: str) -> Path:
    which = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    return _caches() / "rehearsal" / f"{which}-{play}.json"


def _caches() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
