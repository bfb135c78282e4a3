"""What was found, to look at: thumbnails, and the contact sheet that shows them."""
