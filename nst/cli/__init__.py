"""The command line: what was asked, where it goes, and the painting itself."""
