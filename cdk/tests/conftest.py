from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App

from app import HERE, add_stack
from ci.rehearsal.cloudformation import Template, read_assembly

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULTS = json.loads((HERE / "cdk.json").read_text(encoding="utf-8"))["context"]
PATHS = {"aws:cdk:enable-path-metadata": True}

# The contexts that are tried: none, and one that sets everything differently.
VARIATIONS: dict[str, dict[str, object]] = {
    "plain": {},
    "full": {
        "repository": "some-repository",
        "branch": "release/2.x",
        "region": "eu-central-1",
        "secret": "some/secret",
        "notification-email": "maintainers@example.org",
        "manual-approval": "true",
        "log-retention": "one-week",
    },
}


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Template]:
    """Synthesize the stack of a package of that name in that variation; once for each of them."""

    @cache
    def once(name: str, variation: str) -> Template:
        folder = tmp_path_factory.mktemp(name)
        pyproject = folder / "pyproject.toml"
        pyproject.write_text(f'[project]\nname = "{name}"\n', encoding="utf-8")
        app = App(context=DEFAULTS | PATHS | VARIATIONS[variation], outdir=str(folder / "cdk.out"))
        add_stack(app, pyproject)
        app.synth()
        return read_assembly(folder / "cdk.out")

    return once


@pytest.fixture(scope="session")
def plain(synthesize: Callable[[str, str], Template]) -> Template:
    """A package that sets nothing of its own."""
    return synthesize("sample-package", "plain")


@pytest.fixture(scope="session")
def full(synthesize: Callable[[str, str], Template]) -> Template:
    """A package that sets everything."""
    return synthesize("Other.Package", "full")


@pytest.fixture(params=VARIATIONS)
def template(
    request: pytest.FixtureRequest, synthesize: Callable[[str, str], Template]
) -> Template:
    """Each variation in turn."""
    names = {"plain": "sample-package", "full": "Other.Package"}
    return synthesize(names.get(request.param, "sample-package"), request.param)
