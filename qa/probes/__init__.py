"""The program of the probe pods: standard library alone, Python 3.11 or newer. `__main__.py` says how it is used."""
