"""Speed, as ratios measured in one run: ours against a bare aiohttp handler that returns the same bytes."""
