"""Formats of other projects, from which sets are made and into which they are written."""
