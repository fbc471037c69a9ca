"""What `cdk synth` makes of the app in cdk/."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from ci.errors import UserError
from ci.rehearsal.cloudformation import Template

# With paths, a resource without a name of its own is called by something that people can read.
_CONTEXT = {"aws:cdk:enable-path-metadata": True}


def synthesize(cdk: Path, out: Path) -> Template:
    """The template of the app in `cdk`, which is told all by variables, as the CDK CLI does.

    Raises UserError when it fails.
    """
    try:
        settings = json.loads((cdk / "cdk.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            "rehearsal-cdk",
            f"cdk/cdk.json can't be read: {error}",
            "add or correct it: without it there is no stack to rehearse",
        ) from None
    user = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    here = str(Path(sys.executable).parent)
    done = subprocess.run(
        shlex.split(settings["app"]),
        cwd=cdk,
        env={
            **user,
            "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
            "CDK_OUTDIR": str(out),
            "CDK_CONTEXT_JSON": json.dumps({**settings.get("context", {}), **_CONTEXT}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        # The app's own two lines, else the end of a traceback.
        said = done.stderr.strip() or "it printed nothing"
        own = said.find("error[")
        last = said[own:] if own >= 0 else said.splitlines()[-1]
        raise UserError(
            "rehearsal-synth",
            f"the app in cdk/ fails: {last}",
            "run `nox -s cdk -- synth` to see all of its output",
        )
    return read_assembly(out)


def read_assembly(folder: Path) -> Template:
    """The template of the one stack in a cloud assembly (what `cdk synth` writes)."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    stacks = [
        artifact
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
    if len(stacks) != 1:
        raise UserError(
            "rehearsal-stacks",
            f"cdk/ makes {len(stacks)} stacks, but a rehearsal plays exactly one",
            "let the app in cdk/ make one stack",
        )
    path = folder / stacks[0]["properties"]["templateFile"]
    region = stacks[0]["environment"].rpartition("/")[2]
    document = json.loads(path.read_text(encoding="utf-8"))
    known = region != "unknown-region"
    return Template(document, region) if known else Template(document)
