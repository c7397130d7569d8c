"""Answers: the HTTP face, thin, on the services of `core`."""
