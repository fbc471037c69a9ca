"""Where artifacts and caches are kept."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def keep(files: Mapping[str, Path], folder: Path) -> list[Path]:
    """Copy files into `folder`, each to its name there; the copies."""
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / name)
    return [folder / name for name in files]


def cache(project: Mapping[str, object], folder: Path) -> Path | None:
    """The folder, below `folder`, of a project's cache: one place a bucket and prefix.

    None for a project without a cache.
    """
    told = project.get("Cache")
    if not isinstance(told, dict) or told.get("Type", "NO_CACHE") == "NO_CACHE":
        return None
    return folder / "caches" / str(told["Location"])
