"""What a person or service may ask for; the command line, the API and the console call it."""
