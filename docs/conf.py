"""Sphinx settings: pages in Markdown by MyST, docstrings by autodoc and napoleon."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import indrnn_cupy

project = "indrnn_cupy"
author = "the indrnn_cupy authors"
version = release = indrnn_cupy.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = False
napoleon_custom_sections = [("Shape", "returns_style"), ("Raises and reference", "notes_style")]
default_role = "code"
html_theme = "furo"
html_show_copyright = False
html_title = f"indrnn_cupy {release}"
exclude_patterns = ["_build"]
suppress_warnings = ["myst.xref_missing"]
