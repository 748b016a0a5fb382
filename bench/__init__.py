"""Measured claims: each module prints what it measured beside what it promises (`make bench`)."""
