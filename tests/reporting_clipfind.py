"""The command line as it is, but with LET_REPORT=1 its libraries are left to report their use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rclip_like import cli, telemetry

COMMAND = (sys.executable, str(Path(__file__)))

if __name__ == "__main__":
    if os.environ.get("LET_REPORT"):
        telemetry.SWITCHES.clear()
    sys.exit(cli.main())
