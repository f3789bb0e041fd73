"""Whole programs, one per component, as the pages show them."""
