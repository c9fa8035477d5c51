"""What people do on the page."""
