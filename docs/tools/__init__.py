"""What makes the documentation: `python -m docs.tools.operators` (tables), `.cookbook` (losses), `.site` (all
of it as a site)."""
