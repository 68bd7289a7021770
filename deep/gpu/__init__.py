"""Everything that needs a GPU, in one command: see `deep.gpu.parts`."""
