"""Make a project's buildspec: buildspec.yml without the outputs that the project never makes."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from aws_cdk.aws_codebuild import BuildSpec

from settings import ContextProblem

if TYPE_CHECKING:
    from collections.abc import Collection

FILE = Path(__file__).resolve().parents[1] / "buildspec.yml"


def build_spec(
    *,
    reports: Collection[str] = (),
    artifact: str | None = None,
    exports: bool = False,
    cache: bool = False,
    file: Path = FILE,
) -> BuildSpec:
    """The buildspec of a project that makes these reports, this artifact, and nothing else.

    The artifact is "dist" or the name of a secondary one. Raises ContextProblem when the file can't
    be read, or lacks a section that cdk/ keeps for some projects and leaves out for others.
    """
    spec = _read(file)
    env, all_reports = _taken(spec, "env", file), _taken(spec, "reports", file)
    artifacts, paths = _taken(spec, "artifacts", file), _taken(spec, "cache", file)["paths"]
    others = _taken(artifacts, "secondary-artifacts", file)
    exported = _taken(env, "exported-variables", file)
    spec["env"] = env | ({"exported-variables": exported} if exports else {})
    if reports:
        spec["reports"] = {name: _taken(all_reports, name, file) for name in reports}
    if artifact:
        spec["artifacts"] = artifacts if artifact == "dist" else _taken(others, artifact, file)
    if cache:
        # What lies below the checkout is another project's, unless it is the artifact.
        spec["cache"] = {"paths": [p for p in paths if p.startswith(("/", f"{artifact}/"))]}
    return BuildSpec.from_object_to_yaml(spec)


def _read(file: Path) -> dict[str, Any]:
    try:
        spec = deepcopy(_parsed(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContextProblem(
            "buildspec-unreadable",
            f"{file.name} can't be read ({type(error).__name__}: {error})",
            "put a buildspec.yml beside cdk/, as YAML in UTF-8",
        ) from None
    if not isinstance(spec, dict):
        raise ContextProblem(
            "buildspec-unreadable",
            f"{file.name} is not a YAML mapping",
            "write the buildspec again, or restore it from git",
        )
    return spec


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401 - YAML
    # It makes texts, lists and mappings only: `yes` stays `yes`, and 3.10 does not become 3.1.
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - as safe as the safe one


def _taken(table: dict[str, Any], name: str, file: Path) -> Any:  # noqa: ANN401 - YAML
    """A section of `table`, which is then without it."""
    if name not in table:
        raise ContextProblem(
            "buildspec-section",
            f"{file.name} has no section {name}",
            "restore the section: some of the CodeBuild projects need it",
        )
    return table.pop(name)
