"""Names and folders become specifications, and specifications become encoders."""
