"""One function per figure: frames in, a matplotlib Figure out; `sharploss.analysis.figures.draw` writes them all."""

from sharploss.utils.optional import optional_package

optional_package("matplotlib")  # which most modules here import: where it is missing, one sentence says so
