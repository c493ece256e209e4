"""How ``run.map`` runs: in this process (the builtin `map`), in processes, later elsewhere."""
