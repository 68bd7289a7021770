"""A study of your own: streams, rules with the options among which development chooses, and units.

    $ driftlaw deep study hybrid --load study.py --preset tiny

Development chooses on validation data and writes the protocol; confirmation trains with other orders and seeds and judges on test data.
A study that decides needs more units than this one, which shows the form: `--phase power` says what it can see, and what it costs.
"""

from deep.studies.design import Preset, Rule, StudyStream, Unit
from deep.studies.presets import PRESETS

QUICK = {"epochs": 1, "batch_size": 32, "learning_rate": 0.05}

PRESETS.register(
    Preset(
        name="tiny",
        streams=(StudyStream("split digits", "split-digits", {"train_examples": 60}, network="mlp-100", loop=QUICK),),
        rules=(Rule("threshold", ({"threshold": 0.1}, {"threshold": 0.3})),),
        development=(Unit(0, 1),),
        confirmation=(Unit(1, 2), Unit(2, 3)),
    )
)
