"""Models in files that run nothing when they are loaded, and that later versions read."""
