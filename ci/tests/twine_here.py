"""Twine in this process: what `run_twine` starts, without the half second that starting takes."""

from __future__ import annotations

import importlib.metadata
import io
import logging
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from typing import TYPE_CHECKING
from unittest.mock import patch

import twine.__main__
import twine.cli

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# It would read the metadata of every package, and of those that it names in --version.
_entry_points = cache(importlib.metadata.entry_points)
_dep_versions = cache(twine.cli.dep_versions)


def run_twine_here(
    arguments: Sequence[str], environment: Mapping[str, str], seconds: float
) -> tuple[int, str]:
    """Like `ci.index.upload.run_twine`, but for the isolation and the time limit."""
    assert seconds > 0
    output = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with (
            redirect_stdout(output),
            redirect_stderr(output),
            patch.dict(os.environ, environment, clear=True),
            patch.object(sys, "argv", ["twine", *arguments]),
            patch.object(importlib.metadata, "entry_points", _entry_points),
            patch.object(twine.cli, "dep_versions", _dep_versions),
        ):
            try:
                code = int(bool(twine.__main__.main()))
            except SystemExit as ended:
                code = int(ended.code or 0)
            except Exception:  # noqa: BLE001 - Python would end like that, too
                traceback.print_exc()
                code = 1
    finally:
        root.handlers[:], root.level = handlers, level
    return code, output.getvalue()
