"""What makes the documentation: the cookbook of losses, and the site. `python -m docs.tools.cookbook`, `python -m docs.tools.site`."""
