"""What a scenario file says, and what happens next because of it. Pure; the loader alone reads files."""
