"""Sphinx settings of the site. `make site` runs `site/build.py`, which gathers the pages first."""

from tl_helpers.kit import publish

project = "Transfer learning, measured"
author = "the authors of the course"
html_title = project
extensions = ["myst_nb"]

# Pages show the outputs that are committed; nothing is executed, and nothing is fetched.
nb_execution_mode = "off"
nb_merge_streams = True
# A slider needs a kernel: the picture beside it stands for it.
_STATIC = ["image/png", "image/jpeg", "image/svg+xml", "text/html", "audio/mpeg"]
nb_mime_priority_overrides = [
    ("html", kind, place) for place, kind in enumerate([*_STATIC, "text/markdown", "text/plain"], 1)
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = [
    "mystnb.unknown_mime_type",  # views of widgets
    "myst.header",  # a lesson's parts start at the second level
]

html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["course.css"]
html_theme_options = {
    "repository_url": f"https://github.com/{publish.site()['repository']}",
    "use_repository_button": True,
    "home_page_in_toc": True,
    "show_navbar_depth": 2,
    "use_download_button": False,
    "extra_footer": "Text and figures: CC BY 4.0. Code: MIT. What is quoted keeps its own licence: "
    "see Sources and licences.",
}
html_show_copyright = False
