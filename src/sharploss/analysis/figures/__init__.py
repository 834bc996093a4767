"""The figures of a study by subject: each function yields figures with captions, or why there is none."""

from sharploss.utils.optional import optional_package

optional_package("matplotlib")  # which most modules here import: where it is missing, one sentence says so
