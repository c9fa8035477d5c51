"""Films and animations: read and written a frame at a time, painted without flicker."""
