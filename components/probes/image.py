"""The image that the probes' scripts run on, and the scripts' places."""

from pathlib import Path

PYTHON_IMAGE = "docker.io/library/python:3.13.9-alpine3.22"
"""Plain Python: the scripts need nothing but its standard library, 3.11 or newer."""

SCRIPTS = Path(__file__).parent / "scripts"
SHARED = {"seawall/components/probes/scripts/serving.py": SCRIPTS / "serving.py"}
"""What every script imports."""
