"""A small shop that is paid through Worldline, Adyen and Lyra Marketplace. Begin with README.md beside this package."""
