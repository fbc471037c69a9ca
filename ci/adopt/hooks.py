"""Keep pre-commit's hooks away from the pipeline's files: an update refuses what they rewrite."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from ci.adopt.copies import TOPS

if TYPE_CHECKING:
    from ci.adopt.adopter import Adopter

CONFIG = ".pre-commit-config.yaml"
PATTERN = rf"^({'|'.join(map(re.escape, TOPS))})(/|$)"


def hook_lines(adopter: Adopter) -> list[str]:
    """The line that CONFIG lacks, if it can stand at the end of the file as it is."""
    text, line = adopter.text(CONFIG), f"exclude: {PATTERN}"
    config = _parsed(text)
    fits = "exclude" not in config and _parsed(f"{text}\n{line}") == {**config, "exclude": PATTERN}
    return [line] if fits and hooks_reach_the_pipeline(adopter) else []


def hooks_reach_the_pipeline(adopter: Adopter) -> bool:
    """Whether there are hooks that get the names of the pipeline's files."""
    config = _parsed(adopter.text(CONFIG))
    try:
        excluded = re.compile(config.get("exclude", "^$"))
    except (re.error, TypeError):  # pre-commit will name it
        return False
    names = [f"{top}/x.py" if top in {"cdk", "ci"} else top for top in TOPS]
    return bool(config.get("repos")) and not all(map(excluded.search, names))


def _parsed(text: str) -> dict[Any, Any]:
    """What a YAML file says; nothing if it is broken, or no mapping."""
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return config if isinstance(config, dict) else {}
