"""The command line: options, output files, and the painting itself."""
