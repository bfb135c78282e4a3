"""Labels for pictures: rows of the index, or pictures encoded now, to the likeliest labels."""
