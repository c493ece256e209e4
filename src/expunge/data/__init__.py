"""Records with stable ids and owners: what a target covers is known here and nowhere else."""
