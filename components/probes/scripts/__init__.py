"""What runs inside the probes' pods; it goes into ConfigMaps as it is, and imports the standard library alone."""
