import numpy as np

from tests.ops.sample import F, S, draw

_CPU = "MXNet has this on a GPU only"


def _rnn(mode, t=4, n=2, inputs=3, size=5, layers=1, directions=1, projection=None, lengths=None, **more):
    gates, passed = {"lstm": 4, "gru": 3}.get(mode, 1), projection or size
    widths = [inputs] + [directions * passed] * (layers - 1)
    count = directions * sum(gates * size * (w + passed + 2) + (projection or 0) * size for w in widths)
    keys = (
        "bidirectional",
        "p",
        "state_outputs",
        "lstm_state_clip_min",
        "lstm_state_clip_max",
        "use_sequence_length",
    )
    params = {
        "mode": mode,
        "state_size": size,
        "num_layers": layers,
        **{k: more.pop(k) for k in keys if k in more},
    }
    if directions == 2:
        params["bidirectional"] = True
    if projection:
        params["projection_size"] = projection
    cells = [(layers * directions, n, size)] if mode == "lstm" else []
    tail = [np.array(lengths, np.float32)] if lengths else []
    return S(
        params,
        (t, n, inputs),
        draw(count, low=-0.5, high=0.5),
        (layers * directions, n, passed),
        *cells,
        *tail,
        **more,
    )


SAMPLES = {
    "RNN": [
        _rnn("rnn_tanh"),
        _rnn("rnn_relu", layers=2, state_outputs=True, numeric=False),
        _rnn("rnn_tanh", layers=2, directions=2, state_outputs=True),
        # three layers and more: MXNet's gradient is not the derivative
        _rnn("rnn_tanh", layers=3, numeric=False),
        _rnn("rnn_relu", layers=4, directions=2, state_outputs=True, numeric=False),
        _rnn("lstm"),
        _rnn("lstm", layers=2, state_outputs=True),
        _rnn("lstm", layers=3, directions=2, state_outputs=True),
        _rnn("lstm", t=1, n=1, inputs=1, size=1),
        _rnn("gru"),
        _rnn("gru", layers=2, state_outputs=True),
        _rnn("gru", layers=2, directions=2, state_outputs=True),
        _rnn("lstm", layers=2, directions=2, state_outputs=True, train=False, grad=False),
        _rnn("gru", layers=2, directions=2, train=False, grad=False),
        _rnn("lstm", layers=3, p=0.4, grad=False, numeric=False),
        _rnn("gru", layers=2, p=0.3, grad=False, numeric=False),
        _rnn("rnn_tanh", layers=2, directions=2, p=0.3, grad=False, numeric=False),
        _rnn("lstm", layers=2, projection=3, state_outputs=True, train=False, grad=False),
        _rnn("lstm", layers=2, directions=2, projection=3, state_outputs=True, reference=False, why=_CPU),
        _rnn(
            "lstm",
            layers=2,
            directions=2,
            state_outputs=True,
            lengths=(4, 2),
            use_sequence_length=True,
            grad=(0, 1, 2, 3),
            reference=False,
            why=_CPU,
        ),
        _rnn(
            "gru",
            layers=2,
            directions=2,
            state_outputs=True,
            lengths=(1, 3),
            use_sequence_length=True,
            grad=(0, 1, 2),
            reference=False,
            why=_CPU,
        ),
        _rnn(
            "rnn_tanh",
            directions=2,
            lengths=(3, 4),
            use_sequence_length=True,
            grad=(0, 1, 2),
            reference=False,
            why=_CPU,
        ),
        _rnn("lstm", lstm_state_clip_min=-0.4, lstm_state_clip_max=0.4, reference=False, why=_CPU),
        F("3 axes", {"mode": "lstm", "state_size": 3, "num_layers": 1}, (2, 3)),
        F(
            "projection_size",
            {"mode": "gru", "state_size": 3, "num_layers": 1, "projection_size": 2},
            (4, 2, 3),
        ),
        F("differ", {"mode": "rnn_tanh", "state_size": 3, "num_layers": 1}, (4, 2, 3), (10,)),
        F(
            "go together",
            {"mode": "lstm", "state_size": 3, "num_layers": 1, "lstm_state_clip_min": 0.0},
            (4, 2, 3),
        ),
        F("mode is required", {"state_size": 3, "num_layers": 1}, (4, 2, 3)),
    ],
}
