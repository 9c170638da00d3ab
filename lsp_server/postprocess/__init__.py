"""From what the model wrote to what the editor shows, or to the reason why nothing is shown."""
