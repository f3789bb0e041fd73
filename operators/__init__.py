"""What this project knows of each operator, said once: labels, ports, versions, and what it makes of a resource.

Pure knowledge: nothing here talks to a cluster, and nothing here imports the other rooms. Components build with it, the
policy pack judges with it, and tests hold it against the real operators.
"""
