"""What Harbour tells of itself: logs, a line for each request, metrics."""
