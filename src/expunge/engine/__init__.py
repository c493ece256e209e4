"""A request goes in, a certificate comes out: the line from source to evidence, durable in a project folder."""
