"""The CRDs of the sandbox: which ones, from where, and our own models of those that nobody else gives."""
