"""Reference values for recurrent layers without spikes (RNN, LiGRU, GRU), with NumPy alone.

    python3 -m pip install numpy
    python3 make_gated.py --seed 1 --out .

Every sequence is (T, B, N) = (time step, batch, unit). I_c, I_z, I_r are the currents of candidates, update and reset
gates; V_* are (N, N), from row to column. h is the output, G a random weight, and g_* the gradient of L = sum(G * h),
one entry at a time by the complex step: dL/dx = Im L(x + i e) / e, which is exact to rounding for e = 1e-30.
"""
import argparse, os
import numpy as np

T, B, N = 7, 3, 4
GATES = {"rnn": "c", "ligru": "cz", "gru": "czr"}

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def relu(x):
    return np.where(x.real > 0, x, 0)

def layer(model, x):
    """The output (T, B, N) for a dictionary of currents and weights."""
    phi = relu if model == "ligru" else np.tanh
    h = np.zeros((B, N), complex)
    out = []
    for t in range(T):
        if model == "rnn":
            h = phi(x["I_c"][t] + h @ x["V_c"])
        else:
            z = sigmoid(x["I_z"][t] + h @ x["V_z"])
            r = sigmoid(x["I_r"][t] + h @ x["V_r"]) if model == "gru" else 1
            c = phi(x["I_c"][t] + (r * h) @ x["V_c"])
            h = z * h + (1 - z) * c
        out.append(h)
    return np.stack(out)

def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--out", default=".")
    args = args.parse_args()
    rng = np.random.default_rng(args.seed)
    for model, gates in GATES.items():
        x = {f"I_{g}": rng.normal(size=(T, B, N)) for g in gates}
        x |= {f"V_{g}": rng.normal(size=(N, N)) / 2 for g in gates}
        G = rng.normal(size=(T, B, N))
        found = {"h": layer(model, x).real, "G": G}
        for name, values in x.items():
            gradient = np.zeros_like(values)
            for place in np.ndindex(values.shape):
                moved = values.astype(complex)
                moved[place] += 1e-30j
                gradient[place] = (G * layer(model, x | {name: moved})).sum().imag / 1e-30
            found[f"g_{name}"] = gradient
        np.savez_compressed(os.path.join(args.out, model), **x, **found)

if __name__ == "__main__":
    main()
