"""Looks at the world, and changes nothing: read-only views of sandboxes and their journals."""
