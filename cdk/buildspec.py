"""buildspec.yml as a project gets it: as it was deployed, without what the project never makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from aws_cdk.aws_codebuild import BuildSpec

from settings import ContextProblem

if TYPE_CHECKING:
    from collections.abc import Collection

FILE = Path(__file__).resolve().parents[1] / "buildspec.yml"

type Product = Literal["reports", "artifacts", "cache", "exported-variables"]
# Where each product stands in the file.
_SECTIONS: dict[Product, tuple[str, ...]] = {
    "reports": ("reports",),
    "artifacts": ("artifacts",),
    "cache": ("cache",),
    "exported-variables": ("env", "exported-variables"),
}


def build_spec(makes: Collection[Product], file: Path = FILE) -> BuildSpec:
    """The buildspec of a project that makes these products, and no others.

    Raises ContextProblem when the file can't be read, or lacks a section that is to be kept or left
    out.
    """
    spec = _read(file)
    for product, (*folders, name) in _SECTIONS.items():
        table = spec
        for folder in folders:
            table = table.get(folder, {})
        if name not in table:
            where = ".".join([*folders, name])
            raise ContextProblem(
                "buildspec-section",
                f"{file.name} has no {where}",
                "add it: cdk/ gives it to the projects that make something of it",
            )
        if product not in makes:
            del table[name]
    return BuildSpec.from_object_to_yaml(spec)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        # It makes texts, lists and mappings only: `yes` stays `yes`, and 3.10 does not become 3.1.
        spec = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - as safe as the safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContextProblem(
            "buildspec-unreadable",
            f"{file.name} can't be read ({type(error).__name__}: {error})",
            "keep it beside cdk/, as YAML in UTF-8",
        ) from None
    if not isinstance(spec, dict):
        raise ContextProblem(
            "buildspec-unreadable", f"{file.name} holds no mapping", "write a buildspec into it"
        )
    return spec
