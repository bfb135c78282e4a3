"""An index as Parquet parts: rows that another index, or any other program, can take in."""
