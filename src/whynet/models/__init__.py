"""Networks, and what reads them. Models take ids and tensors, never a vocabulary or a data set."""
