"""What the model may see of the user's files."""
