"""A project's configuration: read with sentences, proposed with reasons, and put together into methods."""
