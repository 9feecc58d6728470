"""Card readers: what one can do, whoever made it; not what the bytes mean."""
