"""The host: the process on the gateway, and everything north of the readings."""

import os
import sys
from importlib.metadata import version

# structlog and typer draw with rich where they find it. We log JSON and print plain lines,
# and on a gateway that import alone is 4 MB: both are told that it is not here.
os.environ["TYPER_USE_RICH"] = "0"
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None is how the import system says so

__version__ = version("maplebridge")
