"""Reports: the same result for a person at a terminal and for a machine."""
