"""What the pipeline tries before a deploy: the code, the tests with PostgreSQL, and the image as it would run."""
