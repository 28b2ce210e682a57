"""One reading of a table's objects: what is read, how text is laid out, which types all rows have. No I/O."""
