"""The album of real photos, and what searching it shows (`make demo`)."""
