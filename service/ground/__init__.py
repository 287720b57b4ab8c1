"""What Harbour stands on, whatever it is about: configuration, problems, jobs, mail; it knows no app."""
