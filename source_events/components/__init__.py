"""What a manifest may name, from a request to the pages of its answers."""
