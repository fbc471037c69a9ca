"""What an app of the CDK makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError
from ci.rehearsal.cdk import read_assembly, synthesize
from ci.rehearsal.cloudformation import Template
from ci.tests.rehearsal.toy import make_app, manifest, template

if TYPE_CHECKING:
    from pathlib import Path


def test_a_stack_is_deployed_where_it_says(tmp_path: Path) -> None:
    make_app(tmp_path / "cdk", template())
    assert synthesize(tmp_path / "cdk", tmp_path / "out") == Template(template(), "eu-west-1")


def test_an_app_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    make_app(tmp_path / "cdk", template())
    (tmp_path / "cdk/app.py").write_text("raise SystemExit('no stack')")
    with pytest.raises(UserError, match=r"no stack.*rehearsal-synth"):
        synthesize(tmp_path / "cdk", tmp_path / "out")


def test_a_package_without_an_app_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rehearsal-cdk"):
        synthesize(tmp_path, tmp_path / "out")


def test_an_assembly_of_no_stack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"artifacts": {}}')
    with pytest.raises(UserError, match="makes 0 stacks"):
        read_assembly(tmp_path)


def test_a_stack_without_region_is_deployed_in_the_default_one(tmp_path: Path) -> None:
    document = manifest()
    document["artifacts"]["stack"]["environment"] = "aws://unknown-account/unknown-region"
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    (tmp_path / "toy.template.json").write_text('{"Resources": {}}')
    assert read_assembly(tmp_path).region == "us-west-2"
