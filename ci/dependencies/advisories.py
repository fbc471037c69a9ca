"""Known vulnerabilities of pinned packages, from an advisory service that speaks OSV's protocol.

`uv audit` does the asking. It reads no requirements files, so it is given a uv.lock made of nothing
but names and versions, in a scratch folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

Pin = tuple[str, str]  # normalized name, version

# A service that knows no vulnerability of this version (PYSEC-2021-104 and more) knows nothing.
# The name sorts last: an answer that was cut short lacks it too.
WITNESS: Pin = ("zope", "4.0")
LONGEST = 300  # seconds for the whole audit; uv itself tries four times

_PROJECT = '[project]\nname = "audited"\nversion = "0"\nrequires-python = ">=3"\n'
_SOURCE = 'source = { registry = "." }'


@dataclass(frozen=True)
class Vulnerability:
    """One advisory for one pin; `ids` are its id and its aliases."""

    pin: Pin
    ids: tuple[str, ...]
    summary: str
    fixed_in: tuple[str, ...]


def find_vulnerabilities(pins: Collection[Pin], url: str | None) -> list[Vulnerability]:
    """Return the vulnerabilities of `pins` that the service at `url` knows (None: uv's default).

    Raises UserError unless it answered for every one of them.
    """
    asked = {*pins, WITNESS}
    answer = _ask(asked, url)
    found = list(_read(answer))
    if not any(each.pin == WITNESS for each in found):
        name, version = WITNESS
        raise _no_answer(f"it knows nothing of {name} {version}, which is known to be vulnerable")
    return [each for each in found if each.pin in pins]


def _ask(pins: Collection[Pin], url: str | None) -> dict[str, Any]:
    command = ["uv", "audit", "--frozen", "--quiet", "--preview", "--no-config", "--no-cache"]
    command += ["--output-format", "json", *(("--service-url", url) if url else ())]
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
        Path(scratch, "uv.lock").write_text(_uv_lock(pins), encoding="utf-8")
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _no_answer(f"no answer after {LONGEST} s") from None
    if done.returncode not in (0, 1):  # 1: something was found
        raise _no_answer(" ".join(done.stderr.split()))
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _uv_lock(pins: Collection[Pin]) -> str:
    """Return the text of a uv.lock for a project that depends on each of `pins`."""
    fields = [f'name = "{name}"\nversion = "{version}"\n{_SOURCE}\n' for name, version in pins]
    edges = [", ".join(field.splitlines()) for field in fields]
    project = 'name = "audited"\nversion = "0"\nsource = { virtual = "." }\n'
    project += f"dependencies = [{', '.join(f'{{ {edge} }}' for edge in edges)}]\n"
    packages = "".join(f"[[package]]\n{field}" for field in [project, *fields])
    return f'version = 1\nrequires-python = ">=3"\n{packages}'


def _read(answer: dict[str, Any]) -> Iterator[Vulnerability]:
    for each in answer["vulnerabilities"]:
        dependency = each["dependency"]
        yield Vulnerability(
            pin=(dependency["name"], dependency["version"]),
            ids=(each["id"], *each["aliases"]),
            summary=each["summary"] or "",
            fixed_in=tuple(each["fix_versions"]),
        )


def _no_answer(reason: str) -> UserError:
    return UserError(
        "audit-source",
        f"the advisory service gave no valid answer: {reason}",
        "run this again later; until then nobody knows whether the dependencies are vulnerable",
    )
