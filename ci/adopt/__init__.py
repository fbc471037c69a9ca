"""Copy the pipeline into another package's repository, and update it there."""
