"""Seawall: shared Dragonfly and CloudNativePG services with the hardening built in.

The rooms of the repository (`components/`, `operators/`, `policy/`, …) are linked into this folder, so that one import
name works everywhere: in a checkout, in the wheel, and in `policy/` when the Pulumi CLI runs it as a directory.
"""

__version__ = "0.3.0"
