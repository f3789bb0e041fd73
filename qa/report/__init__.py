"""The report: everything that is known of an estate and its gates on one page, for a person, and as Markdown."""
