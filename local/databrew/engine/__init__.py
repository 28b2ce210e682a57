"""Recipe steps on DuckDB: the guide's operations in SQL, sharing no code with the product, which has its own."""
