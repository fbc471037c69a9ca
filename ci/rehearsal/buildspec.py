"""Reads a buildspec.yml, as the "Build specification reference" of the CodeBuild guide has it.

What it may say and the rehearsal does not play is refused, never skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PHASES = ("install", "pre_build", "build", "post_build")
_KEYS = {
    "buildspec": {"version", "env", "phases", "reports", "artifacts", "cache"},
    "env": {"shell", "variables", "exported-variables"},
    "phase": {"runtime-versions", "commands", "finally", "on-failure"},
    "reports": {"files", "file-format", "base-directory"},
    "artifacts": {"files", "name", "base-directory"},
    "cache": {"paths", "key", "fallback-keys"},
}


@dataclass(frozen=True)
class Phase:
    """A phase's commands, those of its `finally` as `last`; `aborts` says what its failure does."""

    commands: tuple[str, ...]
    last: tuple[str, ...]
    aborts: bool


@dataclass(frozen=True)
class FileSet:
    """Which files an artifact or a report group takes, below `base`."""

    patterns: tuple[str, ...]
    base: str


@dataclass(frozen=True)
class Buildspec:
    """A buildspec.yml, read and found playable."""

    shell: str
    variables: Mapping[str, str]
    exported: tuple[str, ...]
    phases: Mapping[str, Phase]
    artifacts: FileSet | None
    reports: Mapping[str, FileSet]
    cache: tuple[str, ...]


def read_buildspec(path: Path) -> Buildspec:
    """Read the buildspec at `path`.

    Raises UserError when it is missing, no YAML, or says what CodeBuild or this player refuses.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("buildspec-missing", f"{path.name}: {error}", "add it at the top") from None
    except yaml.YAMLError as error:
        raise UserError("buildspec-yaml", f"{path.name} is no YAML: {error}", "mend it") from None
    spec = _mapping(document, "buildspec")
    if str(spec.get("version")) != "0.2":  # 0.1 runs each command in a shell of its own
        raise _refused("version", spec.get("version"), "write version: 0.2")
    env = _mapping(spec.get("env", {}), "env")
    phases = spec.get("phases") or {}
    if not phases or set(phases) - set(PHASES):
        raise _refused("phases", list(phases), f"use some of {', '.join(PHASES)}")
    return Buildspec(
        shell=env.get("shell", "sh"),  # "Shells and commands in build environments"
        variables={name: str(value) for name, value in env.get("variables", {}).items()},
        exported=_strings(env, "exported-variables"),
        phases={name: _phase(name, phases[name]) for name in PHASES if name in phases},
        artifacts=_files("artifacts", spec["artifacts"]) if "artifacts" in spec else None,
        reports={name: _files("reports", found) for name, found in spec.get("reports", {}).items()},
        cache=_strings(_mapping(spec.get("cache", {}), "cache"), "paths"),
    )


def _refused(where: str, found: object, remedy: str) -> UserError:
    return UserError("buildspec-unplayable", f"{where} in the buildspec is {found!r}", remedy)


def _mapping(found: object, kind: str) -> dict[str, Any]:
    if not isinstance(found, dict) or set(found) - _KEYS[kind]:
        raise _refused(kind, found, f"make it a mapping of {', '.join(sorted(_KEYS[kind]))}")
    return found


def _strings(table: dict[str, Any], key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise _refused(key, found, "make it a list of strings")
    return tuple(found)


def _phase(name: str, found: object) -> Phase:
    table = _mapping(found, "phase")
    on_failure = table.get("on-failure", "CONTINUE" if name == "build" else "ABORT")
    if on_failure not in {"ABORT", "CONTINUE"}:
        raise _refused("on-failure", on_failure, "use ABORT or CONTINUE")
    return Phase(_strings(table, "commands"), _strings(table, "finally"), on_failure == "ABORT")


def _files(kind: str, found: object) -> FileSet:
    table = _mapping(found, kind)
    if isinstance(table.get("files"), str):
        table["files"] = [table["files"]]
    if not table.get("files"):
        raise _refused(kind, found, "name its files")
    return FileSet(_strings(table, "files"), table.get("base-directory", "."))
