"""What the scripts that run as CronJobs have in common: the backup validator and the restore drill."""

MOUNT = "/opt/seawall"
"""Where a script is in its container."""

PYTHON = "/venv/bin/python"
"""The interpreter of the image of the plugin's sidecar, which has no shell."""

LATEST_START_SECONDS = 3600
"""A run that could not start for this long is given up; the next one comes."""
