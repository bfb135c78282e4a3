"""An index as Parquet shards: rows that another index, or any other program, can take in."""
