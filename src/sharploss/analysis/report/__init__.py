"""The HTML page of a study."""

from sharploss.utils.optional import optional_package

optional_package("jinja2")  # which most modules here import: where it is missing, one sentence says so
