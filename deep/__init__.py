"""Continual learning of deep networks: so far the data sets and the streams of tasks made of them, in pure NumPy.

    deep.data      images and labels as read-only arrays: `deep.data.load("mnist")`
    deep.streams   sequences of tasks: `deep.streams.stream("split-mnist", seed=0, order=0)`

`python -m deep data` says which data sets are present, `python -m deep streams split-digits` shows a stream.
"""
