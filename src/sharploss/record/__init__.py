"""The records of a study: where each file lies, what it is called, and how it is read and written."""
