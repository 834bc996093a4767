"""The typed study: what params.yaml states, read strictly."""
