"""Tests of the stack. They use this environment's own Node, also when an editor starts them."""

import os
import sys
from pathlib import Path

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
