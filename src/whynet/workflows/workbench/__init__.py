"""What the workbench shows and keeps: explanations of pictures, concepts with their names and votes, and studies."""
