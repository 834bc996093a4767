"""The papers' claims: read, tested, written down."""
