"""csvjobs: send a CSV, have it processed outside the request, watch it, download the result."""

__version__ = "0.1.0"
