"""How Sphinx makes a site of these pages and of the docstrings (CONTRIBUTING.md has the command).

The pages are written for GitHub first: plain Markdown with relative links, which Sphinx follows
because it begins at the repository's root.
"""

from __future__ import annotations

from importlib.metadata import version as version_of

from sphinx.application import Sphinx

project = "latentcam"
copyright = "The latentcam contributors"
version = release = version_of("latentcam")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
root_doc = "docs/index"
include_patterns = ["docs/**", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
myst_heading_anchors = 4  # links into pages are those that GitHub makes of headings

default_role = "code"  # in docstrings
add_module_names = False
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
autodoc_type_aliases = {  # in signatures, by the name that says what is in it
    name: name for name in ("ArrayLike", "Control", "Latent", "Mel", "Picture", "Rgb", "Samples")
}

html_theme = "furo"  # nothing from other sites: no fonts, no scripts, no counting
html_title = "latentcam"
html_additional_pages = {"index": "front.html"}
templates_path = ["site"]
html_show_sphinx = False
html_copy_source = False


def as_a_paragraph(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Docstrings are prose for people: what they indent is a list of notes, not a quotation."""
    lines[:] = [line.strip() for line in lines]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", as_a_paragraph)
