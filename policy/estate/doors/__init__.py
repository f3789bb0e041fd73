"""The doors into the estate: the engine, an exported state, a folder of YAML, a running cluster."""
