"""One function per figure: frames in, a matplotlib Figure out; `sharploss.analysis.figures.draw` writes them all."""
