"""For test suites and stories: a server in this process, and the player that runs a scenario's story against it.

``server.running`` starts the application on a free port, ``player.play`` runs a story from its first request to its
last webhook, ``render`` tells what happened. Importing this package costs nothing; its modules import aiohttp.
"""
