"""Configuration of the documentation."""

from docutils import nodes

import sklstm

project = "sklstm"
author = "The sklstm developers"
copyright = "2026, the sklstm developers"
release = version = sklstm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "benchmarks/*", "examples/*", "templates", "**/README.rst"]
autosummary_generate = True
templates_path = ["templates"]
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
numpydoc_xref_param_type = False

# What is copied from an example is what can be run: neither prompts nor answers.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "sklstm"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 4,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

# Pages without sub-pages do not need a left side, and code side by side needs the room.
html_sidebars = {
    page: []
    for page in (
        "index", "coming_from_keras", "coming_from_pytorch", "reliability", "security", "internals", "adding_a_cell",
        "changelog", "contributing",
    )
}  # fmt: skip

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "FileNameSortKey",
    # Those of intensive care and sepsis need data that must be downloaded.
    "filename_pattern": r"plot_(?!icu|sepsis)",
    # Each machine has its own times, and none of the examples is a benchmark.
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "capture_repr": (),  # examples print what they have to say
    "doc_module": ("sklstm",),
    "backreferences_dir": None,
}
suppress_warnings = [
    "config.cache",
    "ref.ref",  # inherited docstrings refer to scikit-learn's own manual and glossary
    "ref.term",
]


def end_blocks_with_code(app, document):
    """Drop the empty line that doctests need before the end of a block of code."""
    for block in document.findall(nodes.literal_block):
        if not block.children or block.rawsource != block.astext():
            continue  # not highlighted: its parts have a markup of their own
        block.rawsource = block.astext().rstrip("\n")
        block.children = [nodes.Text(block.rawsource)]


def mark_tables_of_prose(app, document):
    """Tell wide tables with sentences from those of numbers, so that the style can keep their columns readable."""
    for group in document.findall(nodes.tgroup):
        if group["cols"] > 3 and any(len(entry.astext()) > 60 for entry in group.findall(nodes.entry)):
            group.parent["classes"].append("prose")


def setup(app):
    app.connect("doctree-read", end_blocks_with_code)
    app.connect("doctree-read", mark_tables_of_prose)
