"""Run the command line: `python -m rclip_like`."""

from __future__ import annotations

import sys

from rclip_like.cli import main

sys.exit(main())
