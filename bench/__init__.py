"""Measurements: what is measured, and the input that it is measured on."""
