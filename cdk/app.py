"""What `cdk synth` runs, and `python app.py` as well: one package's stack."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from acknowledgements import acknowledge_findings
from pipeline_stack import PipelineStack
from settings import ContextProblem, read_settings

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write the stack's template to $CDK_OUTDIR."""
    # Without the CLI, cdk.json's context still counts; with it, what the CLI hands over wins.
    app = App(context=json.loads((HERE / "cdk.json").read_text(encoding="utf-8"))["context"])
    add_stack(app, HERE.parent / "pyproject.toml")
    app.synth()


def add_stack(app: App, pyproject: Path) -> None:
    """The stack of the package of that pyproject.toml.

    Synthesizing it fails if it breaks a rule of AWS Solutions and nothing says why it may. Raises
    ContextProblem for a setting that no stack can be made from.
    """
    stack = PipelineStack(app, read_settings(app.node.get_all_context(), pyproject))
    acknowledge_findings(stack)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


if __name__ == "__main__":
    try:
        main()
    except ContextProblem as problem:
        sys.exit(str(problem))
