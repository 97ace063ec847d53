"""Run a real moorage inside a test suite."""
