"""Which Pythons a package is tested on, read as the noxfile reads them."""

from __future__ import annotations

import re
from typing import Any

NEWEST = 15  # the newest 3.N that is out; the noxfile has the same
_CLASSIFIER = re.compile(r"Programming Language :: Python :: 3\.(\d+)")


def other_pythons(pyproject: dict[str, Any]) -> tuple[str, ...]:
    """The versions between the lowest and the highest one, ascending.

    They are those that [tool.ci] names, else those of the classifiers that are out.
    """
    named = pyproject.get("tool", {}).get("ci", {}).get("pythons")
    if named and isinstance(named, list):
        texts = [f"Programming Language :: Python :: {version}" for version in named]
    else:
        listed = pyproject["project"].get("classifiers")
        texts = listed if isinstance(listed, list) else []
    minors = sorted(
        {int(match[1]) for text in texts if (match := _CLASSIFIER.fullmatch(str(text)))}
    )
    if not named:
        minors = [minor for minor in minors if minor <= NEWEST]
    return tuple(f"3.{minor}" for minor in minors[1:-1])
