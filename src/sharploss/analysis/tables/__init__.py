"""Tables: from scores to csv, Markdown, LaTeX."""
