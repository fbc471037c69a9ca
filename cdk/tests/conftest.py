from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App

from app import HERE, add_stack
from tests.template import Synthesized

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULTS = json.loads((HERE / "cdk.json").read_text(encoding="utf-8"))["context"]
PATHS = {"aws:cdk:enable-path-metadata": True}


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Synthesized]:
    """Synthesize the stack of a package of that name, with that context; once for each of them."""

    @cache
    def once(name: str, **context: object) -> Synthesized:
        folder = tmp_path_factory.mktemp(name)
        pyproject = folder / "pyproject.toml"
        pyproject.write_text(f'[project]\nname = "{name}"\n', encoding="utf-8")
        given = {key.replace("_", "-"): value for key, value in context.items()}
        app = App(context=DEFAULTS | PATHS | given, outdir=str(folder / "cdk.out"))
        add_stack(app, pyproject)
        (artifact,) = app.synth().stacks
        file = Path(artifact.template_full_path)
        return Synthesized(file, json.loads(file.read_text(encoding="utf-8")))

    return once


@pytest.fixture(scope="session")
def plain(synthesize: Callable[..., Synthesized]) -> Synthesized:
    """A package that sets nothing of its own."""
    return synthesize("sample-package")


@pytest.fixture(scope="session")
def full(synthesize: Callable[..., Synthesized]) -> Synthesized:
    """A package that sets everything, and differently."""
    return synthesize(
        "Other.Package",
        repository="some-repository",
        branch="release/2.x",
        region="eu-central-1",
        secret="some/secret",
        notification_email="maintainers@example.org",
        manual_approval="true",
        log_retention="one-week",
    )
