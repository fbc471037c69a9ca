"""Tests of the stack.

They use this environment's own Node, also when an editor starts them. The CDK's own rules for
templates take a seventh of the time, and cfn-lint finds more: they are on only where a test runs
the app as users do.
"""

import os
import sys
from pathlib import Path

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["CDK_VALIDATION"] = "false"
