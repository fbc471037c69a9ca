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
    """Write the stack's template; a template that breaks a rule of AWS Solutions is an error."""
    # Without the CLI, cdk.json's context still counts; with it, what the CLI hands over wins.
    app = App(context=json.loads((HERE / "cdk.json").read_text(encoding="utf-8"))["context"])
    settings = read_settings(app.node.get_all_context(), HERE.parent / "pyproject.toml")
    acknowledge_findings(PipelineStack(app, settings))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except ContextProblem as problem:
        sys.exit(f"error: {problem}")
