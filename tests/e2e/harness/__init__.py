"""What the end-to-end tests are made of: a laboratory (lab), HTTP (web, wire), processes (procs), waiting (waiting)."""
