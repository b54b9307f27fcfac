"""csvjobs: a service that processes CSV files in the background."""

__version__ = "0.1.0"
