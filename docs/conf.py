"""How Sphinx makes the site; `make docs` gathers its pages first (docs/tools/site.py)."""

from __future__ import annotations

import re

import latex2mathml.converter

import mxr

project = "mxr"
author = "mxr contributors"
copyright = "mxr contributors; Apache-2.0"
version = release = mxr.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["tools"]
default_role = "literal"
add_module_names = False
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = "mxr"
html_math_renderer = "mathml"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types in signatures, of which not every one has a page


def formula(translator, node, display: str) -> None:
    """A formula as MathML, which browsers draw by themselves: nothing is loaded."""
    from docutils.nodes import SkipNode

    text = latex2mathml.converter.convert(node.astext(), display=display)
    # a thin space between the name of a function and what it is of: log p
    text = re.sub(
        r"(<mi>[a-z]{2,}</mi>)(?=<(?:mi|mn|msub|msup|msubsup|mfrac|msqrt)>)",
        r'\1<mspace width="0.17em"/>',
        text,
    )
    translator.body.append(text)
    raise SkipNode


def setup(app) -> None:
    app.add_html_math_renderer(
        "mathml",
        (lambda self, node: formula(self, node, "inline"), None),
        (lambda self, node: formula(self, node, "block"), None),
    )
