"""What is known of a picture beside its pixels, and how people ask for it."""
