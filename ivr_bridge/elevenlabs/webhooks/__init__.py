"""What the vendor tells us, on the disk before it is answered, and what it asks about its callers."""
