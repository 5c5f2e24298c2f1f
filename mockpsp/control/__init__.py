"""The control API below ``/_mockpsp``: steers sandboxes, plays the shopper, tells what happened and why."""
