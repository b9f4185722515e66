"""What other libraries offer for the same question, each as one call."""
