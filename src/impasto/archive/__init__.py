"""Many pictures: folders, buckets and lists, by processes of one machine or actors of many."""
