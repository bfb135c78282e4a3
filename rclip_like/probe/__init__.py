"""Linear probes: a labelled folder becomes a file that labels pictures, and a report on it."""

from rclip_like.probe.run import check_output, probe, save
from rclip_like.probe.settings import Probed, ProbeProgress, ProbeSettings

__all__ = ["ProbeProgress", "ProbeSettings", "Probed", "check_output", "probe", "save"]
