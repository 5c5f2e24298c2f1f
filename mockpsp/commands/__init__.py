"""The commands of the command line, a module for each family. Each imports what it needs when it runs."""
