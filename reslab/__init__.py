"""Helper code of the book The Residual Lab; each module is read and rebuilt in a chapter before it is imported."""

__version__ = "0.6.0"
