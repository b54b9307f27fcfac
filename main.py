"""`uvicorn main:app --reload` serves the API."""

from csvjobs.api.app import served

app = served()
