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


# Spacing that latex2mathml leaves out, or that browsers only add if an element says what it is.
_THIN = r'\1<mspace width="0.17em"/>'
BETTER = (
    # a thin space on both sides of the name of a function: y log p
    (r"(<mi>[a-z]{2,}</mi>)(?=<(?:mi|mn|msub|msup|msubsup|mfrac|msqrt)>)", _THIN),
    (r"(</(?:mi|mn|msub|msup|msubsup|mfrac)>|&#x00029;</mo>)(?=<mi>[a-z]{2,}</mi>)", _THIN),
    # a minus sign after = ( , < is a sign, not a difference
    (r"(<mo[^>]*>&#x000(?:3D|28|2C|3C);</mo>)<mo>&#x02212;</mo>", r'\1<mo form="prefix">&#x02212;</mo>'),
    # infinity is a number; capital Greek letters are upright
    (r"<mo>&#x0221E;</mo>", "<mi>&#x0221E;</mi>"),
    (r"<mi>(&#x003(?:9[1-9A-F]|A[0-9]);)</mi>", r'<mi mathvariant="normal">\1</mi>'),
)


def formula(translator, node, display: str) -> None:
    """A formula as MathML, which browsers draw by themselves: nothing is loaded."""
    from docutils.nodes import SkipNode

    text = latex2mathml.converter.convert(node.astext(), display=display)
    for pattern, better in BETTER:
        text = re.sub(pattern, better, text)
    translator.body.append(text)
    raise SkipNode


def setup(app) -> None:
    app.add_html_math_renderer(
        "mathml",
        (lambda self, node: formula(self, node, "inline"), None),
        (lambda self, node: formula(self, node, "block"), None),
    )
