"""Rules: from frames to alerts. Parsing, compiling and stepping are pure."""
