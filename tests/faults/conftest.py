"""Stores for the fault tests, on either database."""

from tests.storage.conftest import postgres, store, where

__all__ = ["postgres", "store", "where"]
