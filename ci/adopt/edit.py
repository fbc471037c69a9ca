"""Needs as TOML: to paste, or put into pyproject.toml with its comments and order kept."""

from __future__ import annotations

import copy
import tomllib
from itertools import groupby
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Table

from ci.errors import Problem

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

    Raises Problem when that can't be done without touching more.
    """
    before = tomllib.loads(text)
    try:
        after = _edited(text, needs)
        if tomllib.loads(after) == _merged(before, needs):
            return after
    except (TOMLKitError, tomllib.TOMLDecodeError):
        pass
    raise Problem(
        "adopt-unwritable-toml",
        "pyproject.toml is written in a way that its tables can't be added to",
        "run it without --write, and paste what it prints",
    )


def _edited(text: str, needs: Sequence[Need]) -> str:
    """Existing tables get their keys where they are; new ones come last, as text."""
    document = tomlkit.parse(text)
    new: list[Need] = []
    for need in needs:
        table = _table(document, need.table)
        if table is None:
            new.append(need)
        else:
            _put(table, need)
    sections = [
        _section(table, list(members), present={})
        for table, members in groupby(new, key=lambda need: need.table)
    ]
    return "\n".join([tomlkit.dumps(document).rstrip("\r\n") + "\n", *sections])


def _table(
    document: tomlkit.TOMLDocument, keys: tuple[str, ...]
) -> Any:  # noqa: ANN401 - tomlkit's own types differ
    """The table that has a header of its own, None if only others below it have one."""
    node: Any = document
    for key in keys:
        node = node.get(key)
        if node is None:
            return None
    return None if isinstance(node, Table) and node.is_super_table() else node


def _put(table: Any, need: Need) -> None:  # noqa: ANN401 - same
    present = table.get(need.key)
    if isinstance(present, Array):
        for item in need.value[len(present) :]:
            present.append(tomlkit.parse(f"item = {_value(item)}")["item"])
        return
    table[need.key] = tomlkit.parse(_line(need))[need.key]


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
