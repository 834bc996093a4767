"""One function per figure: frames in, a matplotlib Figure out; `sharploss.analysis.plot` writes them all."""
