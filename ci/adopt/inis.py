"""Settings that coverage and mypy read from ini files, and then not from pyproject.toml."""

from __future__ import annotations

from configparser import RawConfigParser
from typing import TYPE_CHECKING, Any

from ci.adopt.copies import Change, extended, read
from ci.adopt.needs import coverage_settings
from ci.adopt.settings import MYPY_FILES, coverage_elsewhere, ini
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.adopt.adopter import Adopter

Added = dict[str, dict[str, Any]]  # section, key, value


def ini_changes(adopter: Adopter) -> Iterator[Change]:
    """The ini files with what coverage and mypy need in them."""
    added: dict[str, Added] = {}
    for file, section, key, value in (*_coverage(adopter), *_mypy(adopter)):
        added.setdefault(file, {}).setdefault(section, {})[key] = value
    for file, sections in added.items():
        before = read(adopter.root, file) or b""
        after = with_keys(before.decode("utf-8"), sections).encode()
        yield extended(adopter.root, file, before, after)


def _coverage(adopter: Adopter) -> Iterator[tuple[str, str, str, Any]]:
    file = coverage_elsewhere(adopter)
    if file is None:
        return
    prefix, present = "" if file == ".coveragerc" else "coverage:", ini(adopter.root, file)
    run = {key: _as_toml(value) for key, value in present.get(f"{prefix}run", {}).items()}
    paths = {key: value.split() for key, value in present.get(f"{prefix}paths", {}).items()}
    report = present.get(f"{prefix}report", {})
    for section, key, value, _ in coverage_settings(adopter, run, paths, report):
        if key not in present.get(f"{prefix}{section}", {}):
            yield file, f"{prefix}{section}", key, value


def _as_toml(value: str | None) -> Any:  # noqa: ANN401 - a list or a switch
    """What coverage takes a value of an ini file for."""
    text = (value or "").strip().lower()
    switches = {"true": True, "false": False, "1": True, "0": False}
    return switches[text] if text in switches else (value or "").replace(",", " ").split()


def _mypy(adopter: Adopter) -> Iterator[tuple[str, str, str, Any]]:
    """The first of mypy's files that has its section is the one that it reads."""
    for file in MYPY_FILES:
        if file == "setup.cfg" and "mypy" in table(adopter.document, "tool"):
            return
        section = ini(adopter.root, file).get("mypy")
        if section is not None:
            if not {"files", "packages", "modules"} & section.keys():
                yield file, "mypy", "files", ", ".join(adopter.packages)
            return


def with_keys(text: str, sections: Mapping[str, Mapping[str, Any]]) -> str:
    """An ini file with these keys at the beginning of their sections."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    for section, keys in sections.items():
        if section not in map(_header, lines):
            lines += [*([""] if lines else []), f"[{section}]"]
        place = [*map(_header, lines)].index(section) + 1
        after = "".join(lines[place : place + 1])
        # If the next key is indented more than these, it is read as the rest of their value.
        indent = after[: len(after) - len(after.lstrip())]
        new = [line for key, value in keys.items() for line in _as_ini(key, value)]
        lines[place:place] = [f"{indent}{line}" for line in new]
    return newline.join([*lines, ""])


def _header(line: str) -> str | None:
    """The section that a line begins, None for any other line."""
    match = RawConfigParser.SECTCRE.match(line.strip())
    return match and match["header"]


def _as_ini(key: str, value: Any) -> list[str]:  # noqa: ANN401 - a list, a switch or a text
    if isinstance(value, list):
        return [f"{key} =", *(f"    {item}" for item in value)]
    return [f"{key} = {str(value).lower() if isinstance(value, bool) else value}"]
