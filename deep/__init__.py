"""Continual learning of deep networks: data, streams of tasks, networks in stages, one training loop, strategies, records.

    deep.data        images and labels as read-only arrays: `deep.data.load("mnist")`
    deep.streams     sequences of tasks: `deep.streams.stream("split-mnist", seed=0, order=0)`
    deep.networks    networks as a chain of stages, of which any can be trained: `deep.networks.build("convnet", (28, 28), (2, 2))`
    deep.training    the loop on one flat vector of parameters: `deep.training.run.train_run(config, stream)`
    deep.strategies  how tasks are learned one after another, one file each: `deep.strategies.strategy("frozen", depth=2)`
    deep.records     what was measured, as JSON lines that are read without torch; `deep.metrics` of the accuracy matrix
    deep.reference   whole settings of peers, what was published of them, and what comes out here
    deep.runs        a folder of runs, trained side by side, resumed after interruption

`driftlaw deep run --stream split-digits --strategy frozen` trains; `driftlaw deep --help` lists the other commands.
"""

import importlib

importlib.import_module("driftlaw")  # finds all packages beside itself; imported by name, for no number depends on it
