"""Classification: give indexed or freshly encoded pictures their likeliest labels."""
