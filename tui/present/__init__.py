"""Rows, numbers and states as text; pure functions, no terminal."""
