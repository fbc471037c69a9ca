from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App

from app import HERE, add_stack
from ci.rehearsal.cdk import read_assembly

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.rehearsal.cloudformation import Template

DEFAULTS = json.loads((HERE / "cdk.json").read_text(encoding="utf-8"))["context"]
PATHS = {"aws:cdk:enable-path-metadata": True}

# Every setting that adds something, as it adds it.
SETTINGS: dict[str, dict[str, object]] = {
    "manual-approval": {"manual-approval": "true"},
    "notification-email": {"notification-email": "maintainers@example.org"},
    "slack-channel": {"slack-channel": "T0123ABCD/C0123ABCD"},
    "shards": {"shards": "2"},
    "staging": {"staging": "true"},
    "nightly": {"nightly": "cron(0 3 * * ? *)"},
}
# The contexts that are tried: none, each of those, what only changes something, and all of it.
VARIATIONS: dict[str, dict[str, object]] = {
    "plain": {},
    **SETTINGS,
    "fewer-in-china": {"all-pythons": "false", "region": "cn-north-1"},
    "full": {
        "repository": "some-repository",
        "branch": "release/2.x",
        "region": "eu-central-1",
        "secret": "some/secret",
        "staging-secret": "some/other",
        "log-retention": "one-week",
        "compute": {"pr-tests": "large", "nightly": "2xlarge"},
        "timeout-minutes": '{"pr-tests": 120}',
        **{key: value for given in SETTINGS.values() for key, value in given.items()},
        "shards": 4,
    },
}
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12")


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Template]:
    """Synthesize the stack of a package of that name in that variation; once for each of them."""

    @cache
    def once(name: str, variation: str) -> Template:
        folder = tmp_path_factory.mktemp(name)
        pyproject = folder / "pyproject.toml"
        classifiers = [f"Programming Language :: Python :: {python}" for python in PYTHONS]
        text = f'[project]\nname = "{name}"\nclassifiers = {json.dumps(classifiers)}\n'
        pyproject.write_text(text, encoding="utf-8")
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
    return synthesize(
        "Other.Package" if request.param == "full" else "sample-package", request.param
    )
