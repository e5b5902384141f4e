"""How the page looks and reads: theme, CSS, HTML, translations, controls."""
