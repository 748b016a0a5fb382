"""The console (Textual). Not there yet: the commands are."""
