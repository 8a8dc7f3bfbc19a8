"""What the end-to-end tests are made of: a laboratory (lab), HTTP (web, wire), servers that misbehave (origin),
processes (procs), waiting (waiting)."""
