"""Training loops: Lightning's, with a progress bar, early stopping, checkpoints and resumption."""
