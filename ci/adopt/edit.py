"""Turn needs into TOML: to paste, or to add to pyproject.toml without other changes."""

from __future__ import annotations

import copy
import tomllib
from itertools import groupby
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.adopt.needs import Need

_WIDTH = 88


def to_paste(document: dict[str, Any], needs: Sequence[Need]) -> str:
    """The tables as a reader can paste them, each key with its reason."""
    return "\n".join(
        _section(table, list(members), present=_lookup(document, table))
        for table, members in groupby(needs, key=lambda need: need.table)
    )


def written(text: str, needs: Sequence[Need]) -> str:
    """The text of pyproject.toml with the `needs` in it, and nothing else changed.

    Raises UserError when that can't be done without touching more.
    """
    before = tomllib.loads(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    try:
        after = _edited(text.replace("\r\n", "\n"), needs).replace("\n", newline)
        if tomllib.loads(after) == _merged(before, needs):
            return after
    except (TOMLKitError, tomllib.TOMLDecodeError):
        pass
    raise UserError(
        "adopt-unwritable-toml",
        "adopt can't add tables to pyproject.toml in the form in which it is written",
        "run adopt without --write, and paste the tables that it prints",
    )


def _edited(text: str, needs: Sequence[Need]) -> str:
    """Keys that are there are extended by tomlkit; lines are put in for those that aren't."""
    document = tomlkit.parse(text)
    absent = [need for need in needs if not _extend(document, need)]
    edited = tomlkit.dumps(document).rstrip("\n") + "\n"
    for table, members in groupby(absent, key=lambda need: need.table):
        edited = _insert(edited, table, list(members))
    return edited


def _extend(document: tomlkit.TOMLDocument, need: Need) -> bool:
    """Give a key that is there its new value; False if it isn't there."""
    table: Any = document
    for key in need.table:
        table = table.get(key, {})
    present = table.get(need.key)
    if isinstance(present, Array):
        for item in need.value[len(present) :]:
            present.append(tomlkit.parse(f"item = {_value(item)}")["item"])
    elif present is not None:
        table[need.key] = need.value
    return present is not None


def _insert(text: str, table: tuple[str, ...], needs: list[Need]) -> str:
    """Put keys after the last of their table, or the table after everything.

    A table may stand in one of those above it, with dots in its keys: `[tool.coverage] run.branch`.
    """
    lines = text.splitlines(keepends=True)
    for depth in range(len(table), 0, -1):
        start, end = _extent(lines, table[:depth])
        dotted = "".join(f"{key}." for key in table[depth:])
        if start < end and any(line.lstrip().startswith(dotted) for line in lines[start:end]):
            new = [f"# {need.why}\n{dotted}{_line(need)}\n" for need in needs]
            return "".join([*lines[:end], *new, *lines[end:]])
    return f"{text.rstrip()}\n\n{_section(table, needs, present={})}"


def _extent(lines: list[str], table: tuple[str, ...]) -> tuple[int, int]:
    """Where a table begins, with its header, and where the next key of it goes; 0, 0 if absent."""
    headers = [number for number, line in enumerate(lines) if _header(line)]
    start = next((number for number in headers if _header(lines[number]) == table), None)
    if start is None:
        return 0, 0
    end = next((number for number in headers if number > start), len(lines))
    while end > start + 1 and not lines[end - 1].partition("#")[0].strip():
        end -= 1  # comments and blank lines before the next table belong to that
    return start, end


def _header(line: str) -> tuple[str, ...]:
    """The keys of a table's header; none if the line is anything else."""
    if not line.startswith("["):
        return ()
    try:
        node: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while node:
        ((key, node),) = node.items() if isinstance(node, dict) else [("[]", None)]
        keys.append(key)
    return tuple(keys)


def _section(table: tuple[str, ...], needs: Sequence[Need], *, present: dict[str, Any]) -> str:
    lines = [f"[{'.'.join(table)}]" + (" # the table that is there" if present else "")]
    for need in needs:
        instead = ", in place of the shorter list there" if need.key in present else ""
        lines += [f"# {need.why}{instead}", _line(need)]
    return "\n".join([*lines, ""])


def _line(need: Need) -> str:
    """`key = value`, a long list with an item a line."""
    line = f"{need.key} = {_value(need.value)}"
    if len(line) <= _WIDTH or not isinstance(need.value, list):
        return line
    items = "".join(f"  {_value(item)},\n" for item in need.value)
    return f"{need.key} = [\n{items}]"


def _value(value: Any) -> str:  # noqa: ANN401 - whatever TOML knows
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(item)}' for key, item in value.items())} }}"
    return str(tomlkit.item(value).as_string())


def _lookup(document: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    node: Any = document
    for key in keys:
        node = node.get(key, {})
    return dict(node)


def _merged(document: dict[str, Any], needs: Sequence[Need]) -> dict[str, Any]:
    merged = copy.deepcopy(document)
    for need in needs:
        node = merged
        for key in need.table:
            node = node.setdefault(key, {})
        node[need.key] = need.value
    return merged
