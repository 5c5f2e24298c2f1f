"""The HTTP machinery that all providers share, and what a provider must offer."""
