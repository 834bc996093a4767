"""sharploss: which loss makes restored images sharp, and what does it cost?"""

__version__ = "0.1.0"
