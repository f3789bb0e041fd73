"""Which Secrets there will be, and who refers to them."""
