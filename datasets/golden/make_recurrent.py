"""Reference values for recurrence with delays, with NumPy alone.

    python3 -m pip install numpy
    python3 make_recurrent.py --seed 1 --out .

    current[t, j] = I[t, j] + sum over i != j and lags l of V[i, j] taps(D[i, j])[l] s[t - 1 - l, i]

drives cAdLIF neurons. Every sequence is (T, B, N) = (time step, batch, unit); s spikes, u membrane, w adaptation, G a random
weight, and g_* the gradient of L = sum(G * s), pulled back step by step with the box-car surrogate. Parameters named *_raw
are stored values that the forward pass clamps to the box.
"""
import argparse, os
import numpy as np

T, B, N, LAGS = 40, 3, 9, 8
BOX = dict(alpha=(0.36, 0.96), beta=(0.96, 0.99), a=(0.0, 1.0), b=(0.0, 2.0))

def taps(delay, kind, sigma):
    """kappa and its slope with respect to the delay, lags first: (LAGS, N, N)"""
    lag, d = np.arange(LAGS)[:, None, None], np.clip(delay, 0, LAGS - 1)[None]
    if kind == "whole":
        hit = (lag == np.round(d)).astype(float)
        return hit / (hit.sum(0) + 1e-7), np.zeros_like(hit)
    if kind == "gauss":
        width = sigma + 0.27
        x = np.exp(-((lag - d) ** 2) / (2 * width**2))
        slope = x * (lag - d) / width**2
    else:
        half = 1 + (sigma if kind == "triangle" else 0)
        x = np.maximum(0, half - abs(lag - d))
        slope = np.where(x > 0, np.sign(lag - d), 0)
    total = x.sum(0) + 1e-7
    kappa = x / total
    return kappa, (slope - kappa * slope.sum(0)) / total

def run(I, p, kernel):
    """kernel (LAGS, N, N)"""
    u = w = s = np.zeros((B, N))
    S, U, W, C = [], [], [], []
    for t in range(T):
        current = I[t].copy()
        for l in range(min(LAGS, t)):
            current += S[t - 1 - l] @ kernel[l]
        w = p["beta"] * w + p["a"] * u + p["b"] * s
        u = p["alpha"] * (u - s) + (1 - p["alpha"]) * (current - w)
        s = (u > 1).astype(float)
        S.append(s); U.append(u); W.append(w); C.append(current)
    return map(np.stack, (S, U, W, C))

def pull_back(G, p, kernel, S, U, W, C):
    """Gradients of the currents and of the parameters."""
    zero = np.zeros((B, N))
    before = lambda x, t: x[t - 1] if t > 0 else zero
    g_current, g = np.zeros((T, B, N)), {k: np.zeros(N) for k in p}
    g_u = g_w = g_s = zero
    for t in reversed(range(T)):
        above = G[t] + g_s
        for l in range(min(LAGS, T - 1 - t)):
            above = above + g_current[t + 1 + l] @ kernel[l].T
        g_u = g_u + above * ((U[t] - 1 > -0.5) & (U[t] - 1 <= 0.5))
        g_w = g_w - (1 - p["alpha"]) * g_u
        g_current[t] = (1 - p["alpha"]) * g_u
        g["alpha"] += (g_u * (before(U, t) - before(S, t) - C[t] + W[t])).sum(0)
        g["beta"] += (g_w * before(W, t)).sum(0)
        g["a"] += (g_w * before(U, t)).sum(0)
        g["b"] += (g_w * before(S, t)).sum(0)
        g_s = p["b"] * g_w - p["alpha"] * g_u
        g_u, g_w = p["alpha"] * g_u + p["a"] * g_w, p["beta"] * g_w
    return g_current, g

def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--out", default=".")
    args = args.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for number, (kind, sigma) in enumerate((("linear", 0.0), ("whole", 0.0), ("triangle", 1.5), ("gauss", 0.8))):
        rng = np.random.default_rng([args.seed, number])
        I, G = rng.normal(1.0, 2.0, (T, B, N)), rng.normal(size=(T, B, N))
        stored = {k: rng.uniform(lo - 0.02, hi + 0.02, N) for k, (lo, hi) in BOX.items()}
        p = {k: np.clip(v, *BOX[k]) for k, v in stored.items()}
        V, D = rng.normal(0, 1.5 / N**0.5, (N, N)), rng.uniform(0, LAGS - 1, (N, N))
        D[0, 1], D[2, 1] = -0.4, LAGS - 0.6      # outside their bounds
        other = 1 - np.eye(N)
        kappa, slope = taps(D, kind, sigma)
        kernel = V * other * kappa
        S, U, W, C = run(I, p, kernel)
        g_I, g = pull_back(G, p, kernel, S, U, W, C)
        g_kernel = np.zeros_like(kernel)
        for l in range(LAGS):
            for t in range(l + 1, T):
                g_kernel[l] += S[t - 1 - l].T @ g_I[t]
        inside = (D >= 0) & (D <= LAGS - 1)
        free = {k: (v >= BOX[k][0]) & (v <= BOX[k][1]) for k, v in stored.items()}
        values = dict(I=I, G=G, V=V, D=D, max_delay=LAGS - 1, sigma=sigma, s=S, u=U, w=W, g_I=g_I,
                      g_V=other * (kappa * g_kernel).sum(0), g_D=other * inside * V * (slope * g_kernel).sum(0))
        values.update({k + "_raw": v for k, v in stored.items()})
        values.update({"g_" + k: g[k] * free[k] for k in g})
        np.savez_compressed(os.path.join(args.out, f"recurrent_delay_{kind}.npz"), **{k: np.asarray(v, dtype=float) for k, v in values.items()})
        print(kind, "mean rate", S.mean())

main()
