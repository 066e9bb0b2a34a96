"""Configuration of the documentation."""

import sklstm

project = "sklstm"
author = "The sklstm developers"
copyright = "2026, the sklstm developers"
release = version = sklstm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples/*", "**/README.rst"]
autosummary_generate = True
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "sklstm"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

# Pages without sub-pages do not need a left side.
html_sidebars = {page: [] for page in ("index", "user_guide", "internals", "changelog", "contributing")}

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    # Each machine has its own times, and none of the examples is a benchmark.
    "show_memory": False,
    "min_reported_time": 1e9,
    "download_all_examples": False,
    "reference_url": {"sklstm": None},
    "doc_module": ("sklstm",),
    "backreferences_dir": None,
}
suppress_warnings = ["config.cache"]
